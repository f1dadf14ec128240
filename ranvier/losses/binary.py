"""What losses of yes-or-no answers share: from one logit, or one score, per answer.

Dimensions: B samples in the batch; `...` a sample's answers, none for one, or L labels, or pixels.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import at_least_float32
from ranvier.losses.placewise import PlacewiseLoss, require_equal_shapes


@dataclass(frozen=True)
class BinaryLoss(PlacewiseLoss):
    """What it costs to score z where the answer is yes with probability q.

        q' = (1 − ε)·q + ε/2
        l  = q'·cost(z) + (1 − q')·cost(−z)

    `class_weights` is (weight of no, weight of yes): an answer counts (1 − q)·v₀ + q·v₁.
    """

    _: KW_ONLY
    label_smoothing: float = 0.0
    class_weights: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        weights = (0.0, 0.0) if self.class_weights is None else self.class_weights
        check_ranges(
            self,
            label_smoothing=(0 <= self.label_smoothing <= 1, "a number from 0 to 1"),
            class_weights=(
                len(weights) == 2 and min(weights) >= 0,
                "two numbers of at least 0, for no and for yes",
            ),
        )

    def cost(self, score: Tensor) -> Tensor:
        """What each score costs where the answer is yes."""
        raise NotImplementedError

    def answers(self, score: Tensor, probability: Tensor) -> Tensor:
        """The loss of every answer; a member overrides it where torch has a kernel for it."""
        return probability * self.cost(score) + (1 - probability) * self.cost(-score)

    def places(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_equal_shapes(self.kind, prediction, target)
        prediction = at_least_float32(prediction)
        target = target.to(prediction.dtype)
        if self.label_smoothing:
            target = (1 - self.label_smoothing) * target + self.label_smoothing / 2
        return self.answers(prediction, target)

    @property
    def weighs_targets(self) -> bool:
        return self.class_weights is not None

    def place_weight(self, prediction: Tensor, target: Tensor) -> Tensor | None:
        if self.class_weights is None:
            return None
        weight_no, weight_yes = self.class_weights
        return weight_no + (weight_yes - weight_no) * target.to(at_least_float32(prediction).dtype)
