"""How far the headline number may be off for no other reason than that the rows are few."""

from __future__ import annotations

import math
from typing import Any

from ranvier.report.gather import Json, ReportData
from ranvier.report.words import is_number

Z = 1.959964  # the normal quantile that leaves 2.5 % on either side
Interval = tuple[float, float]


def interval(data: ReportData) -> Interval | None:
    """A 95 % interval of the primary metric on the rows it is judged on, where there is a formula.

    There is one for accuracy, for ROC AUC with two classes and for the root mean squared error,
    and none where rows carry weights.
    """
    split, metric = data.judged_on, data.primary_metric
    if split is None or metric is None or (data.run.get("settings") or {}).get("weight"):
        return None
    value, event = data.metrics(split).get(metric), data.evaluations.get(split, {})
    if not is_number(value):
        return None
    if metric == "rmse":
        return _of_rmse(event.get("residuals") or {}, data.rows(split))
    counts = (event.get("confusion") or {}).get("counts") or ()
    sizes = [sum(row) for row in counts]
    if metric == "accuracy" and sum(sizes):
        return wilson(value, sum(sizes))
    # At 0 and 1 the formula knows no spread at all, which would be said with a false certainty.
    if metric == "roc_auc" and len(sizes) == 2 and all(sizes) and 0 < value < 1:
        return hanley(value, positive=sizes[1], negative=sizes[0])
    return None


def wilson(share: float, rows: float) -> Interval:
    """The interval of a share seen in so many rows.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)

    >>> [round(end, 4) for end in wilson(0.9, 100)]
    [0.8256, 0.9448]

    Reference: Wilson, Probable Inference, the Law of Succession (1927).
    """
    middle = share + Z * Z / (2 * rows)
    reach = Z * math.sqrt(share * (1 - share) / rows + Z * Z / (4 * rows * rows))
    scale = 1 + Z * Z / rows
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def hanley(area: float, *, positive: float, negative: float) -> Interval:
    """The interval of an area under the ROC curve, from the numbers of rows of either class.

    Var A = (A(1 − A) + (m − 1)(Q₁ − A²) + (n − 1)(Q₂ − A²)) / mn,
    Q₁ = A/(2 − A),  Q₂ = 2A²/(1 + A),  m positive rows, n negative ones.

    >>> [round(end, 2) for end in hanley(0.68, positive=26, negative=199)]
    [0.56, 0.8]

    Reference: Hanley & McNeil, The Meaning and Use of the Area under a ROC Curve (1982).
    """
    first, second = area / (2 - area), 2 * area * area / (1 + area)
    variance = (
        area * (1 - area)
        + (positive - 1) * (first - area * area)
        + (negative - 1) * (second - area * area)
    ) / (positive * negative)
    reach = Z * math.sqrt(max(0.0, variance))
    return max(0.0, area - reach), min(1.0, area + reach)


def _of_rmse(residuals: Json, rows: int | None) -> Interval | None:
    """From the spread of the squared errors of the rows kept, scaled to all that were judged."""
    pairs: Any = zip(residuals.get("predicted") or (), residuals.get("truth") or (), strict=False)
    squares = [(p - t) ** 2 for p, t in pairs if is_number(p) and is_number(t)]
    if len(squares) < 8:
        return None
    mean = sum(squares) / len(squares)
    spread = math.sqrt(sum((square - mean) ** 2 for square in squares) / (len(squares) - 1))
    reach = Z * spread / math.sqrt(rows or len(squares))
    return math.sqrt(max(0.0, mean - reach)), math.sqrt(mean + reach)
