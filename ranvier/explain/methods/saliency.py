"""The gradient of the answer, pixel by pixel, and the same times the pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ranvier.explain.method import METHODS, Method, Scores
from ranvier.explain.subject import Subject


@METHODS.register("saliency")
@dataclass(frozen=True)
class Saliency(Method):
    """How much the score would change if a pixel changed a little.

        s = |∂f/∂x|

    Reference: Simonyan et al. 2014, arXiv:1312.6034.
    """

    kind: ClassVar[str] = "saliency"
    is_signed: ClassVar[bool] = False
    reading: ClassVar[str] = (
        "Bright pixels are those whose smallest change would move the answer most. It is the "
        "sensitivity at this picture, not what was found in it, and it is often noisy."
    )

    def scores(self, subject: Subject, pixels_BHWC: Tensor, targets_B: Tensor) -> Scores:
        return Scores(subject.gradient(pixels_BHWC, targets_B).abs())


@METHODS.register("input_x_gradient", other_spellings=("gradient_x_input", "input_times_gradient"))
@dataclass(frozen=True)
class InputTimesGradient(Method):
    """What each pixel adds to the score, as far as the network is linear.

        s = x · ∂f/∂x

    For a linear network without a bias the values add up to the score.

    Reference: Shrikumar et al. 2016, arXiv:1605.01713.
    """

    kind: ClassVar[str] = "input_x_gradient"
    is_signed: ClassVar[bool] = True
    reading: ClassVar[str] = (
        "Warm pixels speak for the answer, cold ones against it, as far as the network is linear "
        "about this picture. A black pixel never says anything."
    )

    def scores(self, subject: Subject, pixels_BHWC: Tensor, targets_B: Tensor) -> Scores:
        return Scores(pixels_BHWC * subject.gradient(pixels_BHWC, targets_B))
