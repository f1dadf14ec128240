"""The gradient averaged over noisy copies of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.core.random import stream_seed
from ranvier.explain.method import METHODS, Method, Scores
from ranvier.explain.subject import Subject


@METHODS.register("smooth_grad", other_spellings=("smoothgrad",))
@dataclass(frozen=True)
class SmoothGrad(Method):
    """Saliency without the noise that the gradient has from one picture to the next.

        s = |mean over n of ∂f/∂x (x + ε)|,   ε ~ N(0, (noise · (max x − min x))²)

    The noise is a function of the seed and the picture's size alone, so a picture's map does not
    depend on which others are explained with it.

    Reference: Smilkov et al. 2017, arXiv:1706.03825.
    """

    kind: ClassVar[str] = "smooth_grad"
    is_signed: ClassVar[bool] = False
    reading: ClassVar[str] = (
        "Bright pixels are those whose change would move the answer most, on average over noisy "
        "copies of the picture. It is sensitivity, not what was found in the picture."
    )
    samples: int = 32
    noise: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            samples=(self.samples >= 1, "at least 1"),
            noise=(self.noise >= 0, "a share of the picture's range, at least 0"),
        )

    def scores(self, subject: Subject, pixels_BHWC: Tensor, targets_B: Tensor) -> Scores:
        pairs = zip(pixels_BHWC, targets_B, strict=True)
        return Scores(torch.stack([self._of(subject, pixels, target) for pixels, target in pairs]))

    def _of(self, subject: Subject, pixels_HWC: Tensor, target: Tensor) -> Tensor:
        noise = torch.Generator().manual_seed(stream_seed(self.seed, "smooth_grad"))
        deviation = self.noise * (pixels_HWC.max() - pixels_HWC.min())
        total_HWC = torch.zeros_like(pixels_HWC)
        for start in range(0, self.samples, subject.rows):
            count = min(subject.rows, self.samples - start)
            # Drawn one by one, so that a sample does not depend on how many go at a time.
            drawn = [torch.randn(pixels_HWC.shape, generator=noise) for _ in range(count)]
            noisy = pixels_HWC + deviation * torch.stack(drawn).to(pixels_HWC)
            total_HWC += subject.gradient(noisy, target.expand(count)).sum(0)
        return (total_HWC / self.samples).abs()
