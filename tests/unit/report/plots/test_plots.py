from __future__ import annotations

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.report.markup import Markup
from ranvier.report.plots import (
    Guide,
    Series,
    bar_chart,
    binned,
    calibration_diagram,
    confusion_map,
    histogram,
    line_chart,
    quantile_bands,
    ridgeline,
    roc_chart,
    thin,
    time_map,
    tiny_bars,
    truth_scatter,
)
from ranvier.report.plots.distributions import quantile
from ranvier.report.plots.scale import Scale, domain

WORDS = {"title": "A <title>", "description": "A & description"}
NAME = "<b>&\"' name"
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.none()
series = st.lists(numbers, min_size=1, max_size=30)


def inside(drawing: Markup) -> ElementTree.Element:
    """The drawing as XML, once every coordinate is known to be a finite number on the paper."""
    root = ElementTree.fromstring(drawing)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for mark in root.iter():
        for name, most in (("x", width), ("y", height), ("cx", width), ("cy", height)):
            if name in mark.attrib:
                assert -1 <= float(mark.attrib[name]) <= most + 1, mark.attrib
        for name in ("width", "height", "r"):
            assert float(mark.attrib.get(name, 0)) >= 0
        assert not re.search("nan|inf", mark.attrib.get("d", ""))
    return root


@given(series, st.booleans())
def test_a_line_chart_of_any_numbers_stays_on_its_paper(values: list, is_log: bool) -> None:
    line = Series(NAME, [float(index) for index in range(len(values))], values)
    drawing = line_chart([line], **WORDS, x_label="x", y_label="y", is_log=is_log)
    finite = [
        v for v in values if v is not None and math.isfinite(v) and (v > 1e-150 or not is_log)
    ]
    assert (drawing is None) == (not finite)
    if drawing is not None:
        inside(drawing)


def test_a_missing_number_breaks_the_line_and_a_lonely_one_is_a_dot() -> None:
    line = Series("a", [1, 2, 3, 4, 5], [1.0, 2.0, None, 4.0, None])
    root = inside(line_chart([line], **WORDS, x_label="x", y_label="y"))
    path = next(mark for mark in root.iter() if "line" in mark.attrib.get("class", "").split())
    assert path.attrib["d"].count("M") == 1
    assert sum(mark.tag.endswith("circle") for mark in root.iter()) == 1


def test_a_log_axis_sets_equal_ratios_equally_far_apart() -> None:
    scale = Scale(0.001, 1000.0, 0.0, 60.0, is_log=True)
    assert [round(scale(10.0**power), 9) for power in range(-3, 4)] == [0, 10, 20, 30, 40, 50, 60]
    assert scale.ticks() == [0.001, 0.1, 10.0, 1000.0]


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e12))
def test_ticks_lie_in_their_axis_and_are_few(low: float, span: float) -> None:
    if low + span <= low + abs(low) * 1e-9:
        return
    ticks = Scale(low, low + span, 0, 1).ticks(5)
    assert 2 <= len(ticks) <= 7
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in ticks)


def test_a_domain_ignores_what_is_not_finite_and_opens_a_single_value() -> None:
    assert domain([None, math.nan, math.inf]) is None
    assert domain([-1.0, 0.0], is_log=True) is None
    low, high = domain([5.0, 5.0]) or (0, 0)
    assert low < 5 < high


def test_hovering_a_line_says_the_values_of_all_lines_there() -> None:
    one, two = Series("train", [1, 2], [0.5, 0.25]), Series("validation", [1, 2], [0.75, 0.5])
    root = inside(line_chart([one, two], **WORDS, x_label="epoch", y_label="loss"))
    said = [mark.text for mark in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "epoch 2\ntrain: 0.25\nvalidation: 0.5" in said


def test_a_guide_alone_is_no_plot() -> None:
    line = Series("", [1, 2], [0.0, 0.0])
    guides = [Guide("y", 0.001, "0.001")]
    assert line_chart([line], **WORDS, x_label="x", y_label="y", is_log=True, guides=guides) is None


def test_a_guide_off_the_axis_is_not_drawn() -> None:
    line = Series("", [1, 2], [1.0, 2.0])
    drawing = line_chart(
        [line], **WORDS, x_label="x", y_label="y", y_range=(0, 3), guides=[Guide("y", 9, "far")]
    )
    assert "far" not in (drawing or "")


def test_thinning_keeps_extremes_in_the_band() -> None:
    values: list[float | None] = [1.0] * 1000
    values[333] = 50.0
    line = thin([float(i) for i in range(1000)], values, most=100)
    assert len(line.x) == 100
    assert max(line.high) == 50.0 and max(line.y) == 1.0  # type: ignore[type-var]


def test_a_histogram_s_bars_are_as_tall_as_their_counts() -> None:
    root = inside(histogram([0, 1, 2], [10, 5], **WORDS, x_label="x"))
    heights = [float(m.attrib["height"]) for m in root.iter() if "fill" in m.get("class", "")]
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.01)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50))
def test_binning_loses_no_value(values: list[float]) -> None:
    edges, counts = binned(values, bins=7)
    assert sum(counts) == len(values) and len(edges) == 8


