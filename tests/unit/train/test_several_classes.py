"""A task of any number of classes, trained from raw tensors to the page that tells of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from ranvier.apps.doctor import Doctor
from ranvier.apps.hindsight import trials_of
from ranvier.apps.preflight import preflight
from ranvier.core.errors import ConfigError
from ranvier.core.task import Task
from ranvier.losses import LOSSES, CrossEntropy
from ranvier.nn import build
from ranvier.report import write_report
from ranvier.report.gather import gather
from ranvier.runs.documents import read_document, write_document
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Dense, Network
from ranvier.step import Head
from ranvier.train.batches import Part
from ranvier.train.job import Job
from ranvier.train.progress import Silent
from ranvier.train.session import Session

TASK = Task("multilabel", "what is seen", ("cat", "dog", "<b>owl</b>", "yak"))
NETWORK = Network(Dense(24, activation="relu"), Dense(4))


def part(rows: int, seed: int) -> Part:
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, 8)).astype(np.float32)
    scores = inputs[:, :4] + 0.5 * inputs[:, 4:] - np.array([0.0, 0.5, 1.0, 1.5])
    truth = (scores > 0).astype(np.int64)
    return Part(torch.from_numpy(inputs), torch.from_numpy(truth).float(), truth)


def job(**changes: Any) -> Job:
    settings: dict[str, Any] = {
        "loss": {"kind": "binary_cross_entropy", "class_weights": [1.0, 1.5]},
        "optimizer": {"kind": "adamw", "learning_rate": 0.02},
        "schedule": "cosine",
        "learning_rate": 0.02,
        "metric": "f1_macro",
        "epochs": 30,
        "batch_size": 32,
        "threads": 1,
        "statistics_every": 7,
        **changes,
    }
    torch.manual_seed(0)
    return Job(
        task=TASK,
        module=build(NETWORK, (8,)),
        head=Head.fit(TASK, NETWORK.output_shape(8), None),
        training=part(600, 0),
        validation=part(200, 1),
        settings=TrainSettings(**settings),
        device=torch.device("cpu"),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run of the job, with preflight before it and the doctor beside it."""
    folder = RunFolder.create(tmp_path_factory.mktemp("several") / "run")
    made = job()
    found = preflight(made)
    assert found.said == [] and found.facts.notes == ()
    write_document(
        folder.run,
        {"task": TASK.to_json(), "settings": {}, "data": {"source": "made.csv", "columns": []}},
    )
    write_document(folder.network, json.loads(NETWORK.to_json()))
    parts = {"train": made.training, "test": part(300, 2)}
    Session(
        job=made,
        run=folder,
        parts=parts,
        row=lambda split, position: (position + 1, {"split": split}),
        network=json.loads(NETWORK.to_json()),
        encoder={},
        progress=Silent(),
        opening=found.records,
        watcher=Doctor(lambda: trials_of(job())),
    ).begin()
    return folder


def test_it_learns_and_is_judged_by_the_metrics_of_its_kind(run: RunFolder) -> None:
    summary = read_document(run.summary)
    found, trivial = summary["metrics"]["test"], summary["baseline"]["test"]
    assert summary["primary_metric"] == "f1_macro"
    assert found["f1_macro"] > 0.85 > trivial["f1_macro"]
    assert found["roc_auc"] > 0.95 and trivial["roc_auc"] == 0.5
    assert found["hamming_loss"] < 0.1 < trivial["hamming_loss"]
    assert found["accuracy"] > 0.7 > trivial["accuracy"]


def test_the_doctor_finds_nothing_wrong_with_it(run: RunFolder) -> None:
    summary = read_document(run.summary)
    assert [each for each in summary["findings"] if each["severity"] != "information"] == []


def test_an_evaluation_counts_each_class_and_names_what_was_wrong(run: RunFolder) -> None:
    event = gather(run.path).evaluations["test"]
    truth = part(300, 2).truth
    assert [each["label"] for each in event["labels"]] == list(TASK.classes)
    assert [each["is"] for each in event["labels"]] == truth.sum(0).tolist()
    assert all(each["hit"] <= min(each["is"], each["said"]) for each in event["labels"])
    assert sum(each["count"] for each in event["calibration"]["bins"]) == truth.size
    assert "confusion" not in event and "residuals" not in event
    worst = event["errors"][0]
    held = [str(TASK.classes[c]) for c in np.flatnonzero(truth[worst["row"] - 1])]
    assert worst["truth"] == (", ".join(held) or "none")
    assert worst["predicted"] != worst["truth"] and 0 < worst["confidence"] <= 1


def test_the_report_says_of_every_class_how_well_it_is_found(run: RunFolder) -> None:
    text = write_report(run.path).read_text(encoding="utf-8")
    for words in (
        "any of 4 classes", "Class by class", "Does it recognise every class?",
        "A row counts for every class that it has.", "All classes of all rows are in it.",
        "the trivial answer, always the classes that more than half of the rows have",
        "class frequencies", "Hamming loss",
    ):  # fmt: skip
        assert words in text.replace("\N{NO-BREAK SPACE}", " "), words
    assert "<b>owl</b>" not in text
    assert "mean of the training rows" not in text and "Confusion of classes" not in text


def test_a_single_class_that_holds_or_not_keeps_its_column() -> None:
    one = Task("multilabel", "tag", ("seen",))
    head = Head.fit(one, (1,), None)
    outputs = torch.tensor([[0.0], [2.0]])
    assert head.for_loss(outputs).shape == (2, 1)
    assert head.predict(outputs).shape == (2, 1)


def test_a_loss_of_one_class_is_refused_with_those_that_fit() -> None:
    with pytest.raises(ConfigError) as caught:
        Head.fit(TASK, (4,), None, loss=CrossEntropy())
    assert str(caught.value) == (
        "loss cross_entropy: any number of the 4 classes of 'what is seen' may hold, and it does "
        "not ask of each by itself. Those that fit: binary_cross_entropy, binary_focal, hinge, "
        "squared_hinge."
    )
    assert {"binary_cross_entropy", "binary_focal", "hinge", "squared_hinge"} <= {*LOSSES}
    with pytest.raises(ConfigError, match="loss cross_entropy: any number of the 4 classes"):
        job(loss="cross_entropy").program()
