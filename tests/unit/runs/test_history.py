from __future__ import annotations

import pytest

from ranvier.core.errors import UnknownNameError
from ranvier.runs.events import EventWriter
from ranvier.runs.history import History

RECORDS = [
    {"kind": "start", "step": 0, "batch_size": 32},
    {"kind": "window", "step": 2, "loss": [0.9, 0.8], "gradient_norm": [2.0, 1.5]},
    {"kind": "epoch", "epoch": 1, "step": 2, "validation": {"loss": 0.7}, "best": True},
    {"kind": "timing", "epoch": 1, "step": 2, "seconds": 0.5},
    {"kind": "window", "step": 3, "loss": [0.6], "gradient_norm": [None]},
    {"kind": "epoch", "epoch": 2, "step": 3, "validation": {"loss": 0.6, "auc": 0.9}},
    {"kind": "end", "reason": "epochs", "step": 3, "seconds": 1.25},
]


def changed(position, **values):
    records = [dict(record) for record in RECORDS]
    records[position].update(values)
    return History(records)


def test_a_history_is_read_from_the_events_of_a_run(tmp_path):
    writer = EventWriter(tmp_path)
    for record in RECORDS:
        writer.append(record["kind"], {k: v for k, v in record.items() if k != "kind"})
    history = History.read(tmp_path)
    assert history == History(RECORDS)
    assert [epoch["epoch"] for epoch in history.epochs] == [1, 2]
    assert len(history.windows) == 2
    assert history.of("start") == [{"step": 0, "batch_size": 32}]
    assert history.of("finding") == []


def test_series_run_over_steps_and_over_epochs():
    history = History(RECORDS)
    assert history.series("gradient_norm") == [2.0, 1.5, None]
    assert history.series("loss") == [0.9, 0.8, 0.6]
    assert history.series("validation.loss") == [0.7, 0.6]
    assert history.series("validation.auc") == [None, 0.9]
    assert history.series("epoch") == [1, 2]


def test_an_unknown_series_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        History(RECORDS).series("gradient_nrom")
    assert str(caught.value) == (
        "no series 'gradient_nrom' was recorded. Did you mean 'gradient_norm'?"
    )
    with pytest.raises(UnknownNameError, match="None is known here"):
        History([]).series("loss")


def test_histories_are_equal_where_only_the_clock_differs():
    assert History(RECORDS) == changed(3, seconds=9.0)
    assert History(RECORDS) == changed(6, seconds=9.0)
    assert History(RECORDS) == History([r for r in RECORDS if r["kind"] != "timing"])


def test_histories_differ_where_anything_else_does():
    assert History(RECORDS) != changed(1, loss=[0.9, 0.8000000000000002])
    assert History(RECORDS) != changed(6, reason="patience")
    assert History(RECORDS) != History(RECORDS[:-1])
    assert History(RECORDS) != RECORDS


def test_all_of_it_is_plain_json_by_kind():
    document = History(RECORDS).to_json()
    assert list(document) == ["start", "window", "epoch", "timing", "end"]
    assert document["timing"] == [{"epoch": 1, "step": 2, "seconds": 0.5}]
    assert repr(History(RECORDS)) == "History(1 start, 2 window, 2 epoch, 1 timing, 1 end)"
