"""The schedules that know only how far the run is. Progress is t = step / total steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.core.kinds import check_ranges
from ranvier.optim.schedule import (
    SCHEDULES,
    Schedule,
    check_durations,
    cosine_anneal,
    linear_warmup,
    steps_of,
)


@SCHEDULES.register("constant", other_spellings=("none", "fixed", "warmup"))
@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate throughout, after a linear warm-up if asked.

        f = 1

    >>> [Constant(warmup=2).factor(step, total_steps=10) for step in range(3)]
    [0.5, 1.0, 1.0]
    """

    _: KW_ONLY
    warmup: int | float = 0

    kind: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        check_durations(self, warmup=self.warmup)

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        return linear_warmup(step, steps_of(self.warmup, total_steps))


@SCHEDULES.register("cosine", other_spellings=("cosine_annealing", "cosine_decay", "flat_cosine"))
@dataclass(frozen=True)
class Cosine(Schedule):
    """Warm up in a line, hold the peak, then come down along half a cosine to `final`.

        f = f₁ + (1 − f₁)·½(1 + cos πp)        p: share of the way from the end of the hold
                                               to the end of the run

    `hold=0.5` is the flat-then-anneal that tables like: half the run at full rate.

    >>> cosine = Cosine(warmup=0.1, hold=0.4)
    >>> [round(cosine.factor(step, total_steps=100), 2) for step in (0, 9, 50, 75, 100)]
    [0.1, 1.0, 1.0, 0.5, 0.0]

    Reference: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts (2017),
    equation 5.
    """

    _: KW_ONLY
    warmup: int | float = 0
    hold: int | float = 0
    final: float = 0.0

    kind: ClassVar[str] = "cosine"

    def __post_init__(self) -> None:
        check_durations(self, warmup=self.warmup, hold=self.hold)
        check_ranges(self, final=(0 <= self.final <= 1, "a number from 0 to 1"))

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        warmup_steps = steps_of(self.warmup, total_steps)
        if step < warmup_steps:
            return linear_warmup(step, warmup_steps)
        anneal_from = warmup_steps + steps_of(self.hold, total_steps)
        if step < anneal_from:
            return 1.0
        return cosine_anneal(
            1.0, self.final, (step - anneal_from) / max(1, total_steps - anneal_from)
        )


@SCHEDULES.register("one_cycle", other_spellings=("onecycle", "1cycle"))
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up along half a cosine from `start` to the peak, then down along another to `final`.

        f = f₀ + (1 − f₀)·½(1 − cos πp)        p: share of the warm-up that is done, f₀: `start`
        f = f₁ + (1 − f₁)·½(1 + cos πp)        p: share of the rest that is done, f₁: `final`

    Reference: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using
    Large Learning Rates (2018); the cosines and defaults are those of fastai and PyTorch.
    """

    _: KW_ONLY
    warmup: int | float = 0.3
    start: float = 0.04
    final: float = 4e-6

    kind: ClassVar[str] = "one_cycle"

    def __post_init__(self) -> None:
        check_durations(self, warmup=self.warmup)
        check_ranges(
            self,
            start=(0 <= self.start <= 1, "a number from 0 to 1"),
            final=(0 <= self.final <= 1, "a number from 0 to 1"),
        )

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        # The peak falls on the last step of the warm-up, and `final` on the last of the run.
        peak = max(0.0, steps_of(self.warmup, total_steps) - 1)
        if step <= peak and peak > 0:
            return cosine_anneal(self.start, 1.0, step / peak)
        return cosine_anneal(1.0, self.final, (step - peak) / max(1.0, total_steps - 1 - peak))


@SCHEDULES.register("cosine_log", other_spellings=("coslog4", "cos_log"))
@dataclass(frozen=True)
class CosineLog(Schedule):
    """Cosine cycles that double in length, each coming down to zero: RealMLP's `coslog4`.

        f = ½(1 − cos(2π·log₂(1 + (2ᶜ − 1)·t)))        C cycles, 4 unless asked

    Reference: Holzmüller, Grinsztajn and Steinwart, Better by Default: Strong Pre-Tuned MLPs and
    Boosted Trees on Tabular Data (2024), section 3.
    """

    _: KW_ONLY
    cycles: int = 4

    kind: ClassVar[str] = "cosine_log"

    def __post_init__(self) -> None:
        check_ranges(self, cycles=(self.cycles >= 1, "a whole number of at least 1"))

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        progress = min(1.0, step / max(1, total_steps))
        phase = math.log2(1.0 + (2.0**self.cycles - 1.0) * progress)
        return 0.5 * (1.0 - math.cos(2.0 * math.pi * phase))
