"""Scores by name, which of them a task is judged by, and the prediction that needs no network."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from ranvier.core.errors import ConfigError, suggestion
from ranvier.core.task import Task
from ranvier.metrics.labels import labels_of
from ranvier.metrics.metric import METRICS, Metric
from ranvier.metrics.rows import Floats, Rows, rows_of, weighted_mean

# A ranking metric sorts all rows once per class, so beyond this it is for those who ask.
_MOST_CLASSES_RANKED, _MOST_LABELS_RANKED = 10, 100


def compute(
    task: Task,
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    names: Iterable[str] | None = None,
) -> dict[str, float]:
    """The metrics `names`, or the task's default ones, of predictions against the truth.

    A metric that the rows leave undefined is NaN: a class absent, a constant truth, one row, no
    row, a prediction that is not finite. It is null in JSON.

    Shapes: truth [N] class indices with predicted [N, C] probabilities, truth [N, C] of 0 and 1
    with the same, or truth [N] with predicted [N]; weights [N].

    Raises:
        UnknownNameError: no metric of that name; the nearest is offered.
        ConfigError: a metric of another kind of task.
        ShapeError, DataError: arrays that do not belong together.

    >>> task = Task("regression", "price")
    >>> compute(task, [1.0, 3.0], [1.0, 4.0], names=["mae", "r2"])
    {'mae': 0.5, 'r2': 0.5}
    """
    metrics = [_fitting(name, task) for name in (default_metrics(task) if names is None else names)]
    return _scores(_rows(task, truth, predicted, weights), metrics)


def _rows(
    task: Task, truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None
) -> Rows | None:
    return (labels_of if task.is_multilabel else rows_of)(task, truth, predicted, weights)


def score(rows: Rows, *, names: Iterable[str] | None = None) -> dict[str, float]:
    """The metrics `names`, or all that take rows of this kind, as `compute` gives them.

    Raises:
        UnknownNameError: no metric of that name; the nearest is offered.
        ConfigError: a metric of another kind of rows.

    >>> from ranvier.metrics import Texts
    >>> score(Texts.of(["the cat sat"], ["the cat"]), names=["word_error_rate"])
    {'word_error_rate': 0.3333333333333333}
    """
    known = [other.name for other in METRICS.values() if _says_of(other, rows)]
    metrics = [METRICS[name] for name in (known if names is None else names)]
    for metric in metrics:
        if not _says_of(metric, rows):
            of_classes = f" of {rows.num_classes} classes" if rows.num_classes else ""
            raise ConfigError(
                f"metric {metric.name!r}: it takes {' or '.join(metric.takes)} and does not fit "
                f"{rows.takes}{of_classes}. {suggestion(metric.name, known)}"
            )
    return _scores(rows if rows.is_scorable else None, metrics)


def _says_of(metric: Metric, rows: Rows) -> bool:
    return metric.says_of(rows.takes, rows.num_classes)


def _scores(rows: Rows | None, metrics: list[Metric]) -> dict[str, float]:
    if rows is None:
        return {metric.name: math.nan for metric in metrics}
    with np.errstate(all="ignore"):
        return {metric.name: metric.function(rows) for metric in metrics}


def _fitting(name: str, task: Task) -> Metric:
    metric = METRICS[name]
    if not metric.fits(task):
        known = [other.name for other in METRICS.values() if other.fits(task)]
        what = "regression"
        if task.is_classification:
            what = f"classification into {task.outputs} classes"
        elif task.is_multilabel:
            what = f"multilabel of {task.outputs} classes"
        raise ConfigError(
            f"metric {name!r}: it does not fit {task.target!r}, a {what}. {suggestion(name, known)}"
        )
    return metric


def default_metrics(task: Task) -> tuple[str, ...]:
    """The metrics a task is reported with, the primary one first."""
    if task.is_multilabel:
        return _metrics_of_labels(task)
    if not task.is_classification:
        return ("rmse", "mae", "median_absolute_error", "r2", "explained_variance", "pearson",
                "spearman")  # fmt: skip
    shared = ("accuracy", "balanced_accuracy", "log_loss", "brier", "expected_calibration_error",
              "precision_macro", "recall_macro", "f1_macro", "matthews", "cohen_kappa")  # fmt: skip
    if task.outputs == 2:
        return ("roc_auc", *shared, "f1", "average_precision")
    ranking = ("roc_auc",) if task.outputs <= _MOST_CLASSES_RANKED else ()
    return (*shared, *ranking, *(("top_5_accuracy",) if task.outputs > 5 else ()))


def _metrics_of_labels(task: Task) -> tuple[str, ...]:
    ranking = ("average_precision", "roc_auc") if task.outputs <= _MOST_LABELS_RANKED else ()
    return ("f1_macro", "f1_micro", "precision_macro", "recall_macro", *ranking, "accuracy",
            "hamming_loss", "iou_macro", "log_loss", "brier",
            "expected_calibration_error")  # fmt: skip


def primary_metric(task: Task) -> str:
    """The one number a network for this task is judged by.

    Two classes: `roc_auc`, which neither unequal classes nor the choice of a threshold can flatter.
    More classes: `accuracy`, what most people ask of a label. A number: `rmse`, in the target's own
    unit and always defined; it puts networks in the same order as r2 does. Any number of classes:
    `f1_macro`, in which a rare class counts as much as a common one, and which is defined whichever
    classes the rows hold.

    Whoever stops early by a score may prefer `log_loss`: it is defined whichever classes the
    validation rows hold, and moves when no decision does.
    """
    if task.is_multilabel:
        return "f1_macro"
    if not task.is_classification:
        return "rmse"
    return "roc_auc" if task.outputs == 2 else "accuracy"


def higher_is_better(name: str) -> bool:
    """Whether more of this metric is better.

    >>> higher_is_better("r2"), higher_is_better("rmse")
    (True, False)
    """
    return METRICS[name].higher_is_better


def baseline(
    task: Task, train_truth: ArrayLike, num_rows: int, *, weights: ArrayLike | None = None
) -> Floats:
    """What would be predicted of `num_rows` rows without looking at them, read-only.

    The class frequencies of the training rows, [num_rows, C], or their mean, [num_rows]; of any
    number of classes the share of the rows that each holds for, [num_rows, C].

    >>> baseline(Task("classification", "sex", ("f", "m")), [0, 1, 1, 1], 1)
    array([[0.25, 0.75]])
    """
    truth = np.asarray(train_truth)
    has_weights = weights is not None and np.any(weights)
    weights_N = np.asarray(weights, dtype=np.float64) if has_weights else np.ones(len(truth))
    if task.is_multilabel:
        shares = weights_N @ truth.astype(np.float64) / weights_N.sum()
        return np.broadcast_to(shares, (num_rows, task.outputs))
    if not task.is_classification:
        mean = weighted_mean(truth.astype(np.float64), weights_N)
        return np.broadcast_to(np.float64(mean), (num_rows,))
    counts = np.bincount(truth.astype(np.int64), weights_N, task.outputs)
    return np.broadcast_to(counts / counts.sum(), (num_rows, task.outputs))
