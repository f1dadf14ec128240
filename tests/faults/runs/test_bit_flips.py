"""One flipped bit anywhere in a run is found by verify, and by whoever reads that file."""

from __future__ import annotations

import pytest

from ranvier.core.errors import RunError
from ranvier.core.random import generator
from ranvier.runs import checkpoints
from ranvier.runs.documents import read_document
from ranvier.runs.events import read_events
from ranvier.runs.history import History
from ranvier.runs.model import load_model
from ranvier.runs.seal import check_report
from ranvier.runs.verify import damaged_files


def files_of(run):
    return sorted(p for p in run.path.rglob("*") if p.is_file() and p.stat().st_size)


def read_as_users_do(run, path):
    """Read what a user would that is in `path`."""
    if path.parent == run.model:
        load_model(run)
    elif run.checkpoints in path.parents:
        checkpoints.load(run.checkpoints, int(path.parent.name.removeprefix("step-")))
    elif path.parent == run.events:
        History.read(run.events)
    elif path == run.report:
        check_report(path)
    else:
        read_document(path)


def is_superseded(run, path, position):
    """The bytes after the resumed run's checkpoint, which no reader of the history looks at."""
    if path.name != "000001.jsonl":
        return False
    return position >= checkpoints.check(run.checkpoints, 2)["events"]["offset"]


def flip(path, position, bit):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def test_a_whole_run_is_found_whole(finished_run):
    assert damaged_files(finished_run) == []
    assert len(list(read_events(finished_run.events))) == 4
    names = {path.name for path in files_of(finished_run)}
    assert names == {
        *("run.json", "network.json", "summary.json", "report.html", "000001.jsonl"),
        *("000002.jsonl", "tensors.safetensors", "checkpoint.json", "manifest.json"),
        *("encoder.json", "weights.safetensors"),
    }


def test_200_flipped_bits_are_found_by_verify_and_on_load_in_200_of_200(finished_run):
    random = generator(0, "bit flips")
    files = files_of(finished_run)
    on_load = 0
    for _ in range(200):
        path = files[random.integers(len(files))]
        position, bit = int(random.integers(path.stat().st_size)), int(random.integers(8))
        is_read = not is_superseded(finished_run, path, position)
        flip(path, position, bit)
        problems = damaged_files(finished_run)
        assert any(str(path) in problem for problem in problems), (path, position, bit)
        if is_read:
            with pytest.raises(RunError, match=path.name.replace(".", r"\.")):
                read_as_users_do(finished_run, path)
            on_load += 1
        flip(path, position, bit)
    assert on_load > 180
    assert damaged_files(finished_run) == []


@pytest.mark.slow
def test_a_flip_of_any_byte_of_a_run_is_found_by_verify(finished_run):
    for path in files_of(finished_run):
        for position in range(path.stat().st_size):
            flip(path, position, position % 8)
            problems = damaged_files(finished_run)
            assert any(str(path) in problem for problem in problems), (path, position)
            flip(path, position, position % 8)


def test_every_missing_file_is_named(finished_run):
    for path in files_of(finished_run):
        if path == finished_run.summary:
            continue  # without it the run counts as not finished
        content = path.read_bytes()
        path.unlink()
        problems = damaged_files(finished_run)
        assert any(str(path) in problem and "missing" in problem for problem in problems), path
        path.write_bytes(content)
    assert damaged_files(finished_run) == []


def test_every_file_cut_short_is_named(finished_run):
    for path in files_of(finished_run):
        content = path.read_bytes()
        for size in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:size])
            problems = damaged_files(finished_run)
            assert any(str(path) in problem for problem in problems), (path, size)
        path.write_bytes(content)


def test_a_run_of_a_newer_format_is_said_to_be_that(finished_run):
    finished_run.run.write_text('{\n  "format": 2\n}\n')
    problems = damaged_files(finished_run)
    assert len(problems) == 1
    assert "was written by a newer Ranvier (format 2; this one reads up to 1)" in problems[0]