def test_bars_are_as_long_as_their_amounts_and_say_them() -> None:
    root = inside(bar_chart([(NAME, 30.0), ("b", 60.0)], **WORDS))
    widths = [float(mark.attrib["width"]) for mark in root.iter() if "width" in mark.attrib]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)


def test_a_quantile_is_straight_within_its_bin() -> None:
    counts = [0] * 32
    counts[24] = 100  # 2⁰ to 2¹
    assert quantile(counts, 0.25) == 0.25


def test_bands_leave_zeros_out_and_say_how_many_there_are() -> None:
    counts = [60] + [0] * 23 + [40] + [0] * 7
    drawing = quantile_bands([1, 2], [counts, counts], **WORDS, x_label="epoch", y_label="y")
    text = (drawing or "").replace("\N{NO-BREAK SPACE}", " ")
    assert "at the end 60 % are 0" in text
    assert "half of them below 1.4" in text
    inside(Markup(drawing))


def test_histograms_that_hold_only_zeros_are_not_drawn() -> None:
    empty = [100] + [0] * 31
    words = {**WORDS, "x_label": "x"}
    assert quantile_bands([1], [empty], **words, y_label="y") is None
    assert ridgeline([1], [empty], **words, time_label="epoch") is None


@pytest.mark.parametrize("moments", [1, 2, 9, 40])
def test_ridges_and_bands_of_any_number_of_moments_are_drawn(moments: int) -> None:
    counts = [[0] * 20 + [1 + index, 5, 3] + [0] * 9 for index in range(moments)]
    times = [float(index) for index in range(moments)]
    ridges = inside(ridgeline(times, counts, **WORDS, x_label="x", time_label="epoch"))
    drawn = sum("ridge" in mark.attrib.get("class", "") for mark in ridges.iter())
    assert drawn == min(moments, 9)
    inside(quantile_bands(times, counts, **WORDS, x_label="x", y_label="y"))


def test_a_darker_shade_of_the_time_map_is_a_larger_number() -> None:
    rows = [[1e-6, 1e-3, 1.0]]
    root = inside(time_map([NAME], [1, 2, 3], rows, **WORDS, x_label="step", value_label="norm"))
    shades = [m.attrib["class"] for m in root.iter() if len(m) and m.tag.endswith("rect")]
    assert shades == ["h0", "h4", "h8"]


@pytest.mark.parametrize("size", [2, 5, 13, 26, 30])
def test_a_confusion_map_has_a_cell_for_each_pair(size: int) -> None:
    labels = [f"{NAME} {index}" for index in range(size)]
    counts = [[row * size + column for column in range(size)] for row in range(size)]
    root = inside(confusion_map(labels, counts, **WORDS))
    cells = [mark for mark in root.iter() if "share" in mark.attrib.get("class", "")]
    assert len(cells) == size * size


def test_calibration_leaves_empty_bins_out() -> None:
    bins = [
        {"confidence": 0.7, "frequency": 0.6, "count": 10},
        {"confidence": None, "frequency": None, "count": 0},
    ]
    root = inside(calibration_diagram(bins, **WORDS))
    assert sum("bubble" in mark.attrib.get("class", "") for mark in root.iter()) == 1


def test_the_roc_curve_ends_where_it_should() -> None:
    rates = [index / 999 for index in range(1000)]
    drawing = roc_chart(rates, [rate**0.5 for rate in rates], **WORDS, area=0.667)
    assert "area 0.667" in (drawing or "")
    inside(Markup(drawing))


def test_scattered_points_leave_out_what_is_not_finite() -> None:
    predicted, truth = [1.0, math.nan, 3.0], [1.0, 2.0, math.inf]
    root = inside(truth_scatter(predicted, truth, **WORDS, unit="EUR"))
    dots = next(mark for mark in root.iter() if "points" in mark.attrib.get("class", ""))
    assert dots.attrib["d"].count("M") == 1


@pytest.mark.parametrize(
    "drawing",
    [
        lambda: bar_chart([], **WORDS),
        lambda: histogram([], [], **WORDS, x_label="x"),
        lambda: tiny_bars([0, 0], "nothing"),
        lambda: roc_chart([], [], **WORDS, area=None),
        lambda: calibration_diagram([], **WORDS),
        lambda: truth_scatter([], [], **WORDS, unit="x"),
        lambda: time_map(["a"], [1], [[None]], **WORDS, x_label="x", value_label="y"),
        lambda: line_chart([], **WORDS, x_label="x", y_label="y"),
    ],
)
def test_nothing_to_draw_draws_nothing(drawing: Callable[[], Markup | None]) -> None:
    assert drawing() is None
