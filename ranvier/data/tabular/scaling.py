"""Numbers brought to a scale on which a network learns, fitted on the training rows alone."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ScalingMethod = Literal["standard", "robust", "quantile"]
SCALING_METHODS: tuple[ScalingMethod, ...] = ("standard", "robust", "quantile")
DEFAULT_SCALING: ScalingMethod = "robust"

_CLIP = 3.0
# Beyond this a number counts as this: squares, sums and spreads of columns then stay finite.
_LARGEST = 1e150
_KNOTS = 1_001


@dataclass(frozen=True)
class Scaling:
    """A monotone map of one column of numbers; a missing number becomes 0, the middle.

    - `standard`: z = (x − μ) / σ. One wild value squeezes all others together.
    - `robust`: z = (x − median) / (q₇₅ − q₂₅), then z / √(1 + (z / 3)²). Wild values end within
      ±3 and the bulk keeps its shape.
    - `quantile`: the value's rank among the training values, as that quantile of a normal
      distribution, linear between `knots`. Any shape becomes a bell.

    Every operation is exact or correctly rounded per element, so a row is encoded to the same bits
    alone as in a batch.

    Reference: D. Holzmüller et al., Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
        Tabular Data, 2024 (robust scaling and smooth clipping).
    """

    method: ScalingMethod
    center: float = 0.0
    factor: float = 1.0
    knots: tuple[float, ...] = ()
    heights: tuple[float, ...] = ()

    def __call__(self, values: Floats) -> Floats:
        if self.method == "quantile":
            return self._to_normal(values)
        scaled = (np.clip(values, -_LARGEST, _LARGEST) - self.center) * self.factor
        if self.method == "robust":
            scaled = np.clip(scaled, -_LARGEST, _LARGEST)
            scaled = scaled / np.sqrt(1.0 + (scaled / _CLIP) ** 2)
        # float32 holds no more; beyond this a feature is an outlier of any scaling.
        scaled = np.clip(scaled, -1e30, 1e30)
        return np.where(np.isfinite(values), scaled, 0.0)

    def _to_normal(self, values: Floats) -> Floats:
        known = np.where(np.isfinite(values), values, self.knots[0])
        knots, heights = np.array(self.knots), np.array(self.heights)
        if len(knots) == 1:
            return np.zeros(len(values))
        left = np.clip(np.searchsorted(knots, known, side="right") - 1, 0, len(knots) - 2)
        clipped = np.clip(known, knots[0], knots[-1])
        width = knots[left + 1] - knots[left]
        along = (clipped - knots[left]) / np.where(width > 0, width, 1.0)
        result = heights[left] + along * (heights[left + 1] - heights[left])
        return np.where(np.isfinite(values), result, 0.0)


def fit_scaling(values: Floats, method: ScalingMethod = DEFAULT_SCALING) -> Scaling:
    """The scaling that the finite ones of `values` ask for."""
    present = np.clip(values[np.isfinite(values)], -_LARGEST, _LARGEST)
    if len(present) == 0:
        return Scaling("standard")
    if method == "quantile":
        return _fit_quantile(present)
    if method == "robust":
        low, median, high = (float(q) for q in np.quantile(present, (0.25, 0.5, 0.75)))
        spread = high - low
        if spread <= 0:
            # More than half of the values are equal: the whole range gives the unit, halved as
            # the reference does, so that a rare 1 among zeros lands at 2.
            spread = float(present.max() - present.min()) / 2
        return Scaling("robust", median, _inverse(spread))
    return Scaling("standard", float(present.mean()), _inverse(float(present.std())))


def _inverse(spread: float) -> float:
    """1 / spread, and 1 where the column does not vary."""
    if spread < 1.0 / _LARGEST:
        return 1.0
    return 1.0 / spread


def _fit_quantile(present: Floats) -> Scaling:
    """Knots at evenly spaced ranks; equal values share the middle of their ranks."""
    count = min(_KNOTS, len(present))
    ranks = np.linspace(0.0, 1.0, count) if count > 1 else np.array([0.5])
    values = np.quantile(present, ranks, method="nearest")
    knots, first, times = np.unique(values, return_index=True, return_counts=True)
    middle = ranks[first] + (times - 1) / 2 / max(count - 1, 1)
    edge = 0.5 / len(present) if len(present) < 1_000 else 1e-3
    normal = NormalDist()
    heights = [normal.inv_cdf(min(max(float(rank), edge), 1 - edge)) for rank in middle]
    middle_height = float(np.median(np.repeat(heights, times)))
    heights = [height - middle_height for height in heights]
    return Scaling("quantile", knots=tuple(float(knot) for knot in knots), heights=tuple(heights))
