"""The schedules that go up again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.core.kinds import check_ranges
from ranvier.optim.decays import Decay
from ranvier.optim.schedule import (
    SCHEDULES,
    Schedule,
    check_durations,
    cosine_anneal,
    steps_of,
)


@SCHEDULES.register(
    "cosine_restarts",
    other_spellings=("sgdr", "cosine_warm_restarts", "cosine_decay_restarts"),
)
@dataclass(frozen=True)
class CosineRestarts(Decay):
    """Half cosines one after the other, each `growth` times as long and `shrink` times as high.

        f = f₁ + (h − f₁)·½(1 + cos πp)        p: share of this cycle that is done,
                                               h = shrink^(cycles before it), at least f₁

    Left alone: cycles of 1, 2 and 4 sevenths of the run. A warm-up goes before the first.

    >>> restarts = CosineRestarts(first=10, growth=2.0)
    >>> [round(restarts.factor(step, total_steps=70), 2) for step in (0, 5, 10, 20, 30)]
    [1.0, 0.5, 1.0, 0.5, 1.0]

    Reference: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts (2017).
    """

    _: KW_ONLY
    first: int | float = 1 / 7
    growth: float = 2.0
    shrink: float = 1.0
    final: float = 0.0

    kind: ClassVar[str] = "cosine_restarts"

    def __post_init__(self) -> None:
        check_durations(self, warmup=self.warmup, first=self.first)
        check_ranges(
            self,
            first=(self.first > 0, "a number of steps, or a share of the run, above 0"),
            growth=(self.growth >= 1, "a number of at least 1"),
            shrink=(0 < self.shrink <= 1, "a number above 0 and at most 1"),
            final=(0 <= self.final <= 1, "a number from 0 to 1"),
        )

    def _after(self, step: float, total_steps: float) -> float:
        cycle, progress = self._place(step / steps_of(self.first, total_steps))
        return cosine_anneal(max(self.final, self.shrink**cycle), self.final, progress)

    def _place(self, firsts: float) -> tuple[int, float]:
        """Which cycle it is and how much of it is done, `firsts` first cycles from the start."""
        if self.growth == 1:
            return int(firsts), firsts % 1.0
        # k cycles take (growthᵏ − 1)/(growth − 1) times the first.
        cycle = int(math.log(firsts * (self.growth - 1) + 1, self.growth) + 1e-9)
        started = (self.growth**cycle - 1) / (self.growth - 1)
        return cycle, min(1.0, max(0.0, (firsts - started) / self.growth**cycle))


_SHAPES = ("triangular", "halving", "exponential")


@SCHEDULES.register("cyclic", other_spellings=("cyclical", "triangular", "CyclicLR"))
@dataclass(frozen=True)
class Cyclic(Schedule):
    """Up and down in straight lines between `low` and the peak, over and over.

        f = low + (1 − low)·s·max(0, 1 − |t/h − 2c + 1|)      h: `half`, c = ⌊1 + t/2h⌋
        s = 1, or ½^(c − 1) where `shape` is halving, or decayᵗ where it is exponential

    >>> [Cyclic(half=10, low=0.0).factor(step, total_steps=80) for step in (0, 5, 10, 20, 30)]
    [0.0, 0.5, 1.0, 0.0, 1.0]

    Reference: Smith, Cyclical Learning Rates for Training Neural Networks (2017); its triangular,
    triangular2 and exp_range.
    """

    _: KW_ONLY
    half: int | float = 0.1
    low: float = 0.1
    shape: str = "triangular"
    decay: float = 0.999

    kind: ClassVar[str] = "cyclic"

    def __post_init__(self) -> None:
        check_durations(self, half=self.half)
        check_ranges(
            self,
            half=(self.half > 0, "a number of steps, or a share of the run, above 0"),
            low=(0 <= self.low <= 1, "a number from 0 to 1"),
            shape=(self.shape in _SHAPES, ", ".join(_SHAPES[:-1]) + f" or {_SHAPES[-1]}"),
            decay=(0 < self.decay <= 1, "a number above 0 and at most 1"),
        )

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        halves = step / steps_of(self.half, total_steps)
        cycle = math.floor(1 + halves / 2)
        height = max(0.0, 1.0 - abs(halves - 2 * cycle + 1))
        scale = {
            "triangular": 1.0,
            "halving": 0.5 ** (cycle - 1),
            "exponential": self.decay**step,
        }[self.shape]
        return self.low + (1.0 - self.low) * scale * height
