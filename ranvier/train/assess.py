"""A part of the data looked at closely after training: what the report shows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ranvier.core.task import Task
from ranvier.metrics import calibration, confusion_matrix, counts_of_labels, roc_curve
from ranvier.step import Head
from ranvier.step.reading import PREDICTION, Arrays
from ranvier.train.evaluate import scores

WORST = 20
SCATTER_ROWS = 2000
LARGEST_CONFUSION = 100


def assess(
    head: Head,
    truth: np.ndarray,
    answer: Arrays,
    *,
    split: str,
    train_truth: np.ndarray,
    weights: np.ndarray | None = None,
    row: Callable[[int], tuple[int, dict[str, Any]]],
) -> dict[str, Any]:
    """The payload of an `evaluation` event.

    `row` gives, for a position in this part, the row's number in the source and its values.
    """
    task, predicted = head.task, answer[PREDICTION]
    trivial = head.reading.trivial(train_truth, len(truth))
    payload: dict[str, Any] = {
        "split": split,
        "rows": len(truth),
        "metrics": scores(head, truth, answer, weights=weights),
        "baseline": scores(head, truth, trivial, weights=weights),
    }
    if task.is_classification:
        payload |= _classification(task, truth, predicted)
    elif task.is_multilabel:
        payload["calibration"] = calibration(task, truth, predicted)
        payload["labels"] = counts_of_labels(task, truth, predicted)
    else:
        payload |= _regression(truth, predicted)
    payload["errors"] = _worst(task, truth, predicted, row)
    return payload


def _classification(task: Task, truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    payload: dict[str, Any] = {"calibration": calibration(task, truth, predicted)}
    if len(task.classes) <= LARGEST_CONFUSION:
        payload["confusion"] = confusion_matrix(task, truth, predicted)
    roc = roc_curve(task, truth, predicted)
    return payload if roc is None else {**payload, "roc": roc}


def _regression(truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    # Evenly spaced rows: the order of a part is random already, and the choice stays the same.
    shown = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), SCATTER_ROWS)).astype(int))
    return {
        "residuals": {"predicted": predicted[shown].tolist(), "truth": truth[shown].tolist()},
    }


def _worst(
    task: Task,
    truth: np.ndarray,
    predicted: np.ndarray,
    row: Callable[[int], tuple[int, dict[str, Any]]],
) -> list[dict[str, Any]]:
    """The rows that the network got most wrong, worst first."""
    if task.is_classification:
        loss = -np.log(np.clip(predicted[np.arange(len(truth)), truth], 1e-12, None))
        wrong = np.flatnonzero(predicted.argmax(1) != truth)
    elif task.is_multilabel:
        given = np.clip(np.where(truth, predicted, 1 - predicted), 1e-12, None)
        loss = -np.log(given).mean(1)
        wrong = np.flatnonzero(((predicted > 0.5) != truth).any(1))
    else:
        loss = np.abs(predicted - truth)
        wrong = np.arange(len(truth))
    order = wrong[np.argsort(-loss[wrong], kind="stable")][:WORST]
    errors = []
    for position in order.tolist():
        number, values = row(position)
        entry: dict[str, Any] = {"row": number, "loss": float(loss[position]), "values": values}
        errors.append(entry | _said_of(task, truth[position], predicted[position]))
    return errors


def _said_of(task: Task, truth: Any, predicted: Any) -> dict[str, Any]:
    """What is true of one row, what the network says of it, and how sure it is."""
    if task.is_classification:
        guess = int(predicted.argmax())
        return {
            "truth": task.classes[int(truth)],
            "predicted": task.classes[guess],
            "confidence": float(predicted[guess]),
        }
    if task.is_multilabel:
        return {
            "truth": _named(task, truth),
            "predicted": _named(task, predicted > 0.5),
            # Of all that it says of the row together, were the classes independent.
            "confidence": float(np.maximum(predicted, 1 - predicted).prod()),
        }
    return {"truth": float(truth), "predicted": float(predicted)}


def _named(task: Task, holds: np.ndarray) -> str:
    """The classes that hold, in words."""
    return ", ".join(str(task.classes[place]) for place in np.flatnonzero(holds)) or "none"
