"""The schedules that only ever fall. t is the step counted from the end of the warm-up."""

from __future__ import annotations

from bisect import bisect_right
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


@dataclass(frozen=True)
class Decay(Schedule):
    """A linear warm-up to the peak, then a fall that a member says.

    `_after(step, total_steps)` is the factor `step` steps after the warm-up, of `total_steps` that
    are left from there on.
    """

    _: KW_ONLY
    warmup: int | float = 0

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        warmup_steps = steps_of(self.warmup, total_steps)
        if step < warmup_steps:
            return linear_warmup(step, warmup_steps)
        return self._after(step - warmup_steps, max(1.0, total_steps - warmup_steps))

    def _after(self, step: float, total_steps: float) -> float:
        raise NotImplementedError


@dataclass(frozen=True)
class Periodic(Decay):
    """A fall that is measured in periods of `every`: p = t / every."""

    _: KW_ONLY
    every: int | float = 1.0

    def __post_init__(self) -> None:
        check_durations(self, warmup=self.warmup, every=self.every)
        wanted = "a number of steps, or a share of the run, above 0"
        check_ranges(self, every=(self.every > 0, wanted), **self._ranges())

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {}

    def _after(self, step: float, total_steps: float) -> float:
        return self._at(step / steps_of(self.every, total_steps))

    def _at(self, periods: float) -> float:
        raise NotImplementedError


@SCHEDULES.register("step", other_spellings=("step_lr", "step_decay", "StepLR", "multiplicative"))
@dataclass(frozen=True)
class StepDecay(Periodic):
    """Lower the rate by the same factor at equal intervals.

        f = r^⌊p⌋        r: `reduction`

    >>> [StepDecay(every=30).factor(step, total_steps=90) for step in (29, 30, 60)]
    [1.0, 0.1, 0.010000000000000002]
    """

    _: KW_ONLY
    every: int | float = 1 / 3
    reduction: float = 0.1

    kind: ClassVar[str] = "step"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {"reduction": (0 < self.reduction <= 1, "a number above 0 and at most 1")}

    def _at(self, periods: float) -> float:
        return self.reduction ** int(periods)


@SCHEDULES.register("exponential", other_spellings=("exponential_decay", "ExponentialLR"))
@dataclass(frozen=True)
class Exponential(Periodic):
    """Fall by the same factor over equal times, smoothly.

        f = r^p        r: `reduction`

    Left alone it comes down to a hundredth at the end of the run; `every=1, reduction=0.9` takes a
    tenth off at each step.

    >>> Exponential(every=10, reduction=0.5).factor(20, total_steps=100)
    0.25
    """

    _: KW_ONLY
    reduction: float = 0.01

    kind: ClassVar[str] = "exponential"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {"reduction": (0 < self.reduction <= 1, "a number above 0 and at most 1")}

    def _at(self, periods: float) -> float:
        return self.reduction**periods


@SCHEDULES.register("inverse_time", other_spellings=("inverse_time_decay",))
@dataclass(frozen=True)
class InverseTime(Periodic):
    """Fall as one over the time, as Robbins and Monro's theorem wants it.

        f = 1 / (1 + r·p)        r: `rate`

    >>> InverseTime(every=10, rate=1.0).factor(30, total_steps=100)
    0.25

    Reference: Robbins and Monro, A Stochastic Approximation Method (1951).
    """

    _: KW_ONLY
    rate: float = 10.0

    kind: ClassVar[str] = "inverse_time"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {"rate": (self.rate >= 0, "a number of at least 0")}

    def _at(self, periods: float) -> float:
        return 1.0 / (1.0 + self.rate * periods)


@SCHEDULES.register(
    "polynomial", other_spellings=("polynomial_decay", "linear", "PolynomialLR", "LinearLR")
)
@dataclass(frozen=True)
class Polynomial(Decay):
    """Fall to `final` along a power of what is left of the run; a straight line with power 1.

        f = f₁ + (1 − f₁)·(1 − t/T)^power

    >>> [Polynomial().factor(step, total_steps=100) for step in (0, 25, 100)]
    [1.0, 0.75, 0.0]
    """

    _: KW_ONLY
    power: float = 1.0
    final: float = 0.0

    kind: ClassVar[str] = "polynomial"

    def __post_init__(self) -> None:
        check_durations(self, warmup=self.warmup)
        check_ranges(
            self,
            power=(self.power > 0, "a number above 0"),
            final=(0 <= self.final <= 1, "a number from 0 to 1"),
        )

    def _after(self, step: float, total_steps: float) -> float:
        left = max(0.0, 1.0 - step / total_steps)
        return self.final + (1.0 - self.final) * left**self.power


