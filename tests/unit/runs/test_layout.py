from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ranvier.core.errors import RunError
from ranvier.runs.documents import write_document
from ranvier.runs.layout import RunFolder


def a_run(path: Path) -> RunFolder:
    run = RunFolder.create(path)
    write_document(run.run, {"task": "classification"})
    return run


def test_a_new_run_has_its_places(tmp_path):
    run = RunFolder.create(tmp_path / "a" / "b")
    assert run.run == tmp_path / "a" / "b" / "run.json"
    assert run.network.name == "network.json"
    assert run.summary.name == "summary.json"
    assert run.report.name == "report.html"
    assert run.model.name == "model"
    assert run.events.is_dir()
    assert run.checkpoints.is_dir()


def test_an_empty_folder_and_one_whose_run_never_began_may_be_used(tmp_path):
    (tmp_path / "empty").mkdir()
    RunFolder.create(tmp_path / "empty")
    with RunFolder.create(tmp_path / "empty").lock():
        (tmp_path / "empty" / ".run.json.tmp-1-ab").write_text("half")
    RunFolder.create(tmp_path / "empty")


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    for name in "abcde":
        (tmp_path / f"{name}.csv").write_text("x")
    with pytest.raises(RunError) as caught:
        RunFolder.create(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: this folder is not empty (it holds a.csv, b.csv, c.csv and 2 more) "
        "and is not a run. Choose another --out, or empty it first."
    )
    assert len(os.listdir(tmp_path)) == 5


def test_a_run_killed_before_it_began_may_be_begun_again(tmp_path):
    run = RunFolder.create(tmp_path / "r")
    with run.lock():
        run.network.write_text("{}")
    assert RunFolder.create(tmp_path / "r") == run


def test_a_network_of_somebody_elses_is_not_written_over(tmp_path):
    (tmp_path / "network.json").write_text("{}")
    with pytest.raises(RunError, match=r"it holds network.json\) and is not a run"):
        RunFolder.create(tmp_path)


def test_records_without_a_run_are_not_written_over(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "000001.jsonl").write_text("x")
    with pytest.raises(RunError, match=r"it holds events\) and is not a run"):
        RunFolder.create(tmp_path)


def test_a_run_is_never_written_over(tmp_path):
    a_run(tmp_path / "r")
    with pytest.raises(RunError) as caught:
        RunFolder.create(tmp_path / "r")
    assert str(caught.value) == (
        f"{tmp_path / 'r'}: there is a run here already. Go on with it "
        f"(ranvier resume {tmp_path / 'r'}), or choose another --out."
    )


@pytest.mark.parametrize("below", [(), ("deeper",), ("deeper", "still")])
def test_a_file_in_the_way_is_named(tmp_path, below):
    (tmp_path / "out").write_text("a file")
    path = tmp_path.joinpath("out", *below)
    with pytest.raises(RunError) as caught:
        RunFolder.create(path)
    assert str(caught.value) == (
        f"{path}: cannot make this folder: {tmp_path / 'out'} is a file. Choose another --out."
    )


def test_a_folder_that_cannot_be_made_is_explained(tmp_path, monkeypatch):
    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunError) as caught:
        RunFolder.create(tmp_path / "r")
    assert str(caught.value) == (
        f"{tmp_path / 'r'}: cannot write: you may not write there. "
        "Choose another place, or change its permissions."
    )


def test_a_folder_that_may_not_be_written_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(RunError, match="you may not write there"):
        RunFolder.create(tmp_path)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("data/Fashion MNIST.csv", "fashion-mnist"),
        ("iris", "iris"),
        ("???", "run"),
        ("x" * 300, "x" * 40),
    ],
)
def test_a_default_place_is_named_after_the_source_and_counted(tmp_path, source, name):
    names = [RunFolder.create_next(source, parent=tmp_path / "runs").path.name for _ in range(3)]
    assert names == [f"{name}-1", f"{name}-2", f"{name}-3"]


def test_a_number_is_not_given_twice(tmp_path):
    (tmp_path / "iris-7").mkdir()
    (tmp_path / "iris-versicolor-9").mkdir()
    assert RunFolder.create_next("iris", parent=tmp_path).path.name == "iris-8"


def test_a_number_taken_by_another_run_in_between_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "iris-1").mkdir()
    monkeypatch.setattr(os, "listdir", lambda path=".": [])
    assert RunFolder.create_next("iris", parent=tmp_path).path.name == "iris-2"


def test_opening_what_is_no_run_offers_the_nearest(tmp_path):
    a_run(tmp_path / "letter-1")
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path / "leter-1")
    assert str(caught.value) == (
        f"{tmp_path / 'leter-1'}: there is no such folder. Did you mean {tmp_path / 'letter-1'}?"
    )


def test_opening_a_folder_of_runs_lists_them(tmp_path):
    a_run(tmp_path / "one")
    a_run(tmp_path / "two")
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: this is not a run (it holds no run.json). "
        f"Runs in {tmp_path}: {tmp_path / 'one'}, {tmp_path / 'two'}."
    )


def test_opening_a_file_inside_a_run_offers_the_run(tmp_path):
    run = a_run(tmp_path / "r")
    with pytest.raises(RunError, match="this is not a run. Did you mean the run it is in, "):
        RunFolder.open(run.run)


def test_opening_where_there_is_nothing_says_what_to_give(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"Give the folder that ranvier train wrote \(its --out\)"):
        RunFolder.open(tmp_path / "nothing" / "here")


def test_opening_a_run_gives_it(tmp_path):
    assert RunFolder.open(a_run(tmp_path / "r").path) == RunFolder(tmp_path / "r")


def test_two_writers_of_one_run_are_refused_and_the_next_may_come(tmp_path):
    run = a_run(tmp_path / "r")
    with (
        run.lock(),
        pytest.raises(RunError, match="another process is writing this run. Wait for it to end"),
        run.lock(),
    ):
        pass
    with run.lock():
        pass


HOLD = """
import sys, time
from ranvier.runs.layout import RunFolder
with RunFolder(__import__("pathlib").Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_held_by_another_process_is_respected_and_dies_with_it(tmp_path):
    run = a_run(tmp_path / "r")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another process is writing this run"), run.lock():
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    with run.lock():
        pass


def test_taking_the_lock_sweeps_what_a_crash_left(tmp_path):
    run = a_run(tmp_path / "r")
    for folder in (run.path, run.events, run.checkpoints):
        (folder / ".x.tmp-1-ab").write_text("half")
    with run.lock():
        for folder in (run.path, run.events, run.checkpoints):
            assert not (folder / ".x.tmp-1-ab").exists()


def test_looking_at_a_run_needs_no_torch():
    program = (
        "import sys\n"
        "import ranvier.runs.verify, ranvier.runs.history, ranvier.runs.model\n"
        "import ranvier.runs.checkpoints, ranvier.runs.tensors, ranvier.runs.settings\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
