"""The loss of a sequence of labels that nobody aligned with the input.

Dimensions: B samples in the batch, T frames, C classes with the blank, S places for labels.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import LOSSES, Loss, at_least_float32


@LOSSES.register("ctc", other_spellings=("ctc_loss", "connectionist_temporal_classification"))
@dataclass(frozen=True)
class CTC(Loss):
    """Surprise at a label sequence, summed over every way to lay it along the frames.

        l = −log Σ_π Π_t softmax(z_t)_{π_t}        ∂l/∂z_tk = softmax(z_t)_k − P(π_t = k | labels)

    π runs over all frame labellings that give the labels when repeats are merged and blanks left
    out. torch's kernel, from logits. l is the whole sequence's, not divided by its length. A sample
    whose labels need more frames than it has costs 0 and teaches nothing.

    Labels end where `padding` begins. All T frames are real unless `frames_first`: the target's
    first column then is each sample's number of real frames; `with_frames` puts it there.

    Shapes: prediction [B, T, C] logits; target int64 [B, S], or [B, 1 + S] with frames → each [B].

    Raises:
        ConfigError: a blank below 0, or a padding that is a class.

    Reference: Graves, Fernández, Gomez and Schmidhuber, Connectionist Temporal Classification
    (2006).
    """

    _: KW_ONLY
    blank: int = 0
    padding: int = -1
    frames_first: bool = False

    kind: ClassVar[str] = "ctc"
    # torch's kernel reads the lengths on the host to know how large its tables are.
    capturable: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_ranges(
            self,
            blank=(self.blank >= 0, "a class index of at least 0"),
            padding=(
                self.padding < 0 or self.padding == self.blank,
                "a number below 0, or the blank: else it is a label",
            ),
        )

    @staticmethod
    def with_frames(target: Tensor, frames: Tensor) -> Tensor:
        """The target [B, S] behind a column of how many frames are real.

        `frames` holds those numbers, [B], or is a mask [B, T] that is true where a frame is real;
        real frames come first.
        """
        if frames.ndim == 2:
            frames = (frames != 0).sum(1)
        return torch.cat([frames.to(target.dtype).unsqueeze(1), target], dim=1)

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        self._require_fit(prediction, target)
        log_p_TBC = F.log_softmax(at_least_float32(prediction), -1).transpose(0, 1)
        batch, frames = prediction.shape[:2]
        if self.frames_first:
            lengths, labels = target[:, 0], target[:, 1:]
        else:
            lengths, labels = target.new_full((batch,), frames), target
        is_label = labels != self.padding
        return F.ctc_loss(
            log_p_TBC,
            # The kernel looks at no label beyond the length; one below 0 would still be refused.
            labels.masked_fill(~is_label, self.blank),
            lengths,
            is_label.sum(1),
            blank=self.blank,
            reduction="none",
            zero_infinity=True,
        )

    def _require_fit(self, prediction: Tensor, target: Tensor) -> None:
        came, wanted = tuple(prediction.shape), tuple(target.shape)
        if len(came) != 3 or len(wanted) != 2 or came[0] != wanted[0]:
            raise ShapeError(
                f"{self.kind}: got a prediction of shape {came} for a target of shape {wanted}; "
                "expected logits [B, T, C] and labels [B, S]. Give the network one output per "
                "class and the blank at every frame."
            )
        if target.dtype != torch.int64:
            raise ShapeError(
                f"{self.kind}: got labels of {str(target.dtype).removeprefix('torch.')}; expected "
                "class indices in int64. Call target.long()."
            )
        if self.blank >= came[2]:
            raise ShapeError(
                f"{self.kind}: got logits of shape {came} with the blank at {self.blank}; expected "
                f"[B, T, C] with C above {self.blank}. Give the network one output more."
            )
