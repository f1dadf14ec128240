"""The table of repairs counts what it says, and draws lie where they should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.doctor.random_search import drawn
from benchmarks.doctor.repair_cases import FAULTS, HEALTHY, Setup, cases
from benchmarks.doctor.repairs import is_harmed, is_repaired, table_of


def result(**changes: Any) -> dict[str, Any]:
    usual = {"half": "test", "fault": "a", "twin": 0.9, "spoilt": 0.1, "healed": 0.9, "random": 0.5}
    return {**usual, **changes}


def test_two_points_decide_what_is_harmed_and_what_is_repaired() -> None:
    assert is_harmed(result()) and not is_harmed(result(spoilt=0.89))
    assert is_repaired(result(healed=0.881), "healed")
    assert not is_repaired(result(healed=0.87), "healed")


def test_rates_are_counted_over_the_runs_that_were_harmed() -> None:
    unharmed = result(spoilt=0.9)
    text = "\n".join(table_of([result(), result(healed=0.5), unharmed]))
    assert "**test**: 2 of 3 runs harmed" in text
    assert "| healed | 1 of 2 | 50.0 % | 9.5 to 90.5 % | +60.0 |" in text
    assert "| random | 0 of 2 | 0.0 % | 0.0 to 65.8 % | +40.0 |" in text
    assert "| a | 2 | 1 | 0 |" in text


def test_every_fault_fits_some_training_and_both_halves_have_some() -> None:
    chosen = cases(1)
    assert {case.fault for case in chosen} == set(FAULTS)
    assert {case.half for case in chosen} == {"calibration", "test"}


@pytest.mark.parametrize("name", HEALTHY)
def test_every_training_has_a_network_that_gives_one_output_per_class(name: str) -> None:
    setup = HEALTHY[name]
    features = {"digits": 64, "digit_rows": 48}.get(setup.table, 10)
    assert setup.network().output_shape(features) == (setup.outputs,)


def test_a_draw_changes_what_a_search_may_and_keeps_the_fault() -> None:
    spoilt = FAULTS["tanh_with_huge_weights"](HEALTHY["digits, dense"])
    assert isinstance(spoilt, Setup)
    random = np.random.default_rng(0)
    draws = [drawn(spoilt, random, 7) for _ in range(50)]
    rates = [draw.settings["optimizer"]["learning_rate"] for draw in draws]
    assert 1e-5 <= min(rates) < 1e-3 < max(rates) <= 1.0
    assert all(draw.initializer == spoilt.initializer for draw in draws)
    assert {draw.settings["epochs"] for draw in draws} == {7}
