"""What the answer loses when a part of the picture is covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.core.errors import ConfigError
from ranvier.core.kinds import check_ranges
from ranvier.explain.baseline import baseline_of
from ranvier.explain.method import METHODS, Method, Scores
from ranvier.explain.subject import Subject

WINDOWS_ALONG_A_SIDE = 7


@METHODS.register("occlusion")
@dataclass(frozen=True)
class Occlusion(Method):
    """How much the score falls when a square of the picture is covered.

        s(pixel) = mean over the squares W on it of  f(x) − f(x with W covered by the baseline)

    It needs no gradient and trusts no linearity; it costs a pass through the network for each
    square. The baseline is the colour of the picture's border unless told, so that covering takes
    something away: a grey square on a plain ground is itself a thing to be seen.

    `window` is the side of the square in pixels, a seventh of the shorter side unless told,
    `stride` the pixels from one to the next, half a window unless told. The last ones along a side
    may reach over the edge.

    Reference: Zeiler & Fergus 2014, arXiv:1311.2901.
    """

    kind: ClassVar[str] = "occlusion"
    is_signed: ClassVar[bool] = True
    reading: ClassVar[str] = (
        "Warm places are those that the answer needs: it falls when they are covered. Where it is "
        "cold, the answer rises when that place is covered."
    )
    window: int | None = None
    stride: int | None = None
    baseline: float | str = "border"

    def __post_init__(self) -> None:
        check_ranges(
            self,
            window=(self.window is None or self.window >= 1, "at least 1 pixel"),
            stride=(self.stride is None or self.stride >= 1, "at least 1 pixel"),
        )

    def scores(self, subject: Subject, pixels_BHWC: Tensor, targets_B: Tensor) -> Scores:
        corners_N2, window = self._corners(*pixels_BHWC.shape[1:3])
        baseline_BHWC = baseline_of(pixels_BHWC, self.baseline)
        score_B = subject.scores(pixels_BHWC, targets_B)
        values_BHW = torch.zeros_like(pixels_BHWC[..., 0])
        covered_HW = values_BHW.new_zeros(values_BHW.shape[1:])
        for corners in corners_N2.to(pixels_BHWC.device).split(subject.rows):
            is_covered_NHW = _squares(corners, window, covered_HW)
            covered_HW += is_covered_NHW.sum(0)
            for row, (pixels, baseline) in enumerate(zip(pixels_BHWC, baseline_BHWC, strict=True)):
                without = torch.where(is_covered_NHW.unsqueeze(-1), baseline, pixels)
                lost_N = score_B[row] - subject.scores(without, targets_B[row].expand(len(corners)))
                values_BHW[row] += (lost_N[:, None, None] * is_covered_NHW).sum(0)
        return Scores(values_BHW / covered_HW.clamp_min(1))

    def _corners(self, height: int, width: int) -> tuple[Tensor, int]:
        """Row and column where each square begins, and its side."""
        shorter = min(height, width)
        window = self.window or max(1, round(shorter / WINDOWS_ALONG_A_SIDE))
        stride = self.stride or max(1, window // 2)
        if window > shorter or stride > window:
            raise ConfigError(
                f"occlusion: window={window}, stride={stride} on pictures of {height} × {width}; "
                "expected a window that fits into the picture, and a stride no longer than it, so "
                "that every pixel is covered once. Make them smaller."
            )
        starts = [range(0, side - window + stride, stride) for side in (height, width)]
        return torch.cartesian_prod(*(torch.tensor(list(each)) for each in starts)), window


def _squares(corners_N2: Tensor, window: int, like_HW: Tensor) -> Tensor:
    """Which pixels each square covers: `[N, H, W]`."""
    height, width = like_HW.shape
    along = []
    for axis, side in enumerate((height, width)):
        place = torch.arange(side, device=like_HW.device)
        start = corners_N2[:, axis, None]
        along.append((place >= start) & (place < start + window))
    rows_NH, columns_NW = along
    return rows_NH.unsqueeze(2) & columns_NW.unsqueeze(1)
