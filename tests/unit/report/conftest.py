"""Runs to report on: a small network is really trained, in NumPy, and its run folder written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier.core.random import generator
from ranvier.runs.documents import write_document
from ranvier.runs.events import EventWriter
from ranvier.runs.layout import RunFolder
from ranvier.spec import Dense, Network

Array = np.ndarray
UNITS = (32, 16)


@dataclass
class Table:
    """Columns as the user has them, inputs as the network has them, and what is to be predicted."""

    target: str
    columns: dict[str, list[Any]]
    inputs: Array
    truth: Array
    classes: tuple[str, ...] = ()
    profiles: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Told:
    """What a simulated run writes beside its learning; tests change a part of it."""

    run: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    name: str = "run"


def people(rows: int) -> Table:
    """Two classes, out of columns of every kind."""
    draw = generator(1, "people")
    age = draw.gamma(9, 4.4, rows).clip(17, 90).round()
    hours = draw.normal(40, 11, rows).clip(1, 99).round()
    jobs = ["clerk", "engineer", "farmer", "teacher", "nurse", "driver"]
    job = draw.integers(0, len(jobs), rows)
    pay = np.array([-0.6, 1.4, -0.8, 0.3, 0.2, -0.5])[job]
    gain = np.where(draw.random(rows) < 0.08, draw.lognormal(8, 1, rows), 0.0).round(2)
    score = 0.05 * (age - 40) + 0.05 * (hours - 40) + pay + 0.9 * (gain > 3000)
    score -= 0.0022 * (age - 47) ** 2
    truth = (score + draw.logistic(0, 0.75, rows) > 0.3).astype(np.int64)
    classes = ("at most 50K", "more than 50K")
    columns = {
        "age": age.tolist(),
        "hours per week": hours.tolist(),
        "occupation": [jobs[code] for code in job],
        "capital gain": gain.tolist(),
        "id": list(range(10_000, 10_000 + rows)),
        "income": [classes[code] for code in truth],
    }
    one_hot = np.eye(len(jobs))[job]
    inputs = np.column_stack([standard(age), standard(hours), standard(np.log1p(gain)), one_hot])
    kinds = ["numeric", "numeric", "category", "numeric", "identifier", "target"]
    why = [
        f"{len(set(columns['age']))} distinct whole numbers", "numbers", "6 distinct words",
        "numbers, 92 % of them 0", "every row has its own value", "named by the user",
    ]  # fmt: skip
    profiles = [profile(n, k, w, columns[n]) for n, k, w in zip(columns, kinds, why, strict=True)]
    return Table("income", columns, inputs, truth, classes, profiles)


def letters(rows: int) -> Table:
    """Twenty-six classes out of sixteen numbers, some letters near each other."""
    draw = generator(2, "letters")
    classes = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    centres = draw.normal(0, 1.45, (26, 16))
    for one, other in (("O", "Q"), ("I", "J"), ("B", "R"), ("H", "K"), ("F", "P")):
        a, b = classes.index(one), classes.index(other)
        centres[b] = centres[a] + draw.normal(0, 0.5, 16)
    truth = draw.integers(0, 26, rows)
    values = centres[truth] + draw.normal(0, 1.0, (rows, 16))
    names = [f"edge {axis} {part}" for axis in "xy" for part in range(1, 9)]
    columns: dict[str, list[Any]] = {
        name: values[:, index].round(3).tolist() for index, name in enumerate(names)
    }
    columns["letter"] = [classes[code] for code in truth]
    kinds = ["numeric"] * 16 + ["target"]
    profiles = [
        profile(name, kind, "numbers" if kind == "numeric" else "named by the user", columns[name])
        for name, kind in zip(columns, kinds, strict=True)
    ]
    return Table("letter", columns, standard(values), truth, classes, profiles)


def houses(rows: int) -> Table:
    """A number to predict, with a long tail."""
    draw = generator(3, "houses")
    area = draw.lognormal(4.6, 0.4, rows).round(1)
    rooms = (area / 28 + draw.normal(0, 0.8, rows)).clip(1, 12).round()
    place = draw.integers(0, 4, rows)
    age = draw.exponential(35, rows).clip(0, 180).round()
    worth = np.array([1.0, 1.35, 0.7, 2.1])[place]
    price = 2400 * area * worth * np.exp(-age / 260) * draw.lognormal(0, 0.13, rows)
    towns = ["Aarau", "Bern", "Chur", "Zürich"]
    columns = {
        "living area": area.tolist(),
        "rooms": rooms.tolist(),
        "town": [towns[code] for code in place],
        "age": age.tolist(),
        "country": ["CH"] * rows,
        "price": price.round(-2).tolist(),
    }
    columns["rooms"][3] = None
    inputs = np.column_stack([standard(area), standard(rooms), standard(age), np.eye(4)[place]])
    kinds = ["numeric", "numeric", "category", "numeric", "constant", "target"]
    why = ["numbers", "numbers", "4 distinct words", "numbers", "one value only", "named by user"]
    profiles = [profile(n, k, w, columns[n]) for n, k, w in zip(columns, kinds, why, strict=True)]
    return Table("price", columns, inputs, price.round(-2), (), profiles)


def standard(values: Array) -> Array:
    return (values - values.mean(0)) / values.std(0)


def profile(name: str, kind: str, why: str, values: Sequence[Any]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    told: dict[str, Any] = {
        "name": name, "kind": kind, "why": why, "missing": len(values) - len(known),
        "distinct": len(set(known)), "examples": known[:5],
    }  # fmt: skip
    if all(isinstance(value, float) for value in known):
        counts, edges = np.histogram(known, bins=24)
        return told | {"histogram": {"edges": edges.tolist(), "counts": counts.tolist()}}
    if kind == "identifier":
        return told
    names, counts = np.unique([str(value) for value in known], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return told | {"top": [{"value": str(names[i]), "count": int(counts[i])} for i in order[:40]]}


class Learner:
    """Two hidden layers of rectified units, Adam, and all that a run records of it."""

    def __init__(self, table: Table, *, seed: int = 0) -> None:
        draw = generator(seed, "weights")
        self.table = table
        self.outputs = len(table.classes) or 1
        sizes = [table.inputs.shape[1], *UNITS, self.outputs]
        self.parameters: list[Array] = []
        for incoming, outgoing in zip(sizes, sizes[1:], strict=False):
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


def simulate(
    parent: Path, table: Table, *, epochs: int = 12, batch: int = 64, told: Told | None = None,
    dies_at: int | None = None,
) -> Path:  # fmt: skip
    """Train on `table` and leave a run folder; `dies_at` ends it after that epoch, unfinished."""
    told = told or Told()
    run = RunFolder.create(parent / told.name)
    order = generator(0, "split").permutation(len(table.truth))
    parts = np.split(order, [int(0.7 * len(order)), int(0.85 * len(order))])
    rows = dict(zip(("train", "validation", "test"), parts, strict=True))
    for split in set(rows) & told.without:
        rows[split] = rows[split][:0]
    sizes = {split: len(part) for split, part in rows.items()}
    network = Network(
        *[Dense(units, activation="relu") for units in UNITS], Dense(len(table.classes) or 1)
    )
    learner = Learner(table)
    write_document(run.run, asked(table, sizes, learner) | told.run)
    document = json.loads(network.to_json())
    write_document(run.network, {k: v for k, v in document.items() if k != "format"})
    writer = EventWriter(run.events)
    best, last, evaluations = train(learner, writer, rows, epochs, batch, told, dies_at)
    if dies_at is None:
        finish(run, writer, learner, evaluations, best, last, sizes, told)
    writer.close()
    return run.path


def asked(table: Table, sizes: Mapping[str, int], learner: Learner) -> dict[str, Any]:
    kind = "classification" if table.classes else "regression"
    return {
        "settings": {"target": table.target, "epochs": 12, "batch_size": 64, "seed": 0,
                     "optimizer": {"kind": "adam", "learning_rate": 0.01}},
        "requested": {"target": table.target},
        "choices": [
            {"what": "task", "value": kind, "why": f"{table.target} holds "
             + ("words" if table.classes else "numbers")},
            {"what": "batch_size", "value": 64, "why": "about 40 updates an epoch"},
            {"what": "learning_rate", "value": 0.01, "why": "the default of the optimiser"},
            {"what": "schedule", "value": {"kind": "cosine", "warmup": 0.05}, "why": "the default"},
        ],
        "task": {"kind": kind, "target": table.target, "classes": list(table.classes)},
        "data": {
            "source": f"tables/{table.target}.csv", "fingerprint": "sha256:" + "5f0c" * 16,
            "rows": dict(sizes), "columns": table.profiles,
            "split": "70 % of the rows train, 15 % validate and 15 % test, drawn at random with "
                     "the same mix of classes in each.",
        },
        "environment": {"ranvier": "0.1.0", "python": "3.12.3", "torch": "2.13.0+cpu",
                        "platform": "Linux 6.8 x86_64", "processor": "a processor", "cores": 2,
                        "threads": 2, "device": "cpu"},
        "command": ["ranvier", "train", f"tables/{table.target}.csv", "--target", table.target],
        "created": "2026-11-22T17:00:00Z",
        "input_shape": [table.inputs.shape[1]],
    }  # fmt: skip


def train(
    learner: Learner, writer: EventWriter, rows: Mapping[str, Array], epochs: int, batch: int,
    told: Told, dies_at: int | None,
) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:  # fmt: skip
    table, names = learner.table, learner.names
    layers = ["dense_0", "dense_1", "dense_2"]
    per_epoch = max(len(rows["train"]) // batch, 1)
    writer.append("start", {
        "step": 0, "parameters": names, "layers": layers, "batch_size": batch,
        "parameter_shapes": [list(p.shape) for p in learner.parameters],
        "rows": {split: len(part) for split, part in rows.items()}, "steps_per_epoch": per_epoch,
    })  # fmt: skip
    best, best_loss, last = 0, float("inf"), {}
    kept = [p.copy() for p in learner.parameters]
    for epoch in range(1, epochs + 1):
        order = generator(0, "order", epoch).permutation(rows["train"])
        seen: dict[str, list[Any]] = {"loss": [], "gradient_norm": [], "learning_rate": []}
        norms = []
        for index in range(per_epoch):
            chosen = order[index * batch : (index + 1) * batch]
            progress = (learner.step + 1) / (epochs * per_epoch)
            rate = 0.01 * min(progress / 0.05, 0.5 * (1 + np.cos(np.pi * progress)))
            loss, gradients = learner.gradients(table.inputs[chosen], table.truth[chosen])
            each = [float(np.linalg.norm(g)) for g in gradients]
            changes = learner.update(gradients, rate)
            norms.append(each)
            for name, value in zip(seen, (loss, float(np.hypot.reduce(each)), rate), strict=True):
                seen[name].append(value)
        writer.append("window", {"step": learner.step, **seen, "parameter_gradient_norm": {
            "mean": np.mean(norms, 0).tolist(), "max": np.max(norms, 0).tolist()}})  # fmt: skip
        inspect(learner, writer, epoch, gradients, changes, table.inputs[order[:256]])
        last = {"epoch": epoch, "step": learner.step, "learning_rate": rate,
                "train": {"loss": float(np.mean(seen["loss"]))}, "best": False}  # fmt: skip
        if len(rows["validation"]):
            inputs, truth = table.inputs[rows["validation"]], table.truth[rows["validation"]]
            now = float(learner.losses(inputs, truth).mean())
            last["validation"] = {"loss": now, **scores(learner, inputs, truth)}
        else:
            now = last["train"]["loss"]
        if now < best_loss:
            best, best_loss, last["best"] = epoch, now, True
            kept = [p.copy() for p in learner.parameters]
        writer.append("epoch", last)
        writer.append("timing", {"epoch": epoch, "step": learner.step, "seconds": 0.5 * epoch,
                                 "rows_per_second": 41_000.0 + 900 * (epoch % 3)})  # fmt: skip
        if dies_at == epoch:
            break
    learner.parameters = kept
    if dies_at is not None:
        return best, last, []
    found = [
        evaluation(learner, split, part, rows["train"]) for split, part in rows.items() if len(part)
    ]
    return best, last, found


def inspect(
    learner: Learner, writer: EventWriter, epoch: int, gradients: list[Array],
    changes: list[float], inputs: Array,
) -> None:  # fmt: skip
    names, layers = learner.names, ["dense_0", "dense_1", "dense_2"]
    answers = learner.forward(inputs)[1:]
    writer.append("weights", {
        "step": learner.step, "norm": [float(np.linalg.norm(p)) for p in learner.parameters],
        "update": changes, "gradient_mean": [float(np.abs(g).mean()) for g in gradients],
        "gradient_max": [float(np.abs(g).max()) for g in gradients],
        "zero": [float((p == 0).mean()) for p in learner.parameters],
    })  # fmt: skip
    writer.append("activations", {
        "step": learner.step, "mean": [float(a.mean()) for a in answers],
        "variance": [float(a.var()) for a in answers], "max": [float(a.max()) for a in answers],
        "mean_abs": [float(np.abs(a).mean()) for a in answers], "saturated": [None] * 3,
        "dead": [float((a.max(0) < 1e-5).mean()) for a in answers[:2]] + [0.0],
    })  # fmt: skip
    writer.append("distributions", {
        "step": learner.step, "epoch": epoch,
        "weights": {n: power_histogram(p) for n, p in zip(names, learner.parameters, strict=True)},
        "gradients": {n: power_histogram(g) for n, g in zip(names, gradients, strict=True)},
        "activations": {n: power_histogram(a) for n, a in zip(layers, answers, strict=True)},
    })  # fmt: skip


def finish(
    run: RunFolder, writer: EventWriter, learner: Learner, evaluations: Sequence[dict[str, Any]],
    best: int, last: dict[str, Any], sizes: Mapping[str, int], told: Told,
) -> None:  # fmt: skip
    for event in evaluations:
        writer.append("evaluation", event)
    writer.append("end", {"reason": "epochs", "step": learner.step, "epoch": last["epoch"],
                          "seconds": 6.4})  # fmt: skip
    finding = {
        "severity": "warning", "symptom": "identifier column", "category": "data", "where": "id",
        "advice": "Every row has its own value, so it was left out.", "number": 0,
        "evidence": {"distinct": 4000, "rows": 4000}, "cure": None,
    }  # fmt: skip
    summary = {
        "status": "finished", "task": "classification" if learner.table.classes else "regression",
        "metrics": {event["split"]: event["metrics"] for event in evaluations},
        "baseline": {event["split"]: event["baseline"] for event in evaluations},
        "primary_metric": "accuracy" if learner.table.classes else "r2",
        "best_epoch": best, "epochs": last["epoch"], "steps": learner.step, "seconds": 6.4,
        "parameters": sum(p.size for p in learner.parameters), "rows": dict(sizes),
        "findings": [finding] if "id" in learner.table.columns else [],
    }  # fmt: skip
    write_document(run.summary, summary | told.summary)


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that trains on one of the tables and gives the run's folder."""

    def make(table: Table, **options: Any) -> Path:
        return simulate(tmp_path_factory.mktemp("runs"), table, **options)

    return make


@pytest.fixture(scope="session")
def binary_run(make_run: Callable[..., Path]) -> Path:
    return make_run(people(2400), epochs=8)


@pytest.fixture(scope="session")
def letter_run(make_run: Callable[..., Path]) -> Path:
    return make_run(letters(4000), epochs=8)


@pytest.fixture(scope="session")
def regression_run(make_run: Callable[..., Path]) -> Path:
    return make_run(houses(2000), epochs=8)
