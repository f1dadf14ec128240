"""A trained network as its user meets it: rows of data in, answers out, whatever the data is."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import polars
from torch import nn

from ranvier.core.errors import ConfigError
from ranvier.core.task import Task
from ranvier.step.reading import PREDICTION, Arrays


class AnsweringModel(Protocol):
    """What the model of every application can do."""

    @property
    def module(self) -> nn.Module:
        """The trained network, in evaluation mode."""

    @property
    def task(self) -> Task: ...

    def predict(self, source: Any) -> np.ndarray:
        """A class label as the data spells it, or a value, per row."""

    def predict_proba(self, source: Any) -> np.ndarray:
        """A probability per class and row, `[N, C]`, classes in the order of `task.classes`."""

    def predict_table(self, source: Any, *, top: int | None = None) -> polars.DataFrame:
        """One row per row of `source`: `prediction`, and what else the network says."""

    def evaluate(self, source: Any, *, weight: str | None = None) -> dict[str, float]:
        """The usual metrics on rows that hold the target, weighed by the column `weight`."""


def labels_of(task: Task, probabilities: np.ndarray) -> np.ndarray:
    """The likeliest class of each row of `[N, C]`, as the data spells it.

    Where any number of classes may hold, `[N, C]` of 0 and 1: whether each is likelier than not.
    """
    if task.is_multilabel:
        return (probabilities > 0.5).astype(np.int64)
    kinds = {type(label) for label in task.classes}
    classes = np.array(task.classes, dtype=object if len(kinds) > 1 else None)
    return np.asarray(classes[probabilities.argmax(1)])


def answer_table(task: Task, answer: Arrays, top: int | None = None) -> polars.DataFrame:
    """Answers as columns: `prediction`, and what else there is to say of each row.

    That is `probability_<class>` for classes, or `top_1`, `top_1_probability` and so on. Of classes
    any number of which may hold, those that are likelier than not are joined by "|".

    Raises:
        ConfigError: for a `top` where there are no classes, or below 1.
    """
    if top is not None and (task.kind == "regression" or top < 1):
        raise ConfigError(
            f"top={top}: expected a number of classes from 1 on, for a run that predicts classes. "
            "Leave it out."
        )
    raw = answer[PREDICTION]
    if task.kind == "regression":
        return polars.DataFrame(answer)
    columns: dict[str, Any] = {"prediction": _predictions(task, raw)}
    if top is None:
        named = enumerate(task.classes)
        return polars.DataFrame(columns | {f"probability_{name}": raw[:, i] for i, name in named})
    order = np.argsort(-raw, axis=1, kind="stable")[:, :top]
    for place in range(order.shape[1]):
        columns[f"top_{place + 1}"] = [task.classes[i] for i in order[:, place].tolist()]
        columns[f"top_{place + 1}_probability"] = raw[np.arange(len(raw)), order[:, place]]
    return polars.DataFrame(columns)


def _predictions(task: Task, raw: np.ndarray) -> list[Any]:
    if not task.is_multilabel:
        return [task.classes[index] for index in raw.argmax(1).tolist()]
    rows = (raw > 0.5).tolist()
    return [
        "|".join(str(name) for name, holds in zip(task.classes, row, strict=True) if holds)
        for row in rows
    ]
