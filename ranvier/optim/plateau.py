"""The schedule that watches the validation score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.core.kinds import check_ranges
from ranvier.optim.schedule import SCHEDULES, Schedule, check_durations, linear_warmup, steps_of


@SCHEDULES.register(
    "reduce_on_plateau", other_spellings=("reduce_lr_on_plateau", "plateau", "ReduceLROnPlateau")
)
@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Lower the rate when the validation score has stopped getting better.

        f = max(f₁, rᵏ)        k: how often it has stopped, r: `reduction`, f₁: `final`

    A score is better when it is under the best so far by more than `threshold` of the best's size.
    After more than `patience` evaluations in a row without one, the rate is multiplied by
    `reduction` (never below `final` in all) and the count starts anew. A score that is not a number
    is no gain. The factor hangs on `scores` alone once the warm-up is over.

    Raises:
        ConfigError: reduction or final outside 0 to 1, patience or threshold below 0.

    >>> plateau = ReduceOnPlateau(patience=1)
    >>> [plateau.factor(9, total_steps=9, scores=[1.0, 0.9, 0.9, 0.9][:n]) for n in (2, 3, 4)]
    [1.0, 1.0, 0.1]
    """

    _: KW_ONLY
    reduction: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    final: float = 0.0
    warmup: int | float = 0

    kind: ClassVar[str] = "reduce_on_plateau"

    def __post_init__(self) -> None:
        check_durations(self, warmup=self.warmup)
        check_ranges(
            self,
            reduction=(0 < self.reduction < 1, "a number between 0 and 1"),
            patience=(self.patience >= 0, "a whole number of at least 0"),
            threshold=(self.threshold >= 0, "a number of at least 0"),
            final=(0 <= self.final <= 1, "a number from 0 to 1"),
        )

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        best, waited, reductions = math.inf, 0, 0
        for score in scores:
            gain = self.threshold * abs(best) if math.isfinite(best) else 0.0
            if score < best - gain:
                best, waited = score, 0
                continue
            waited += 1
            if waited > self.patience:
                waited, reductions = 0, reductions + 1
        warm = linear_warmup(step, steps_of(self.warmup, total_steps))
        return warm * max(self.final, self.reduction**reductions)
