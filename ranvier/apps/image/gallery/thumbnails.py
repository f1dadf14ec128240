"""Pictures made small enough to stand in a report, as PNG in base64.

B batch, H height, W width, C channels.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ranvier.report.png import encode_png

SIDES = (96, 72, 56, 44, 32, 24)


def thumbnails(pictures: Sequence[NDArray[np.uint8]], *, most_bytes: int) -> list[str]:
    """Each picture as the base64 of a PNG, all of one scale.

    The longest side is at most 96 pixels, or the largest of a few smaller ones with which the text
    of all together is no longer than `most_bytes`; a smaller picture stays as it is.

    Shapes: each picture [H, W] or [H, W, C]
    """
    encoded: list[str] = []
    for side in SIDES:
        encoded = [b64encode(encode_png(shrunk(one, side))).decode() for one in pictures]
        if sum(map(len, encoded)) <= most_bytes:
            break
    return encoded


def shrunk(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The picture with its longest side `side`, every point the mean of those it stands for."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return np.ascontiguousarray(picture)
    size = max(1, round(height * side / longest)), max(1, round(width * side / longest))
    channels_CHW = torch.tensor(picture).reshape(height, width, -1).movedim(-1, 0)
    mean_CHW = F.adaptive_avg_pool2d(channels_CHW.float(), size)
    small = mean_CHW.round().to(torch.uint8).movedim(0, -1).numpy()
    return np.ascontiguousarray(small.reshape(*small.shape[:2], *picture.shape[2:]))
