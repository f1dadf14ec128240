"""From races to rows, table and chart: ratios, equal quality, and who is named the fastest."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.special import log_softmax

from benchmarks.contenders import PEERS, REFERENCE, ours
from benchmarks.machine import machine
from benchmarks.peers.quality import MEASURES
from benchmarks.race import Entry
from benchmarks.speed import EVERY, QUICK
from benchmarks.speed_chart import chart
from benchmarks.speed_rows import OTHER_QUALITY, is_equal, rows_of
from benchmarks.speed_table import diagnostics_table, fastest_peer, page, summary, table
from benchmarks.workloads.registry import WORKLOADS

SEEDS = {0: (0.50, 0.90), 1: (0.52, 0.91), 2: (0.49, 0.88)}


def entry(name: str, seconds: list[float], reached: dict[int, tuple[float, float]]) -> Entry:
    contender = ours() if name == "ranvier" else PEERS[name]
    return Entry(
        contender,
        import_seconds=1.0,
        first_step_seconds=0.5,
        next_first_step_seconds=0.25 if contender.is_ours else None,
        peak_bytes=3 * 2**20,
        rows=1000,
        steps=10,
        first_loss=2.3,
        rounds=seconds,
        reached=reached,
    )


def raced() -> dict[str, Any]:
    entries = [
        entry("ranvier", [1.0, 1.0, 2.0], SEEDS),
        entry(REFERENCE, [4.0, 3.0, 8.0], SEEDS),
        entry("jax-scan", [0.5, 0.5, 0.5], {0: (0.9, 0.5)}),
        entry("torch-loader", [8.0, 8.0, 8.0], {0: (0.51, 0.91)}),
        Entry(PEERS["scikit-learn"], failure="not offered: dense networks only"),
    ]
    rows = rows_of(entries, operations=10**9, peak=1e11)
    return {"name": "w1", "title": "W1 <small>", "made_of": "made", "aim": 2.0, "rows": rows}


def test_a_ratio_is_of_medians_and_its_spread_of_the_same_rounds() -> None:
    row = raced()["rows"][1]
    assert row["ratio"] == {"median": 4.0, "least": 3.0, "most": 4.0}
    assert row["step_seconds"] == 0.4
    assert row["rows_per_second"]["median"] == 250
    assert row["share_of_peak"] == pytest.approx(10**9 / 0.4 / 1e11)


def test_a_peer_that_learnt_something_else_is_never_the_fastest() -> None:
    race = raced()
    assert [row["status"] for row in race["rows"]] == [
        "ok",
        "ok",
        OTHER_QUALITY,
        "ok",
        "not offered: dense networks only",
    ]
    fastest = fastest_peer(race)
    assert fastest is not None
    assert fastest["name"] == REFERENCE


@pytest.mark.parametrize(
    ("reached", "equal"),
    [
        ({0: (0.50, 0.90)}, True),
        # 4.30 · 0.0153 · √(1 + 1/3) = 0.076 from the means 0.503 and 0.897.
        ({0: (0.57, 0.93)}, True),
        ({0: (0.59, 0.90)}, False),
        ({0: (0.42, 0.90)}, False),
        ({0: (0.50, 0.81)}, False),
        ({0: (float("nan"), 0.90)}, False),
        ({7: (0.50, 0.90)}, True),
        ({}, False),
        # Draws that lie on both sides are no difference; the more there are, the less may differ.
        ({0: (0.58, 0.90), 1: (0.43, 0.91)}, True),
        ({0: (0.57, 0.90), 1: (0.57, 0.91)}, False),
    ],
)
def test_quality_is_equal_if_it_may_be_another_draw_of_the_references(
    reached: dict[int, tuple[float, float]], equal: bool
) -> None:
    assert is_equal(reached, SEEDS) is equal


def test_the_table_shows_the_fastest_first_and_says_why_a_row_is_missing() -> None:
    lines = table(raced()).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "JAX and optax by hand (other quality)",
        "**Ranvier**",
        "PyTorch by hand, indexed, fused Adam",
        "PyTorch by hand, DataLoader",
        "scikit-learn",
    ]
    assert "4.00 (3.00–4.00)" in lines[4]
    assert "| 0.50 (then 0.25) |" in lines[3]
    assert "not offered: dense networks only" in lines[6]
    assert len({line.count("|") for line in lines}) == 1


def test_the_summary_names_the_fastest_peer_and_leaves_out_nothing() -> None:
    lost = raced() | {"rows": []}
    lines = summary([raced(), lost]).splitlines()
    assert "| PyTorch by hand, indexed, fused Adam | 4.00 (3.00–4.00) | 2 |" in lines[2]
    assert lines[3] == "| W1 <small> | – | – | – | 2 |"


def test_the_page_holds_every_part_and_the_machine() -> None:
    found = {"median": 1.5, "least": 1.0, "most": 2.0}
    text = page(
        {
            "machine": machine(threads=2),
            "peers": {"jax": "0.10.2", "optax": "0.2.8"},
            "rounds": 3,
            "seeds": 3,
            "peaks": {"cpu": {"float32": 2e11, "bfloat16": 8e11}},
            "races": {"cpu": [raced()]},
            "diagnostics": [{"title": "W1", "ratio": found}, {"title": "W2", "status": "failed"}],
            "command_line": {
                "rows": 10_000,
                "made_of": "a table",
                "process_seconds": found,
                "training_seconds": found,
                "beyond_seconds": found,
                "aim_seconds": 2.0,
            },
        }
    )
    assert "cpu: float32 0.20 TFLOP/s, bfloat16 0.80 TFLOP/s" in text
    assert "| W1 | 1.50 (1.00–2.00) | at most 1.03 |" in text
    assert "| a table | 1.50 | 1.50 | 1.50 (1.00–2.00) | at most 2 |" in text
    assert f"Python {machine(threads=2)['python']}" in text
    assert "Peers: jax 0.10.2, optax 0.2.8." in text
    assert "| W2 | failed: no room |" in diagnostics_table(
        [{"title": "W2", "status": "failed: no room"}]
    )


def test_the_chart_is_whole_xml_with_every_dot_inside_its_frame() -> None:
    root = ElementTree.fromstring(chart([raced(), raced() | {"rows": []}]))
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    dots = [each for each in root.iter() if each.tag.endswith("circle")]
    assert len(dots) == 4
    for dot in dots:
        assert 0 < float(dot.attrib["cx"]) < width
        assert 0 < float(dot.attrib["cy"]) < height
    assert sum(dot.attrib["fill"] == "#fff" for dot in dots) == 1
    assert "W1 <small>" in {each.text for each in root.iter()}


def test_a_chart_of_nothing_is_still_a_chart() -> None:
    assert ElementTree.fromstring(chart([])).tag.endswith("svg")


def test_the_measures_are_those_of_their_definitions() -> None:
    draw = np.random.default_rng(0)
    logits, targets = draw.normal(size=(4, 3, 5)), draw.integers(5, size=(4, 3))
    expected = -np.take_along_axis(log_softmax(logits, -1), targets[..., None], -1).mean()
    assert MEASURES["cross_entropy"](logits, targets) == pytest.approx(expected)
    assert MEASURES["accuracy"](np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 0])) == 0.75
    assert MEASURES["mean_squared_error"](np.array([[1.0], [3.0]]), np.array([1.0, 1.0])) == 2.0
    z, y = draw.normal(size=6), draw.random(6)
    p = 1 / (1 + np.exp(-z))
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert MEASURES["binary_cross_entropy"](z, y) == pytest.approx(expected)


def test_the_quick_run_asks_for_what_there_is() -> None:
    assert set(QUICK["workloads"]) <= set(EVERY)
    assert set(QUICK["peers"]) <= set(PEERS)
    assert list(EVERY) == [f"w{number}" for number in range(1, 11)]
    assert all(workload.name == name for name, workload in WORKLOADS.items())
