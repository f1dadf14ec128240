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
