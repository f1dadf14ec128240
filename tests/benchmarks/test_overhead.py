"""The overhead's two sides do the same work, or their times would say nothing."""

from __future__ import annotations

import math

import pytest

from benchmarks import overhead


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead, "SHORT", 1)
    monkeypatch.setattr(overhead, "LONG", 2)
    monkeypatch.setattr(overhead, "TRAIN_ROWS", 100 * overhead.BATCH)


def test_ranvier_and_a_loop_by_hand_have_the_same_losses_step_by_step(short: None) -> None:
    result = overhead.measure(repeats=2, threads=1, executors=["eager", "native"])
    assert list(result["executors"]) == ["eager", "native"]
    for found in result["executors"].values():
        assert found["largest_relative_difference_of_losses"] < 1e-4
        for figures in (found["clock"], found["processor"]):
            assert math.isfinite(figures["by_hand_ms"]["median"])
    assert "| native, of the processor | " in overhead.markdown(result)


def test_trainings_that_differ_in_their_steps_are_not_compared() -> None:
    with pytest.raises(SystemExit, match="Ranvier took 2 steps and the loop by hand 1"):
        overhead.largest_difference([0.5, 0.4], [0.5])


def test_the_largest_difference_is_relative() -> None:
    assert overhead.largest_difference([1.0, 0.011], [1.0, 0.01]) == pytest.approx(0.1)


def test_the_spread_is_the_median_and_the_quartiles() -> None:
    assert overhead.spread([5.0, 1.0, 2.0, 3.0, 4.0]) == {
        "median": 3.0,
        "quartile_1": 2.0,
        "quartile_3": 4.0,
    }
