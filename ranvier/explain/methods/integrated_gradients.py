"""The gradient integrated along the way from an empty picture to this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.explain.baseline import baseline_of
from ranvier.explain.method import METHODS, Method, Scores
from ranvier.explain.subject import Subject


@METHODS.register("integrated_gradients")
@dataclass(frozen=True)
class IntegratedGradients(Method):
    """What each pixel adds to the score on the straight way from a baseline b to the picture x.

        s = (x − b) · ∫₀¹ ∂f/∂x (b + t (x − b)) dt,    Σ s = f(x) − f(b)

    The integral is a Gauss–Legendre sum of `steps` places. `error` is Σ s − (f(x) − f(b)), what
    the sum misses; more steps make it smaller. A pixel that is as in the baseline gets nothing.

    Reference: Sundararajan et al. 2017, arXiv:1703.01365.
    """

    kind: ClassVar[str] = "integrated_gradients"
    is_signed: ClassVar[bool] = True
    reading: ClassVar[str] = (
        "Warm pixels speak for the answer, cold ones against it; together they are what this "
        "picture has and the baseline has not. A pixel that is as in the baseline says nothing."
    )
    steps: int = 50
    baseline: float | str = "black"

    def __post_init__(self) -> None:
        check_ranges(self, steps=(self.steps >= 1, "at least 1"))

    def scores(self, subject: Subject, pixels_BHWC: Tensor, targets_B: Tensor) -> Scores:
        baseline_BHWC = baseline_of(pixels_BHWC, self.baseline)
        values_BHWC = torch.stack(
            [
                self._of(subject, pixels, baseline, target)
                for pixels, baseline, target in zip(
                    pixels_BHWC, baseline_BHWC, targets_B, strict=True
                )
            ]
        )
        difference_B = subject.scores(pixels_BHWC, targets_B) - subject.scores(
            baseline_BHWC, targets_B
        )
        return Scores(values_BHWC, error=values_BHWC.sum((1, 2, 3)) - difference_B)

    def _of(
        self, subject: Subject, pixels_HWC: Tensor, baseline_HWC: Tensor, target: Tensor
    ) -> Tensor:
        places, weights = np.polynomial.legendre.leggauss(self.steps)
        along = pixels_HWC.new_tensor((places + 1) / 2)[:, None, None, None]
        shares = pixels_HWC.new_tensor(weights / 2)[:, None, None, None]
        way_HWC = pixels_HWC - baseline_HWC
        mean_HWC = torch.zeros_like(way_HWC)
        pairs = zip(along.split(subject.rows), shares.split(subject.rows), strict=True)
        for place, share in pairs:
            steps = baseline_HWC + place * way_HWC
            mean_HWC += (share * subject.gradient(steps, target.expand(len(steps)))).sum(0)
        return way_HWC * mean_HWC
