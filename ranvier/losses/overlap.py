"""Losses of how well a predicted region covers the true one, in pictures and sequences.

Dimensions: B samples in the batch, N places of a sample (pixels, steps), C classes.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.core.kinds import check_ranges
from ranvier.losses.classes import class_probabilities, require_classes
from ranvier.losses.loss import LOSSES, Loss, at_least_float32


@dataclass(frozen=True)
class OverlapLoss(Loss):
    """One minus the overlap of p and q, softly counted: the mean over a sample's classes.

        TP_c = Σ_n p_nc·q_nc,  FP_c = Σ_n p_nc·(1 − q_nc),  FN_c = Σ_n (1 − p_nc)·q_nc

    p is the softmax of the logits, or, where `independent`, the sigmoid of each. A class that is
    neither there nor predicted overlaps fully, by `smoothing`. Places whose class index is `ignore`
    are no places; a sample without any other counts nothing.
    """

    _: KW_ONLY
    smoothing: float = 1.0
    independent: bool = False
    ignore: int | None = None

    def __post_init__(self) -> None:
        both = self.independent and self.ignore is not None
        check_ranges(
            self,
            smoothing=(self.smoothing > 0, "a number above 0"),
            ignore=(not both, "None where classes are independent: they have no class index"),
        )

    def overlap(self, hits: Tensor, false_alarms: Tensor, misses: Tensor) -> Tensor:
        """From TP, FP and FN of each class, [B, C], to its overlap from 0 to 1."""
        raise NotImplementedError

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        self._require_fit(prediction, target)
        logits = at_least_float32(prediction)
        p = (torch.sigmoid(logits) if self.independent else logits.softmax(-1)).flatten(1, -2)
        q = self._truth(logits, target).flatten(1, -2)
        miss = (1 - p) * q
        if self.ignore is not None:
            counted_BN1 = (target != self.ignore).to(p.dtype).flatten(1).unsqueeze(-1)
            p, q, miss = p * counted_BN1, q * counted_BN1, miss * counted_BN1
        sums = [counts.sum(1) for counts in (p * q, p * (1 - q), miss)]
        return 1 - self.overlap(*sums).mean(-1)

    @property
    def weighs_targets(self) -> bool:
        return self.ignore is not None

    def target_weight(self, prediction: Tensor, target: Tensor) -> Tensor | None:
        if self.ignore is None:
            return None
        counted = (target != self.ignore).flatten(1).any(1)
        return counted.to(at_least_float32(prediction).dtype)

    def _truth(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.independent:
            return target.to(logits.dtype).reshape(logits.shape)
        return class_probabilities(logits, target, self.ignore)

    def _require_fit(self, prediction: Tensor, target: Tensor) -> None:
        came, wanted = tuple(prediction.shape), tuple(target.shape)
        if prediction.ndim < 3:
            raise ShapeError(
                f"{self.kind}: got a prediction of shape {came}; expected logits [B, ..., C] with "
                "places between, such as [B, H, W, C]. For one answer per sample take "
                "cross_entropy."
            )
        if not self.independent:
            require_classes(self.kind, prediction, target, ignore=self.ignore)
        elif came not in (wanted, (*wanted, 1)):
            raise ShapeError(
                f"{self.kind}: got a prediction of shape {came} for a target of shape {wanted}; "
                "expected logits and answers [B, ..., C], or logits [B, ..., 1] and answers "
                "[B, ...]. Give the last layer one output per class."
            )


@LOSSES.register("dice", other_spellings=("dice_loss", "soft_dice", "f1_loss"))
@dataclass(frozen=True)
class Dice(OverlapLoss):
    """One minus twice the shared region over the sum of both: right even where a class is rare.

        l = 1 − 1/C · Σ_c D_c,  D_c = (2·TP_c + s) / (2·TP_c + FP_c + FN_c + s)
        ∂D_c/∂p_nc = (2·q_nc − D_c) / (Σ_n p_nc + Σ_n q_nc + s)

    TP, FP, FN are counted softly from probabilities, over each sample by itself; s is `smoothing`.
    From logits; p is their softmax, or the sigmoid of each where `independent`.

    Shapes: prediction [B, ..., C] logits with places between; target int64 [B, ...], or
    probabilities [B, ..., C] → each [B]. Where `independent`, answers [B, ..., C], or [B, ...] for
    a single class.

    Raises:
        ConfigError: smoothing not above 0, or `ignore` where classes are independent.

    Reference: Milletari, Navab and Ahmadi, V-Net (2016).
    """

    kind: ClassVar[str] = "dice"

    def overlap(self, hits: Tensor, false_alarms: Tensor, misses: Tensor) -> Tensor:
        twice = 2 * hits + self.smoothing
        return twice / (twice + false_alarms + misses)


@LOSSES.register("tversky", other_spellings=("tversky_loss",))
@dataclass(frozen=True)
class Tversky(OverlapLoss):
    """Dice that tells what is worse: to claim a place that is not, or to miss one that is.

        l = 1 − 1/C · Σ_c T_c,  T_c = (TP_c + s) / (TP_c + α·FP_c + β·FN_c + s)
        ∂T_c/∂p_nc = (q_nc − T_c·(q_nc + α·(1 − q_nc) − β·q_nc)) / (TP_c + α·FP_c + β·FN_c + s)

    α is what a false alarm costs, β what a miss does. At ½ and ½ it is Dice of twice the smoothing;
    at 1 and 1 one minus the intersection over union. From logits, as `Dice`.

    Shapes, and what may be refused: as `Dice`; also a cost below 0.

    Reference: Salehi, Erdogmus and Gholipour, Tversky Loss Function for Image Segmentation Using 3D
    Fully Convolutional Deep Networks (2017).
    """

    false_alarm: float = 0.5
    miss: float = 0.5

    kind: ClassVar[str] = "tversky"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(
            self,
            false_alarm=(self.false_alarm >= 0, "a number of at least 0"),
            miss=(self.miss >= 0, "a number of at least 0"),
        )

    def overlap(self, hits: Tensor, false_alarms: Tensor, misses: Tensor) -> Tensor:
        shared = hits + self.smoothing
        return shared / (shared + self.false_alarm * false_alarms + self.miss * misses)
