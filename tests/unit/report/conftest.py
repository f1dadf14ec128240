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
from tests.unit.report.learner import UNITS, Learner, evaluation, power_histogram, scores
from tests.unit.report.tables import Array, Table, houses, letters, people


@dataclass
class Told:
    """What a simulated run writes beside its learning; tests change a part of it."""

    run: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    name: str = "run"


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
