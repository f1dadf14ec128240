"""What stands in for pixels that are taken away.

B pictures, H × W pixels, C channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ranvier.core.errors import ConfigError, suggestion

BLUR_SHARE = 4
WORDS = ("black", "mean", "border", "blur")


def baseline_of(pixels_BHWC: Tensor, choice: float | str) -> Tensor:
    """Pictures without what is to be explained, of the same shape.

    `choice` is a number for every pixel, or
    - "black": zero;
    - "mean": the mean colour of each picture;
    - "border": the median colour of its outermost pixels, which for a thing on a plain ground is
      that ground;
    - "blur": the picture with its details gone, each pixel the mean of a square about it that
      reaches over half of the shorter side.

    Raises:
        ConfigError: for another word.
    """
    if not isinstance(choice, str):
        return pixels_BHWC.new_full(pixels_BHWC.shape, float(choice))
    if choice == "black":
        return pixels_BHWC.new_zeros(pixels_BHWC.shape)
    if choice == "mean":
        return pixels_BHWC.mean((1, 2), keepdim=True).expand_as(pixels_BHWC)
    if choice == "border":
        return _border(pixels_BHWC)[:, None, None, :].expand_as(pixels_BHWC)
    if choice == "blur":
        return _blurred(pixels_BHWC)
    raise ConfigError(
        f"baseline={choice!r}: expected a number or one of {', '.join(WORDS)}. "
        f"{suggestion(choice, WORDS)}"
    )


def _border(pixels_BHWC: Tensor) -> Tensor:
    """The median of the frame, channel by channel; of an even number, the lower middle one."""
    height, width = pixels_BHWC.shape[1:3]
    is_inside = pixels_BHWC.new_zeros(height, width).bool()
    is_inside[1 : height - 1, 1 : width - 1] = True
    return pixels_BHWC[:, ~is_inside].median(dim=1).values


def _blurred(pixels_BHWC: Tensor) -> Tensor:
    reach = max(1, min(pixels_BHWC.shape[1:3]) // BLUR_SHARE)
    view_BCHW = pixels_BHWC.movedim(-1, 1)
    means = F.avg_pool2d(view_BCHW, 2 * reach + 1, 1, reach, count_include_pad=False)
    return means.movedim(1, -1)
