"""What a training records of itself, at what cost."""

from __future__ import annotations

import pytest

from ranvier.train import recorder
from ranvier.train.journal import MemoryJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Silent
from ranvier.train.store import NoStore
from tests.unit.train.conftest import MakeJob


def activations(job) -> list[dict]:
    journal = MemoryJournal()
    job.trainer(journal, NoStore(), Silent()).run()
    return [record for record in journal.records if record["kind"] == "activations"]


def test_a_large_network_is_looked_at_on_fewer_rows(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {record["rows"] for record in activations(make_job(epochs=1))} == {32, 256}
    # 16 numbers a row of the first layer, 16 of the normalisation, 2 of the last layer.
    monkeypatch.setattr(recorder, "PROBE_NUMBERS", 34 * 10 + 33)
    assert {record["rows"] for record in activations(make_job(epochs=1))} == {10}
    monkeypatch.setattr(recorder, "PROBE_NUMBERS", 1)
    assert {record["rows"] for record in activations(make_job(epochs=1))} == {1}


def test_looks_and_windows_fall_on_the_same_updates_however_many_go_into_a_call(
    make_job: MakeJob,
) -> None:
    class OneByOne(NoStore):
        def most_steps(self, cursor):
            return 1

    journals = []
    for store in (NoStore(), OneByOne()):
        journal = MemoryJournal()
        job = make_job(epochs=8)
        with machine(job.device, threads=1, seed=0):
            job.trainer(journal, store, Silent()).run()
        journals.append([r for r in journal.records if r["kind"] != "timing"])
    assert journals[0] == journals[1]
    looks = [record["step"] for record in journals[0] if record["kind"] == "weights"]
    assert looks == [1 + 7 * look for look in range(len(looks))]


def test_the_rank_of_layers_is_looked_at_first_and_at_evaluations(make_job: MakeJob) -> None:
    looks = activations(make_job(epochs=3))
    ranks = [look["rank"] for look in looks if "rank" in look]
    assert "rank" in looks[0] and "rank" in looks[-1]
    assert len(ranks) == 1 + 3 < len(looks)
    # Of sixteen units and two outputs: no more directions than these.
    assert all(2 < rank[0] <= 16 and 1 <= rank[-1] <= 2 + 1e-6 for rank in ranks)


def test_the_probe_is_measured_like_validation_on_rows_all_over_the_training_part(
    make_job: MakeJob,
) -> None:
    job = make_job(epochs=2, average_decay=0)
    journal = MemoryJournal()
    with machine(job.device, threads=1, seed=0):
        trainer = job.trainer(journal, NoStore(), Silent())
        trainer.run()
    [*_, epoch] = [record for record in journal.records if record["kind"] == "epoch"]
    probe, validation = epoch["probe"], epoch["validation"]
    assert {"loss", "accuracy", "spread", "answers", "share"} <= probe.keys() & validation.keys()
    assert sum(probe["answers"]) == 256 and sum(validation["answers"]) == 120
    part = job.training.spaced(256)
    assert probe["share"] == pytest.approx(max(part.truth.mean(), 1 - part.truth.mean()))
    # The best epoch's weights are in the network now.
    best = [r for r in journal.records if r["kind"] == "epoch" and r["best"]][-1]["probe"]
    outputs = job.evaluator().outputs(part.inputs)
    found = job.evaluator().glance(part, outputs)
    assert best.pop("answers") == found.pop("answers")
    assert best == pytest.approx(found)


def test_spaced_rows_are_as_many_as_asked_for_from_first_to_last(make_job: MakeJob) -> None:
    training = make_job().training
    part = training.spaced(100)
    assert len(part) == len(part.truth) == len(part.targets) == 100
    assert bool((part.inputs[0] == training.inputs[0]).all())
    assert len(training.spaced(10**6)) == len(training)