@SCHEDULES.register(
    "piecewise", other_spellings=("piecewise_constant", "multi_step", "MultiStepLR")
)
@dataclass(frozen=True)
class Piecewise(Schedule):
    """One factor after the other, each from its boundary on.

        f = values[i]        from boundaries[i − 1] on, and before boundaries[i]

    >>> piecewise = Piecewise(boundaries=(0.5, 0.75), values=(1.0, 0.1, 0.01))
    >>> [piecewise.factor(step, total_steps=100) for step in (49, 50, 75)]
    [1.0, 0.1, 0.01]
    """

    _: KW_ONLY
    boundaries: tuple[int | float, ...] = (0.5, 0.75)
    values: tuple[float, ...] = (1.0, 0.1, 0.01)

    kind: ClassVar[str] = "piecewise"

    def __post_init__(self) -> None:
        object.__setattr__(self, "boundaries", tuple(self.boundaries))
        object.__setattr__(self, "values", tuple(self.values))
        kinds = {isinstance(boundary, int) for boundary in self.boundaries}
        rises = all(a < b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False))
        fits = all(b >= 0 and (isinstance(b, int) or b <= 1) for b in self.boundaries)
        check_ranges(
            self,
            boundaries=(
                rises and fits and len(kinds) <= 1,
                "rising numbers of steps, or rising shares of the run from 0.0 to 1.0",
            ),
            values=(
                len(self.values) == len(self.boundaries) + 1
                and all(0 <= value <= 1 for value in self.values),
                f"{len(self.boundaries) + 1} numbers from 0 to 1, one more than boundaries",
            ),
        )

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        boundaries = [steps_of(boundary, total_steps) for boundary in self.boundaries]
        return self.values[bisect_right(boundaries, step)]


_FALLS = ("linear", "cosine", "square_root")


@SCHEDULES.register(
    "warmup_stable_decay", other_spellings=("wsd", "trapezoidal", "warmup_hold_decay")
)
@dataclass(frozen=True)
class WarmupStableDecay(Schedule):
    """Up in a line, hold the peak, and come down only at the end, over `decay`.

        f = 1 until the decay begins, then f₁ + (1 − f₁)·fall(p)      p: share of the decay done
        fall(p) = 1 − p, or ½(1 + cos πp), or 1 − √p

    The run can be made longer after all: what was trained before the decay is not lost.

    >>> wsd = WarmupStableDecay(warmup=10, decay=0.2)
    >>> [wsd.factor(step, total_steps=100) for step in (4, 50, 90, 100)]
    [0.5, 1.0, 0.5, 0.0]

    Reference: Hu et al., MiniCPM: Unveiling the Potential of Small Language Models (2024), 4;
    Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations
    (2024), for the square root.
    """

    _: KW_ONLY
    warmup: int | float = 0.01
    decay: int | float = 0.2
    fall: str = "linear"
    final: float = 0.0

    kind: ClassVar[str] = "warmup_stable_decay"

    def __post_init__(self) -> None:
        check_durations(self, warmup=self.warmup, decay=self.decay)
        check_ranges(
            self,
            fall=(self.fall in _FALLS, ", ".join(_FALLS[:-1]) + f" or {_FALLS[-1]}"),
            final=(0 <= self.final <= 1, "a number from 0 to 1"),
        )

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        warm = linear_warmup(step, steps_of(self.warmup, total_steps))
        length = steps_of(self.decay, total_steps)
        done = (step - (total_steps - length)) / length if length > 0 else 0.0
        return min(warm, self._fallen(min(1.0, max(0.0, done))))

    def _fallen(self, done: float) -> float:
        if self.fall == "cosine":
            return cosine_anneal(1.0, self.final, done)
        left = 1.0 - (done if self.fall == "linear" else done**0.5)
        return self.final + (1.0 - self.final) * left
