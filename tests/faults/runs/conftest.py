from __future__ import annotations

import os
import traceback

import pytest
import torch

from ranvier.runs import checkpoints
from ranvier.runs.documents import write_document
from ranvier.runs.events import EventWriter
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import save_model
from ranvier.runs.seal import seal_report


def state(step):
    generator = torch.Generator().manual_seed(step)
    return {
        "parameters/dense_0.weight": torch.randn(5, 3, generator=generator),
        "slots/step": torch.tensor(step),
    }


@pytest.fixture
def finished_run(tmp_path):
    """A run that was killed once, resumed, and finished: every kind of file that there is."""
    run = RunFolder.create(tmp_path / "run")
    with run.lock():
        write_document(run.run, {"settings": {"seed": 0, "target": "größe"}, "task": "regression"})
        write_document(run.network, {"kind": "network", "layers": [{"kind": "dense", "units": 3}]})
        first = EventWriter(run.events)
        first.append("start", {"step": 0, "rows": {"train": 10}})
        first.append("window", {"step": 2, "loss": [0.9, 0.8]})
        checkpoints.save(run.checkpoints, 2, state(2), {"events": first.position()})
        first.append("window", {"step": 4, "loss": [0.7, 0.6]})
        second = EventWriter(run.events, follows=checkpoints.load(run.checkpoints)[2]["events"])
        second.append("window", {"step": 4, "loss": [0.7, 0.6]})
        second.append("epoch", {"epoch": 1, "step": 4, "train": {"loss": 0.65}})
        checkpoints.save(run.checkpoints, 4, state(4), {"events": second.position()})
        end = second.close()
        save_model(run, {"dense_0.weight": state(4)["parameters/dense_0.weight"]}, "{}", {"f": [1]})
        write_document(run.summary, {"metrics": {"test": {"r2": 0.9}}, "events": end})
        run.report.write_text(seal_report("<title>Report</title>\n<p>R² 0.9</p>"))
    return run


@pytest.fixture
def in_a_child():
    """Runs a function in a fork of this process, which has torch imported; gives the child's id."""

    def run(deed, *arguments):
        child = os.fork()
        if child:
            return child
        try:
            deed(*arguments)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    return run
