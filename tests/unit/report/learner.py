"""A small network that really learns, in NumPy, and the measures that a run records of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ranvier.core.random import generator
from tests.unit.report.tables import Array, Table

UNITS = (32, 16)


class Learner:
    """Two hidden layers of rectified units, Adam, and all that a run records of it."""

    def __init__(self, table: Table, *, seed: int = 0) -> None:
        draw = generator(seed, "weights")
        self.table = table
        self.outputs = len(table.classes) or 1
        sizes = [table.inputs.shape[1], *UNITS, self.outputs]
        self.parameters: list[Array] = []
        for incoming, outgoing in pairwise(sizes):
            self.parameters += [
                draw.normal(0, (2 / incoming) ** 0.5, (outgoing, incoming)), np.zeros(outgoing)
            ]  # fmt: skip
        self.names = [f"dense_{i}.{part}" for i in range(3) for part in ("weight", "bias")]
        self.first = [np.zeros_like(p) for p in self.parameters]
        self.second = [np.zeros_like(p) for p in self.parameters]
        self.step = 0
        self.mean, self.scale = 0.0, 1.0
        if not table.classes:
            self.mean, self.scale = float(table.truth.mean()), float(table.truth.std())

    def forward(self, inputs: Array) -> list[Array]:
        answers = [inputs]
        for layer in range(3):
            weight, bias = self.parameters[2 * layer : 2 * layer + 2]
            z = answers[-1] @ weight.T + bias
            answers.append(np.maximum(z, 0) if layer < 2 else z)
        return answers

    def predict(self, inputs: Array) -> Array:
        z = self.forward(inputs)[-1]
        if not self.table.classes:
            return z[:, 0] * self.scale + self.mean
        z = np.exp(z - z.max(1, keepdims=True))
        return z / z.sum(1, keepdims=True)

    def losses(self, inputs: Array, truth: Array) -> Array:
        predicted = self.predict(inputs)
        if self.table.classes:
            return -np.log(predicted[np.arange(len(truth)), truth].clip(1e-12))
        return ((predicted - truth) / self.scale) ** 2

    def gradients(self, inputs: Array, truth: Array) -> tuple[float, list[Array]]:
        answers = self.forward(inputs)
        if self.table.classes:
            error = self.predict(inputs)
            error[np.arange(len(truth)), truth] -= 1
        else:
            error = 2 * (answers[-1] - ((truth - self.mean) / self.scale)[:, None])
        error = error / len(truth)
        found: list[Array] = []
        for layer in (2, 1, 0):
            found = [error.T @ answers[layer], error.sum(0), *found]
            error = (error @ self.parameters[2 * layer]) * (answers[layer] > 0)
        return float(self.losses(inputs, truth).mean()), found

    def update(self, gradients: list[Array], learning_rate: float) -> list[float]:
        self.step += 1
        changes = []
        for p, g, m, v in zip(self.parameters, gradients, self.first, self.second, strict=True):
            m += 0.1 * (g - m)
            v += 0.01 * (g * g - v)
            change = learning_rate * (m / (1 - 0.9**self.step))
            change /= np.sqrt(v / (1 - 0.99**self.step)) + 1e-8
            p -= change
            changes.append(float(np.linalg.norm(change)))
        return changes


def power_histogram(values: Array) -> list[int]:
    with np.errstate(divide="ignore"):
        powers = np.floor(np.log2(np.abs(values.ravel()))).clip(-24, 7)
    return np.bincount((powers + 24).astype(int), minlength=32).tolist()


def scores(learner: Learner, inputs: Array, truth: Array) -> dict[str, float]:
    return measure(learner.table, truth, learner.predict(inputs))


def measure(table: Table, truth: Array, predicted: Array) -> dict[str, float]:
    if not table.classes:
        error = predicted - truth
        spread = ((truth - truth.mean()) ** 2).sum()
        return {
            "r2": float(1 - (error**2).sum() / spread), "mae": float(np.abs(error).mean()),
            "rmse": float((error**2).mean() ** 0.5),
        }  # fmt: skip
    chosen = predicted[np.arange(len(truth)), truth].clip(1e-12)
    told = {
        "accuracy": float((predicted.argmax(1) == truth).mean()),
        "log_loss": float(-np.log(chosen).mean()),
    }
    return told | ({"roc_auc": roc(truth, predicted[:, 1])[2]} if len(table.classes) == 2 else {})


def roc(truth: Array, score: Array) -> tuple[list[float], list[float], float]:
    order = np.argsort(-score, kind="stable")
    hits = np.concatenate([[0], np.cumsum(truth[order])]) / truth.sum()
    alarms = np.concatenate([[0], np.cumsum(1 - truth[order])]) / (1 - truth).sum()
    return alarms[::4].tolist(), hits[::4].tolist(), float(np.trapezoid(hits, alarms))


def evaluation(learner: Learner, split: str, rows: Array, train: Array) -> dict[str, Any]:
    table = learner.table
    inputs, truth = table.inputs[rows], table.truth[rows]
    predicted = learner.predict(inputs)
    each = learner.losses(inputs, truth)
    told: dict[str, Any] = {"split": split, "metrics": measure(table, truth, predicted)}
    labels = table.classes
    if labels:
        frequencies = np.bincount(table.truth[train], minlength=len(labels)) / len(train)
        trivial = np.tile(frequencies, (len(rows), 1))
        called = predicted.argmax(1)
        counts = np.zeros((len(labels), len(labels)), int)
        np.add.at(counts, (truth, called), 1)
        sure = predicted.max(1)
        bins = []
        for low in np.arange(0, 1, 0.1):
            inside = (sure >= low) & (sure < low + 0.1)
            if inside.any():
                bins.append({"confidence": float(sure[inside].mean()), "count": int(inside.sum()),
                             "frequency": float((called == truth)[inside].mean())})  # fmt: skip
        told |= {"confusion": {"labels": list(labels), "counts": counts.tolist()},
                 "calibration": {"bins": bins}}  # fmt: skip
        if len(labels) == 2:
            alarms, hits, _ = roc(truth, predicted[:, 1])
            told["roc"] = {"false_positive_rate": alarms, "true_positive_rate": hits}
    else:
        trivial = np.full(len(rows), table.truth[train].mean())
        told["residuals"] = {"predicted": predicted[:2000].tolist(), "truth": truth[:2000].tolist()}
    told["baseline"] = measure(table, truth, trivial)
    told["errors"] = []
    for index in np.argsort(-each)[:20]:
        row = int(rows[index])
        answer = predicted[index]
        told["errors"].append({
            "row": row, "loss": float(each[index]), "truth": table.columns[table.target][row],
            "predicted": labels[int(answer.argmax())] if labels else float(answer),
            **({"confidence": float(answer.max())} if labels else {}),
            "values": {name: values[row] for name, values in table.columns.items()
                       if name != table.target},
        })  # fmt: skip
    return told
