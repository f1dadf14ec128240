"""Pictures that stay bytes: examined, trained on, looked into, judged and assessed as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ranvier.apps.doctor import Doctor
from ranvier.apps.hindsight import trials_of
from ranvier.apps.preflight import preflight
from ranvier.core.task import Task
from ranvier.nn import Views, build
from ranvier.runs.history import History
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import (
    BatchNorm,
    Conv,
    Dense,
    GlobalAveragePool,
    Network,
    Normalization,
    Rescaling,
)
from ranvier.step import Head
from ranvier.train.batches import Part
from ranvier.train.job import Job
from ranvier.train.progress import Silent
from ranvier.train.session import Session

TASK = Task("classification", "y", ("dark", "light", "striped"))
SIDE = 12
NETWORK = Network(
    Normalization([110.0] * 3, [4000.0] * 3),
    Conv(8, 3, stride=2),
    BatchNorm(),
    Conv(8, 3, activation="relu"),
    GlobalAveragePool(),
    Dense(3),
)


def pictures(rows: int, seed: int) -> Part:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, rows)
    noise = random.integers(0, 90, (rows, SIDE, SIDE, 3))
    noise[truth == 1] += 120
    noise[truth == 2, ::2] += 150
    return Part(torch.from_numpy(noise.astype(np.uint8)), torch.from_numpy(truth), truth)


def job(network: Network = NETWORK, **changes: Any) -> Job:
    settings: dict[str, Any] = {
        "loss": "cross_entropy",
        "optimizer": {"kind": "adamw", "learning_rate": 0.02},
        "schedule": "constant",
        "learning_rate": 0.02,
        "epochs": 2,
        "batch_size": 32,
        "threads": 1,
        "mixup": 0.2,
        "cutmix": 1.0,
        **changes,
    }
    torch.manual_seed(0)
    shape = (SIDE, SIDE, 3)
    return Job(
        task=TASK,
        module=build(network, shape),
        head=Head.fit(TASK, network.output_shape(shape), None),
        training=pictures(640, 0),
        validation=pictures(160, 1),
        settings=TrainSettings(**settings),
        device=torch.device("cpu"),
        views=Views(flip=True, shift=1),
    )


def trained(folder: Path, executor: str) -> tuple[Mapping[str, Any], History, dict[str, Any]]:
    """The summary, the records and the weights of a run with all that goes with one."""
    run, made = RunFolder.create(folder), job(executor=executor)
    made.check()
    summary = Session(
        job=made,
        run=run,
        parts={"train": made.training, "test": pictures(200, 2)},
        row=lambda split, position: (position + 1, {}),
        network=json.loads(NETWORK.to_json()),
        encoder={},
        progress=Silent(),
        opening=preflight(made).records,
        watcher=Doctor(lambda: trials_of(job())),
    ).begin()
    return summary, History.read(run.events), made.module.state_dict()


def test_they_are_trained_on_and_assessed_with_the_same_bits_eagerly_and_replayed(
    tmp_path: Path,
) -> None:
    summary, history, weights = trained(tmp_path / "eager", "eager")
    other, _, replayed = trained(tmp_path / "replay", "replay")
    assert all(torch.equal(weights[name], replayed[name]) for name in weights)
    assert summary["metrics"] == other["metrics"]
    (found, trivial) = (summary[name]["test"]["accuracy"] for name in ("metrics", "baseline"))
    assert found > trivial + 0.2
    assert len(history.of("activations")) >= 2 and len(history.of("epoch")) == 2
    (record,) = history.of("preflight")
    assert record["notes"] == [] and record["inputs"]["form"] == "picture"


def test_what_is_measured_at_the_end_is_averaged_over_views_and_no_epoch_is(
    tmp_path: Path,
) -> None:
    made = job()
    assert made.evaluator().module is made.module
    few = made.training.inputs[:8]
    averaged = made.views.around(made.module, "classification") if made.views else None
    with torch.no_grad():
        wanted = made.head.predict(averaged.eval()(few))  # type: ignore[union-attr]
    np.testing.assert_array_equal(made.final_evaluator().predict(few), wanted.numpy())
    assert not np.array_equal(made.evaluator().predict(few), wanted.numpy())


def test_bytes_that_the_network_brings_to_scale_are_no_unscaled_input() -> None:
    found = preflight(job())
    assert [each.symptom for each in found.said] == []
    inputs = found.facts.inputs
    assert inputs is not None and (inputs.least, inputs.most) != ((), ())
    assert 0 <= inputs.least[0] < inputs.most[0] <= 255
    labels = found.facts.labels
    assert labels is not None and labels.neighbours is not None and labels.neighbours > 0.9
    assert labels.best_single is None  # one pixel is no feature


def test_bytes_that_go_to_the_weights_as_they_are_are_an_unscaled_input() -> None:
    bare = Network(Rescaling(1.0), Conv(8, 3, activation="relu"), GlobalAveragePool(), Dense(3))
    found = preflight(job(bare))
    assert "unscaled input" in [each.symptom for each in found.findings]


CHILD = """
import json, resource, sys
from pathlib import Path
import numpy as np, torch
from ranvier.apps.preflight import preflight
from ranvier.train.batches import Part
from ranvier.train.journal import MemoryJournal
from ranvier.train.progress import Silent
from ranvier.train.store import NoStore
from dataclasses import replace
from tests.unit.apps import test_pictures_of_bytes as own

rows, side = 60_000, 64
shape = (rows, side, side, 3)
mapped = np.memmap(sys.argv[1], np.uint8, "w+", shape=shape)
truth = np.arange(rows) * 7 // 5 % 3
random = np.random.default_rng(0)
for row in range(0, rows, 97):  # holes take no room, and a part of the pictures is enough to tell
    mapped[row] = random.integers(0, 90, shape[1:]) + 60 * truth[row]
mapped.flush()
del mapped
torch.set_num_threads(1)
job = own.job(batch_size=64)
inputs = torch.from_file(sys.argv[1], shared=True, size=int(np.prod(shape)), dtype=torch.uint8)
part = Part(inputs.reshape(shape), torch.from_numpy(truth), truth)
job = replace(job, training=part, validation=part.spaced(2_000))
job.evaluator().measure(job.validation.spaced(64))  # what the first forward pass ever takes

held = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmData:")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held + 400 * 2**20,) * 2)
found = preflight(job)
trainer = job.trainer(MemoryJournal(), NoStore(), Silent())
for _, stretch in zip(range(3), trainer.batches.stretches(0)):
    trainer.recorder.run(stretch.part(0, 1), [0.01])
trainer.recorder.distributions(1)
job.final_evaluator().measure(part.spaced(200))
print(json.dumps({"notes": found.facts.notes, "rows": found.facts.inputs.rows}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the limit is one of Linux")
def test_seven_hundred_megabytes_of_them_take_no_such_memory(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "pictures")],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout.splitlines()[-1])
    assert told == {"notes": [], "rows": 60_000}
