"""What becomes of a run later: resumed, loaded, verified, found damaged."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import polars as pl
import pytest

import ranvier as rv
from ranvier.core.errors import DamagedError, DataError, FormatError, RunError, StoppedError
from ranvier.runs.documents import read_document
from tests.unit.apps.tabular.conftest import StopsAfter, Train, people, stopped, weights_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    people().write_csv(path)
    return path


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_says_which_run_to_resume(
    train: Train, tmp_path: Path, number: int, code: int
) -> None:
    out = tmp_path / "cut"
    with pytest.raises(StoppedError) as caught:
        train(out=out, progress=StopsAfter(2, number))
    assert str(caught.value) == (
        f"{out}: stopped after 12 steps, a checkpoint is saved. Go on with: ranvier resume {out}"
    )
    assert caught.value.exit_code == code
    assert rv.load(out).summary["status"] == "unfinished"
    assert repr(rv.load(out)) == f"Run({str(out)!r}, unfinished)"


def test_a_stopped_run_goes_on_to_the_bits_of_one_left_alone(
    train: Train, source: Path, tmp_path: Path
) -> None:
    alone = train(source, out=tmp_path / "alone", epochs=5)
    cut = stopped(train, tmp_path / "cut", source)
    resumed = rv.resume(cut)
    assert weights_of(resumed) == weights_of(alone)
    assert resumed.history == alone.history
    assert resumed.metrics == alone.metrics


def test_a_finished_run_comes_back_as_it_is(train: Train, source: Path) -> None:
    run = train(source)
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    assert rv.resume(run.path).metrics == run.metrics
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


def test_a_source_that_was_moved_is_named_anew(train: Train, source: Path, tmp_path: Path) -> None:
    alone = train(source, out=tmp_path / "alone", epochs=5)
    cut = stopped(train, tmp_path / "cut", source)
    moved = source.rename(tmp_path / "archive.csv")
    with pytest.raises(DataError, match="people.csv: no such file"):
        rv.resume(cut)
    assert weights_of(rv.resume(cut, moved)) == weights_of(alone)


def test_data_that_changed_is_refused_and_the_checkpoint_stays(
    train: Train, source: Path, tmp_path: Path
) -> None:
    cut = stopped(train, tmp_path / "cut", source)
    good = source.read_text()
    source.write_text(good.replace("Ulm", "Bonn", 1))
    with pytest.raises(DataError, match="this is not the data that .* was begun with") as caught:
        rv.resume(cut)
    assert "Restore the file as it was, or train anew." in str(caught.value)
    source.write_text(good)
    assert rv.resume(cut).summary["status"] == "finished"


def test_data_in_memory_is_given_again(train: Train, tmp_path: Path) -> None:
    alone = train(out=tmp_path / "alone", epochs=5)
    cut = stopped(train, tmp_path / "cut")
    with pytest.raises(RunError, match=r"data in memory .* rv.resume\(run, source=data\)"):
        rv.resume(cut)
    with pytest.raises(DataError, match="this is not the data"):
        rv.resume(cut, source=people(seed=1))
    assert weights_of(rv.resume(cut, source=people())) == weights_of(alone)


def test_a_test_source_is_found_from_another_folder(
    train: Train, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(60, seed=5).write_csv(tmp_path / "later.csv")
    monkeypatch.chdir(tmp_path)
    cut = stopped(train, tmp_path / "cut", "people.csv", test="later.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert rv.resume(cut).document["data"]["parts"]["test"] == 60


def test_a_run_in_the_way_is_left_as_it_is(train: Train, tmp_path: Path) -> None:
    run = train(out=tmp_path / "run")
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    with pytest.raises(RunError, match="there is a run here already"):
        train(out=tmp_path / "run", seed=4)
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


def test_runs_are_numbered_where_no_folder_is_named(
    train: Train, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [str(train(source, out=None).path) for _ in range(2)]
    assert paths == ["runs/people-1", "runs/people-2"]


def test_a_loaded_run_predicts_as_the_one_that_was_trained(train: Train) -> None:
    run = train()
    loaded = rv.load(run.path)
    assert (loaded.predict_proba(people()) == run.predict_proba(people())).all()
    assert loaded.metrics == run.metrics
    assert not loaded.model.training


def test_a_run_that_is_not_there_offers_the_nearest(train: Train, tmp_path: Path) -> None:
    run = train(out=tmp_path / "second")
    with pytest.raises(RunError, match=f"there is no such folder. Did you mean {run.path}"):
        rv.load(tmp_path / "secnd")


def test_a_damaged_file_is_named_when_it_is_read(train: Train) -> None:
    run = train()
    weights = run.folder.model / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 4
    weights.write_bytes(content)
    with pytest.raises(DamagedError, match="weights.safetensors"):
        rv.load(run.path).predict(people())
    verdict = rv.verify(run.path, people())
    assert not verdict.is_whole
    assert len(verdict.damaged) == 1 and "weights.safetensors" in verdict.damaged[0]


def test_a_run_of_a_newer_format_is_refused_as_that(train: Train) -> None:
    run = train()
    document = json.loads(run.folder.run.read_text())
    run.folder.run.write_text(json.dumps({**document, "format": 2}))
    with pytest.raises(FormatError, match=r"written by a newer Ranvier \(format 2"):
        rv.load(run.path)


def test_verify_replays_the_steps_between_the_checkpoints(train: Train, source: Path) -> None:
    run = train(source)
    verdict = rv.verify(run.path)
    assert verdict.is_whole
    assert verdict.damaged == ()
    assert verdict.replay is not None
    assert (verdict.replay.first_step, verdict.replay.last_step) == (0, 18)
    assert verdict.replay.is_exact


def test_verify_changes_nothing(train: Train, source: Path) -> None:
    run = train(source)
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    rv.verify(run.path)
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


def test_the_python_surface_takes_objects_and_names_alike(train: Train) -> None:
    objects = train(
        optimizer=rv.SGD(0.05, momentum=0.9),
        schedule=rv.OneCycle(),
        loss=rv.CrossEntropy(label_smoothing=0.1),
    )
    words = train(
        optimizer={"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9},
        schedule="one_cycle",
        loss={"kind": "cross_entropy", "label_smoothing": 0.1},
    )
    assert weights_of(objects) == weights_of(words)
    settings = read_document(objects.folder.run)["settings"]
    assert (settings["learning_rate"], settings["weight_decay"]) == (0.05, 0.0)
    assert settings["optimizer"]["momentum"] == 0.9


def test_a_rate_of_its_own_goes_before_the_optimisers(train: Train) -> None:
    run = train(optimizer=rv.SGD(0.05), learning_rate=0.2)
    settings = run.document["settings"]
    assert settings["learning_rate"] == settings["optimizer"]["learning_rate"] == 0.2


def test_an_unknown_setting_offers_the_nearest(train: Train) -> None:
    with pytest.raises(ValueError, match="unknown setting 'lerning_rate'. Did you mean 'learning_"):
        train(lerning_rate=0.1)
    with pytest.raises(KeyError, match="unknown optimizer 'adamm'. Did you mean 'adam'"):
        train(optimizer="adamm")


def test_a_mapping_and_a_pair_are_sources_too(train: Train) -> None:
    frame = people()
    mapping = {name: frame[name].to_list() for name in frame.columns}
    assert weights_of(train(mapping)) == weights_of(train(frame))
    pair = train((frame.select("age", "income"), frame["bought"].to_list()), target=None)
    assert pair.task.classes == ("no", "yes")
    assert isinstance(pair.predict_table(frame.select("age", "income")), pl.DataFrame)
