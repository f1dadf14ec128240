"""Metrics of the overlap between the rows that are of a class and those said to be.

All are k / w, with k the weight in both. t is the weight of the rows that are of the class, p of
those said to be, and w is what makes each metric what it is. `average` says of what:

    second     the second of two classes
    macro      the mean over the classes that occur in the truth or the predictions
    weighted   their mean by their weight in the truth
    micro      all classes together: Σ k / Σ w
    rows       the mean over the rows that have or were given a label

A class that was never said has a precision of 0, and one that occurs nowhere has no score.

Dimensions: C classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import ConfigError, suggestion
from ranvier.metrics.labels import Labels
from ranvier.metrics.metric import Takes, metric
from ranvier.metrics.rows import Decided, Floats, Margins, weighted_mean

Average = Literal["second", "macro", "micro", "weighted", "rows"]
Whole = Callable[[Margins], Floats]


def _of_f(margins: Margins, *, beta: float) -> Floats:
    _, true, predicted = margins
    return (beta**2 * true + predicted) / (1 + beta**2)


def _of_precision(margins: Margins) -> Floats:
    return margins[2]


def _of_recall(margins: Margins) -> Floats:
    return margins[1]


def _of_iou(margins: Margins) -> Floats:
    hit, true, predicted = margins
    return true + predicted - hit


_of_f1 = partial(_of_f, beta=1.0)


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, and 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def precision(rows: Decided, *, average: Average = "macro") -> float:
    """Of what was said to be of a class, the share that is: k / p."""
    return _overlap(rows, whole=_of_precision, average=average)


def recall(rows: Decided, *, average: Average = "macro") -> float:
    """Of what is of a class, the share that was found: k / t."""
    return _overlap(rows, whole=_of_recall, average=average)


def f_beta(rows: Decided, *, beta: float = 1.0, average: Average = "macro") -> float:
    """Precision and recall in one, recall counting β times as much: (1 + β²)·k / (β²·t + p).

    Raises:
        ConfigError: a β that is not above 0.

    Reference: van Rijsbergen, Information Retrieval (1979), chapter 7.
    """
    if not 0 < beta < math.inf:
        raise ConfigError(
            f"f_beta: got beta = {beta}; expected a number above 0. Below 1 precision counts more, "
            "above 1 recall."
        )
    return _overlap(rows, whole=partial(_of_f, beta=beta), average=average)


def iou(rows: Decided, *, average: Average = "macro") -> float:
    """Intersection over union: k / (t + p − k).

    Reference: Jaccard, The Distribution of the Flora in the Alpine Zone (1912).
    """
    return _overlap(rows, whole=_of_iou, average=average)


def dice(rows: Decided, *, average: Average = "macro") -> float:
    """2·k / (t + p), as `f_beta` with β = 1 but named as those who segment pictures name it.

    Reference: Dice, Measures of the Amount of Ecologic Association between Species (1945).
    """
    return _overlap(rows, whole=_of_f1, average=average)


def per_class(rows: Decided) -> dict[str, Floats]:
    """`precision`, `recall`, `f1`, `iou` and `support` (the weight in the truth), [C] each.

    NaN for a class that neither is nor was said; its `support` is 0.

    >>> from ranvier.metrics import Masks
    >>> per_class(Masks.of([0, 0, 1], [0, 1, 1], num_classes=2))["iou"]
    array([0.5, 0.5])
    """
    margins = rows.margins
    wholes: dict[str, Whole] = {
        "precision": _of_precision,
        "recall": _of_recall,
        "f1": _of_f1,
        "iou": _of_iou,
    }
    scores = {
        name: np.where(_occurs(margins), ratio(margins[0], whole(margins)), math.nan)
        for name, whole in wholes.items()
    }
    return {**scores, "support": margins[1]}


def _occurs(margins: Margins) -> NDArray[np.bool_]:
    return (margins[1] > 0) | (margins[2] > 0)


def _overlap(rows: Decided, *, whole: Whole, average: Average) -> float:
    """k / w, averaged; NaN where nothing to average over occurs."""
    _require_known(average)
    margins, weights = rows.margins, rows.margins[1]
    if average == "second":
        margins = _each(margins, lambda part: part[1:2])
    elif average == "micro":
        margins = _each(margins, lambda part: part.sum(keepdims=True))
    elif average == "rows":
        if not isinstance(rows, Labels):
            raise ConfigError(
                f"average 'rows': {rows.takes} hold one class per row, so a mean over rows is the "
                "accuracy. Use 'macro', 'micro' or 'weighted'."
            )
        margins, weights = rows.margins_of_rows, rows.weights
    occurs = _occurs(margins)
    scores = ratio(margins[0], whole(margins))[occurs]
    if average in ("weighted", "rows"):
        weights = weights[occurs]
        return weighted_mean(scores, weights) if weights.any() else math.nan
    return float(scores.mean()) if len(scores) else math.nan


def _require_known(average: str) -> None:
    known = get_args(Average)
    if average not in known:
        here = {"binary": "second", "samples": "rows"}.get(average)
        hint = f"Here it is called {here!r}." if here else suggestion(average, known)
        raise ConfigError(f"unknown average {average!r}. {hint}")


def _each(margins: Margins, change: Callable[[Floats], Floats]) -> Margins:
    hit, true, predicted = margins
    return change(hit), change(true), change(predicted)


_MEASURES: dict[str, Callable[..., float]] = {
    "precision": precision,
    "recall": recall,
    "f1": partial(f_beta, beta=1.0),
    "f2": partial(f_beta, beta=2.0),
    "f0_5": partial(f_beta, beta=0.5),
    "iou": iou,
}
_TAKES: dict[Average, tuple[Takes, ...]] = {
    "second": ("probabilities", "masks"),
    "macro": ("probabilities", "labels", "masks"),
    "micro": ("probabilities", "labels", "masks"),
    "weighted": ("probabilities", "labels", "masks"),
    "rows": ("labels",),
}
_OTHER_SPELLINGS = {
    "precision": ("precision_score", "positive_predictive_value"),
    "recall": ("recall_score", "sensitivity", "true_positive_rate"),
    "f1": ("f1_score",),
    "f2": ("f2_score", "fbeta", "fbeta_score"),
    "f0_5": ("f0.5", "f05"),
    "iou": ("jaccard", "jaccard_score", "binary_iou"),
    "iou_macro": ("mean_iou", "miou"),
    "dice": ("dice_score", "dice_coefficient"),
    "dice_macro": ("mean_dice",),
}


def _enter(name: str, function: Callable[..., float], average: Average, *takes: Takes) -> None:
    """`name` of the second class, or with the average's name behind it."""
    classes = range(2, 3) if average == "second" else None
    full_name = name if average == "second" else f"{name}_{average}"
    metric(
        full_name,
        *takes,
        better="higher",
        classes=classes,
        other_spellings=_OTHER_SPELLINGS.get(full_name, ()),
    )(partial(function, average=average))


for _average, _takes in _TAKES.items():
    for _name, _function in _MEASURES.items():
        _enter(_name, _function, _average, *_takes)
_enter("dice", dice, "second", "masks")
_enter("dice", dice, "macro", "masks")
