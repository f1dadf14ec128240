"""How targets go with inputs, seen without a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ranvier.diagnose.evidence import LabelFacts

ROWS = 4000
NEIGHBOUR_ROWS = 1500
BINS = 16
MOST_FEATURES = 2000
# What else than a table is told apart by so many of its numbers, at even distances.
MOST_PLACES = 4096


def label_facts(
    inputs: Tensor, targets: Tensor, *, form: str, names: Sequence[str] = ()
) -> LabelFacts:
    """What one feature alone tells, what the nearest row tells, and whether rows lie in order.

    On at most 4,000 rows, drawn evenly; `form` is that of the targets. Numbers and bytes only:
    whole numbers that are looked up lie nowhere near each other.
    """
    told = _told(targets, form)
    is_measured = inputs.dtype.is_floating_point or inputs.dtype == torch.uint8
    if told is None or not is_measured or len(inputs) < 2 * BINS:
        return LabelFacts(ordered=None if told is None else _ordered(told, form))
    step = max(1, len(inputs) // ROWS)
    x, y = _features(inputs[::step]), told[::step]
    best, feature = _best_single(x.numpy(), y, form) if inputs.ndim == 2 else (None, None)
    agreement, by_chance = _neighbours(x, y, form)
    return LabelFacts(
        best_single=best,
        best_feature=None if feature is None else _name(names, feature),
        neighbours=agreement,
        neighbours_by_chance=by_chance,
        ordered=_ordered(told, form),
    )


def _features(rows: Tensor) -> Tensor:
    """The rows of a table `[N, F]`, or the rows that neighbours are sought among, places apart."""
    if rows.ndim > 2:
        flat = rows[:NEIGHBOUR_ROWS].flatten(1)
        rows = flat[:, :: max(1, -(-flat.shape[1] // MOST_PLACES))]
    return rows.detach().double().reshape(len(rows), -1).nan_to_num(0).cpu()


def _name(names: Sequence[str], place: int) -> str:
    return names[place] if place < len(names) else f"feature {place}"


def _told(targets: Tensor, form: str) -> np.ndarray | None:
    """One label or number a row `[N]`; None where a row has several."""
    values = targets.detach().cpu().reshape(len(targets), -1)
    if form == "classes" and values.shape[1] == 1:
        return values[:, 0].long().numpy()
    if form in ("indicators", "distribution") and values.shape[1] > 1:
        is_one_hot = bool((values.double().sum(1) - 1).abs().max() < 1e-3)
        return values.argmax(1).numpy() if is_one_hot else None
    if values.shape[1] != 1:
        return None
    column = values[:, 0].double().nan_to_num(0).numpy()
    return column.astype(np.int64) if form == "indicators" else column


def _is_number(form: str) -> bool:
    return form == "numbers"


def _best_single(x: np.ndarray, y: np.ndarray, form: str) -> tuple[float, int]:
    """The feature that tells most of the target by its value alone, and how much of it.

    Each feature is cut into 16 bins at its quantiles, and every bin answers with its mean or its
    commonest class, on rows that it was not counted on: R², or (accuracy − chance)/(1 − chance).
    """
    half = np.arange(len(x)) % 2 == 0
    scores = [
        _told_by(_binned(x[:, j]), y, half, form) for j in range(min(x.shape[1], MOST_FEATURES))
    ]
    best = int(np.argmax(scores))
    return float(scores[best]), best


def _binned(values: np.ndarray) -> np.ndarray:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def _told_by(bins: np.ndarray, y: np.ndarray, half: np.ndarray, form: str) -> float:
    seen, asked = y[half], y[~half]
    if _is_number(form):
        count = np.bincount(bins[half], minlength=BINS)
        sums = np.bincount(bins[half], weights=seen, minlength=BINS)
        answer = np.where(count > 0, sums / np.maximum(count, 1), seen.mean())[bins[~half]]
        spread = float(((asked - seen.mean()) ** 2).sum())
        return 1 - float(((asked - answer) ** 2).sum()) / spread if spread else 0.0
    classes = int(y.max()) + 1
    table = np.bincount(bins[half] * classes + seen, minlength=BINS * classes)
    commonest = np.bincount(seen, minlength=classes).argmax()
    table = table[: BINS * classes].reshape(-1, classes)
    answer = np.where(table.sum(1) > 0, table.argmax(1), commonest)[bins[~half]]
    chance = float((asked == commonest).mean())
    return (float((asked == answer).mean()) - chance) / max(1e-9, 1 - chance)


def _neighbours(x: Tensor, y: np.ndarray, form: str) -> tuple[float, float]:
    """How often the nearest other row has the same label, and how often any other row has.

    Of numbers: the correlation of a row's with its neighbour's, against 0.
    """
    x, y = x[:NEIGHBOUR_ROWS], y[:NEIGHBOUR_ROWS]
    std = x.std(0, unbiased=False)
    x = (x - x.mean(0)) / torch.where(std > 0, std, 1.0)
    distance = torch.cdist(x, x).fill_diagonal_(torch.inf)
    nearest = distance.argmin(1).numpy()
    if _is_number(form):
        return _correlation(y, y[nearest]), 0.0
    shares = np.bincount(y) / len(y)
    return float((y == y[nearest]).mean()), float((shares**2).sum())


def _ordered(y: np.ndarray, form: str) -> float:
    """The correlation of a row's target with the next one's; of classes, how much more often they
    are equal than by chance, from 0 to 1."""
    if len(y) < 2:
        return 0.0
    if _is_number(form):
        return _correlation(y[:-1], y[1:])
    chance = float(((np.bincount(y) / len(y)) ** 2).sum())
    return (float((y[:-1] == y[1:]).mean()) - chance) / max(1e-9, 1 - chance)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
