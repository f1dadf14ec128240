"""Pictures ready for training: pixels by part, what made them, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ranvier.core.finding import Finding
from ranvier.core.task import Task

if TYPE_CHECKING:
    import numpy as np

    from ranvier.data.image.encode import PictureEncoder


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one part.

    `pixels` are bytes, perhaps mapped from a file: rows are taken from them, and they are never
    copied as a whole. `truth` is the class index, the number in the target's own unit, or for each
    class whether it holds; `targets` is the same as a loss takes it, a number standardised.
    `weights` say what a picture counts in the loss, None for all alike; `numbers` count the
    pictures of the source from 1, and `names` are what people know them by.

    Shapes:
        pixels: [N, H, W, C]; targets, truth: [N] or [N, classes]; weights, numbers: [N]
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[Any]
    truth: NDArray[Any]
    weights: NDArray[np.float32] | None
    numbers: NDArray[np.int64]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, eq=False)
class PictureData:
    """What `prepare` makes of a source. A part that nobody asked for is None.

    `profile` holds facts for the report, `split` how the parts were chosen in one sentence, `why`
    the reason for the task; `sizes` says how the size of the pictures was decided.
    """

    task: Task
    why: str
    encoder: PictureEncoder
    train: Pictures
    validation: Pictures | None
    test: Pictures | None
    findings: tuple[Finding, ...]
    profile: dict[str, Any]
    split: str
    sizes: str
    fingerprint: str
    source: str
