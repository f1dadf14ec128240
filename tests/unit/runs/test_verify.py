from __future__ import annotations

import pytest
import torch

from ranvier.runs import checkpoints, verify
from ranvier.runs.documents import write_document
from ranvier.runs.events import EventWriter
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import save_model
from ranvier.runs.seal import seal_report
from ranvier.runs.verify import damaged_files


@pytest.fixture
def running(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    write_document(run.run, {"task": "regression"})
    return run


def finish(run, writer):
    place = writer.close()
    save_model(run, {"w": torch.ones(2)}, None, {"f": 1})
    run.report.write_text(seal_report("<p>good</p>"))
    write_document(run.summary, {"metrics": {}, "events": place})


def test_a_run_that_still_runs_or_was_killed_is_whole(running):
    assert damaged_files(running) == []
    writer = EventWriter(running.events)
    writer.append("window", {"loss": [0.5]})
    checkpoints.save(running.checkpoints, 1, {}, {"events": writer.position()})
    path = running.events / "000001.jsonl"
    path.write_bytes(path.read_bytes() + b"01234567 {torn")
    assert damaged_files(running) == []


def test_a_finished_run_must_have_its_model_report_and_end(running):
    writer = EventWriter(running.events)
    write_document(running.summary, {"metrics": {}})
    assert damaged_files(running) == [
        f"{running.events / '000001.jsonl'}: the end of this file is missing. "
        "Restore the file from a copy; the checkpoints and the model do not depend on it.",
        f"{running.model}: this run has no trained model yet. "
        f"Let it finish, or go on with it: ranvier resume {running.path}.",
        f"{running.report}: this file of the run is missing. "
        "Restore it from a copy, or train again.",
    ]
    finish(running, writer)
    assert damaged_files(running) == []


def test_a_run_with_a_described_network_must_have_its_description(running):
    save_model(running, {"w": torch.ones(2)}, "{}", {"f": 1})
    (problem,) = damaged_files(running)
    assert problem.startswith(f"{running.network}: this file of the run is missing")


def test_files_that_are_not_the_runs_are_not_looked_at(running):
    finish(running, EventWriter(running.events))
    for folder in (running.path, running.model, running.events, running.checkpoints):
        (folder / "notes.txt").write_text("mine")
        (folder / ".DS_Store").write_bytes(b"\x00")
    assert damaged_files(running) == []


def test_events_that_end_before_a_checkpoint_or_the_summary_says_are_named(running):
    writer = EventWriter(running.events)
    path = running.events / "000001.jsonl"
    before = path.read_bytes()
    writer.append("window", {"loss": [0.5]})
    checkpoints.save(running.checkpoints, 1, {}, {"events": writer.position()})
    path.write_bytes(before)
    (problem,) = damaged_files(running)
    assert problem.startswith(f"{path}: the record up to byte ")
    assert problem.endswith(f"({running.checkpoints / 'step-1'} goes on from there.)")


def test_a_finished_run_that_went_on_and_was_killed_is_whole(running):
    writer = EventWriter(running.events)
    place = writer.position()
    finish(running, writer)
    EventWriter(running.events, follows=place).append("window", {"loss": [0.5]})
    assert damaged_files(running) == []


@pytest.mark.parametrize("place", [3, "x", {}, {"segment": "one", "offset": 0}])
def test_a_place_that_is_none_is_called_so(running, place):
    checkpoints.save(running.checkpoints, 1, {}, {"events": place})
    (problem,) = damaged_files(running)
    assert f"{place!r} is not a place in a run's events" in problem


def test_the_last_segment_gone_missing_is_named(running):
    first = EventWriter(running.events)
    place = first.position()
    first.close()
    finish(running, EventWriter(running.events, follows=place))
    (running.events / "000002.jsonl").unlink()
    (problem,) = damaged_files(running)
    assert problem.startswith(f"{running.events / '000002.jsonl'}: this file of the run's events")


def test_a_checkpoint_pruned_while_it_is_looked_at_is_no_damage(running, monkeypatch):
    checkpoints.save(running.checkpoints, 1, {}, {})

    def prune_then_check(folder, step):
        checkpoints.prune(folder, keep=1)
        checkpoints.save(folder, 2, {}, {})
        checkpoints.prune(folder, keep=1)
        return checkpoints.check(folder, step)

    monkeypatch.setattr(verify, "check", prune_then_check)
    assert damaged_files(running) == []
