"""Width buys error: what examples/universal_approximation.py shows, with fewer seeds and steps."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from examples.universal_approximation import best_polygon, drawing, fitted, main, points, slope

WIDTHS = (2, 8, 32, 128)


@pytest.fixture(scope="module")
def found() -> dict[int, np.ndarray]:
    return main(WIDTHS, seeds=range(5), steps=400)


def test_every_step_in_width_brings_the_median_error_down(found: dict[int, np.ndarray]) -> None:
    medians = [float(np.median(found[width][:, 0])) for width in WIDTHS]
    for narrow, wide in zip(medians, medians[1:], strict=False):
        assert wide < narrow / 1.5
    assert medians[0] > 0.4
    assert medians[-1] < 0.005


def test_the_largest_error_falls_too_as_the_theorem_says_it_can(
    found: dict[int, np.ndarray],
) -> None:
    largest = [float(np.median(found[width][:, 1])) for width in WIDTHS]
    assert largest[-1] < 0.03 < 0.5 < largest[0]


def test_the_error_falls_faster_than_the_dimension_free_rate_and_not_below_the_best_polygons(
    found: dict[int, np.ndarray],
) -> None:
    assert slope(found) < -0.5
    # A network of m units has at most m + 1 straight pieces.
    assert all(found[width][:, 0].min() > 0.8 * best_polygon(width + 1) for width in (32, 128))


def test_a_network_of_relus_is_a_polygon_with_a_bend_per_unit() -> None:
    x = points(20_001)
    y = fitted(4, 0, steps=50)(x)[:, 0].detach().numpy()
    bends = np.abs(np.diff(y, 2)) > 1e-9
    # A bend between two points shows in one second difference or in two next to each other.
    assert 1 <= int((np.diff(bends.astype(int)) == 1).sum()) <= 4


def test_the_picture_is_a_drawing_of_two_charts(
    found: dict[int, np.ndarray], tmp_path: Path
) -> None:
    drawn = ElementTree.fromstring(drawing(found, steps=5))
    namespace = "{http://www.w3.org/2000/svg}"
    assert drawn.tag == f"{namespace}svg"
    assert len(drawn.findall(f"{namespace}svg")) == 2
    words = {text.text for text in drawn.iter(f"{namespace}text")}
    assert {"128", "best polygon", "64 units"} <= words
