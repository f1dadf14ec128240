"""The table of a network and its drawing."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from ranvier.spec import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    MultiHeadAttention,
    Network,
    Parallel,
    Repeat,
    Residual,
    TableFeatures,
    trace,
)
from ranvier.spec.draw import runs

NETWORK = Network(
    Dense(8, activation="relu"),
    Repeat(Residual(Dense(8), Dropout(0.2)), times=5),
    Parallel(Dense(2), [Dense(3), BatchNorm()]),
    Dense(1, name="head"),
)


def cells(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter() if element.tag.endswith("text")]


def test_the_table_has_a_line_per_layer_with_shape_parameters_cost_and_equation():
    lines = str(NETWORK.describe(input=4)).splitlines()
    assert lines[0] == "network  (4,) → (1,)"
    assert lines[1].split() == [
        *("layer", "output", "shape", "parameters", "FLOPs", "memory", "equation")
    ]
    assert lines[3].split(maxsplit=6)[:6] == ["dense_0", "(8,)", "40", "80", "32", "B"]
    assert lines[3].endswith("z⁽¹⁾ = W⁽¹⁾ a⁽⁰⁾ + b⁽¹⁾, a⁽¹⁾ = relu(z⁽¹⁾)")


def test_a_repeated_block_is_one_entry_and_the_totals_count_all_of_it():
    description = NETWORK.describe(input=4)
    repeated = [row for row in description.rows if row.times > 1]
    assert [(row.path, row.times) for row in repeated] == [("repeat_1.0", 5)]
    assert description.parameters == 40 + 5 * 72 + 18 + 27 + 6 + 6
    assert "457 parameters" in str(description)


def test_the_table_says_how_weights_start():
    text = str(NETWORK.describe(input=4))
    assert "weights start as he_uniform: w ~ U(−r, r), r = √(6 / fan_in) in dense_0" in text


def test_the_description_is_plain_json():
    document = NETWORK.describe(input=4).to_json()
    assert json.loads(json.dumps(document)) == document
    assert document["layers"][0]["output_shape"] == [8]
    assert document["output_shape"] == [1]


def test_the_drawing_is_one_well_formed_svg_that_fits_any_width():
    svg = NETWORK.draw(input=4)
    root = ElementTree.fromstring(svg)
    assert root.attrib["width"] == "100%"
    assert "max-width" in root.attrib["style"]
    assert root.attrib["viewBox"].startswith("0 0 ")
    assert "<style" not in svg and "<script" not in svg
    assert svg.count("http") == 1  # the name of SVG itself


def test_the_drawing_shows_layers_shapes_folds_and_joins():
    found = cells(NETWORK.draw(input=4))
    for text in ("input", "4", "Dense 8 · relu", "× 5", "+", "concat", "5", "head · 6 parameters"):
        assert text in found


@pytest.mark.parametrize("layer", [Dense(8), Parallel(*[Dense(8)] * 5)], ids=["row", "branches"])
def test_layers_in_a_column_fit_a_phone_without_shrinking(layer):
    svg = Network(layer, Dense(1)).draw(input=4)
    width = float(ElementTree.fromstring(svg).attrib["viewBox"].split()[2])
    assert width <= 358


def test_every_branch_is_drawn():
    found = cells(Network(Parallel(*(Dense(n) for n in range(1, 7)))).draw(input=4))
    assert all(f"Dense {n}" in found for n in range(1, 7))


@pytest.mark.parametrize(
    "network", [NETWORK, Network(Parallel(*[Residual(Dense(4))] * 4))], ids=["mixed", "ladder"]
)
def test_every_mark_lies_within_the_drawing(network):
    svg = network.draw(input=4)
    root = ElementTree.fromstring(svg)
    width, height = map(float, root.attrib["viewBox"].split()[2:])

    def visit(element, x, y):
        if "transform" in element.attrib:
            dx, dy = element.attrib["transform"].removeprefix("translate(").rstrip(")").split()
            x, y = x + float(dx), y + float(dy)
        if element.tag.endswith("rect"):
            a = element.attrib
            assert 0 <= x + float(a["x"]) <= x + float(a["x"]) + float(a["width"]) <= width
            assert 0 <= y + float(a["y"]) <= y + float(a["y"]) + float(a["height"]) <= height
        for child in element:
            visit(child, x, y)

    visit(root, 0.0, 0.0)


def test_a_line_in_a_drawing_bears_the_shape_of_what_runs_along_it_alone():
    found = cells(Network(MultiHeadAttention(2)).draw(input=(5, 4)))
    # In, from the values to the mixture, to the output, out; the other lines have no words.
    assert found.count("5 × 4") == 4
    assert not any("," in text for text in found)


def test_a_single_number_is_said_in_a_drawing():
    assert "a number" in cells(Network(Embedding(3, 4)).draw(input=[()]))


def test_a_name_cannot_break_out_of_the_drawing_or_the_table():
    # Names are checked, but text from a registry or an equation holds < and & as well.
    network = Network(Dense(3, activation=Activation("softsign")), Activation("elu"))
    ElementTree.fromstring(network.draw(input=4))
    assert "alpha · (eᶻ − 1)" in "".join(cells(network.draw(input=4)))
    assert "z &gt; 0" in network.describe(input=4)._repr_html_()


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([Dense(4)] * 4, [(1, 4)]),
        ([Dense(4), Dense(4)], [(1, 1), (1, 1)]),
        ([Dense(8), Activation("relu")] + [Dense(4), Activation("relu")] * 4, None),
        ([Dense(4), Activation("relu")] * 3, [(2, 3)]),
    ],
)
def test_what_comes_three_times_in_a_row_is_folded(layers, expected):
    found = [(len(block), times) for block, times in runs(trace(Network(*layers), (4,)).children)]
    assert sum(length * times for length, times in found) == len(layers)
    if expected is not None:
        assert found == expected
    else:
        assert found[-1] == (2, 3)


def test_a_notebook_shows_the_drawing_where_the_input_is_known():
    table = Network(TableFeatures(numeric=2, cardinalities=(3,)), Dense(1))
    assert table._repr_html_().startswith("<svg")
    assert "<table>" in table._repr_html_()
    assert Network(Dense(1))._repr_html_() == "<code>Network(Dense(1))</code>"
