"""20 readers and 4 writers of different runs: nobody waits, nobody sees half of anything."""

from __future__ import annotations

import os
import time

import pytest
import torch

from ranvier.core.errors import RunError
from ranvier.runs import checkpoints
from ranvier.runs.documents import read_document, write_document
from ranvier.runs.events import EventWriter, read_events
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import load_model, save_model
from ranvier.runs.verify import damaged_files

STATISTICS = {"norm": [0.5] * 200}


def write(run, until):
    """A run that is written, stopped and resumed over and over; gives its last step."""
    step = 0
    follows = None
    with run.lock():
        while time.monotonic() < until:
            writer = EventWriter(run.events, follows=follows)
            for _ in range(40):
                step += 1
                writer.append("window", {"step": step, **STATISTICS})
            follows = writer.position()
            tensors = {"w": torch.full((2000,), float(step))}
            document = {"step": step, "events": follows}
            checkpoints.save(run.checkpoints, step, tensors, document)
            checkpoints.prune(run.checkpoints)
            save_model(run, {"w": torch.full((500,), float(step))}, None, {"step": step})
            write_document(run.run, {"step": step})
            writer.append("window", {"step": step + 1, "lost": True})
            with pytest.raises(RunError, match="another process is writing this run"), run.lock():
                pass
        writer.close()
    return step


def read(run, until):
    """Everything in a run again and again; raises at the first thing that is not whole."""
    seen = 0
    while time.monotonic() < until:
        windows = list(read_events(run.events))
        whole = [record["step"] for record in windows]
        assert whole == list(range(1, len(whole) + 1)), "a record is missing, torn or repeated"
        assert all(r.keys() == {"kind", "step", "norm"} for r in windows[:-1])
        step, tensors, document = checkpoints.load(run.checkpoints)
        assert (tensors["w"] == step).all()
        assert document["step"] == step
        model = load_model(run)
        assert model.encoder_json is not None
        assert (model.tensors["w"] == model.encoder_json["step"]).all()
        assert read_document(run.run)["step"] >= seen
        seen = read_document(run.run)["step"]


def read_and_write(in_a_child, folder, seconds):
    runs = [RunFolder.create(folder / f"run-{number}") for number in range(4)]
    for run in runs:
        with run.lock():
            write_document(run.run, {"step": 0})
            save_model(run, {"w": torch.zeros(500)}, None, {"step": 0})
            checkpoints.save(run.checkpoints, 0, {"w": torch.zeros(2000)}, {"step": 0})
    begin = time.monotonic()
    writers = [in_a_child(write, run, begin + seconds + 1.0) for run in runs]
    time.sleep(0.5)
    readers = [in_a_child(read, runs[n % 4], begin + seconds) for n in range(20)]
    for child in (*readers, *writers):
        assert os.waitpid(child, 0)[1] == 0
    return runs


def assert_all_is_there(runs):
    for run in runs:
        step = checkpoints.load(run.checkpoints)[0]
        assert step >= 80, "a writer was held up"
        assert [record["step"] for record in read_events(run.events)][:step] == list(
            range(1, step + 1)
        )
        assert damaged_files(run) == []


def test_readers_and_writers_do_not_disturb_each_other(tmp_path, in_a_child):
    assert_all_is_there(read_and_write(in_a_child, tmp_path, 2.5))


@pytest.mark.slow
def test_readers_and_writers_do_not_disturb_each_other_for_a_minute(tmp_path, in_a_child):
    assert_all_is_there(read_and_write(in_a_child, tmp_path, 60))
