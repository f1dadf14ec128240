"""A disk that takes no more (a file-size limit): an error, the last good kept, no litter."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager

import pytest
import torch

from ranvier.core.errors import RunError
from ranvier.runs import checkpoints
from ranvier.runs.documents import read_document, write_document
from ranvier.runs.events import EventWriter, check_closed, check_events, read_events
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import load_model, save_model
from ranvier.runs.verify import damaged_files


@contextmanager
def file_size_limit(size):
    # Python ignores SIGXFSZ from its start, so the write fails with EFBIG.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def everything_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


LARGE = {"small": torch.ones(3), "large": torch.zeros(100_000)}


# The limits fall into the header, between the tensors, inside one, and (with a document larger
# than the tensors) into the document.
@pytest.mark.parametrize("limit", [0, 1, 100, 200, 4096, 399_000])
def test_a_checkpoint_that_does_not_fit_leaves_the_last_one_and_nothing_else(tmp_path, limit):
    checkpoints.save(tmp_path, 1, {"w": torch.ones(3)}, {"epoch": 1})
    before = everything_below(tmp_path)
    with file_size_limit(limit), pytest.raises(RunError) as caught:
        checkpoints.save(tmp_path, 2, LARGE, {"epoch": 2})
    assert "tensors.safetensors: cannot write: the file would be larger than allowed." in str(
        caught.value
    )
    assert str(caught.value).endswith("Raise the limit (see ulimit -f).")
    assert everything_below(tmp_path) == before
    assert checkpoints.load(tmp_path)[2] == {"epoch": 1}


def test_a_document_that_does_not_fit_leaves_the_last_checkpoint(tmp_path):
    checkpoints.save(tmp_path, 2, {"w": torch.ones(3)}, {"epoch": 1})
    before = everything_below(tmp_path)
    with file_size_limit(2000), pytest.raises(RunError, match=r"checkpoint\.json: cannot write"):
        checkpoints.save(tmp_path, 2, {"w": torch.ones(3)}, {"scores": [0.5] * 10_000})
    assert everything_below(tmp_path) == before
    assert checkpoints.load(tmp_path)[2] == {"epoch": 1}


def test_a_model_that_does_not_fit_leaves_the_old_one(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    save_model(run, {"w": torch.ones(3)}, "{}", {"f": 1})
    before = everything_below(tmp_path)
    with file_size_limit(1000), pytest.raises(RunError, match="larger than allowed"):
        save_model(run, LARGE, "{}", {"f": 2})
    assert everything_below(tmp_path) == before
    assert load_model(run).encoder_json == {"f": 1}


def test_a_document_keeps_its_old_text(tmp_path):
    write_document(tmp_path / "summary.json", {"epoch": 1})
    with file_size_limit(50), pytest.raises(RunError, match="What was there before is untouched"):
        write_document(tmp_path / "summary.json", {"scores": [0.5] * 100})
    assert os.listdir(tmp_path) == ["summary.json"]
    assert read_document(tmp_path / "summary.json") == {"epoch": 1}


@pytest.mark.parametrize("room", [0, 1, 8, 9, 60])
def test_a_record_that_does_not_fit_leaves_whole_records_and_the_writer_goes_on(tmp_path, room):
    writer = EventWriter(tmp_path)
    writer.append("window", {"step": 1})
    size = writer.position()["offset"]
    with (
        file_size_limit(size + room),
        pytest.raises(RunError, match="The records before are untouched. Raise the limit"),
    ):
        writer.append("window", {"loss": [0.5] * 100})
    assert (tmp_path / "000001.jsonl").stat().st_size == size
    writer.append("window", {"step": 2})
    writer.close()
    assert [record["step"] for record in read_events(tmp_path)] == [1, 2]
    assert check_events(tmp_path) == []
    check_closed(tmp_path)


def test_a_segment_that_cannot_be_begun_leaves_no_trace(tmp_path):
    with file_size_limit(10), pytest.raises(RunError, match="larger than allowed"):
        EventWriter(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_finished_run_stays_whole_whatever_fails_to_be_written_into_it(finished_run):
    before = everything_below(finished_run.path)
    with file_size_limit(64):
        with pytest.raises(RunError):
            write_document(finished_run.summary, {"metrics": {"test": {"r2": 0.1}}, "x": "y" * 99})
        with pytest.raises(RunError):
            checkpoints.save(finished_run.checkpoints, 6, LARGE, {})
        with pytest.raises(RunError):
            save_model(finished_run, LARGE, "{}", {})
        with pytest.raises(RunError):
            EventWriter(finished_run.events)
    assert everything_below(finished_run.path) == before
    assert damaged_files(finished_run) == []
