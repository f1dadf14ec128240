"""Networks for series and texts have the parameters that their equations ask for."""

from __future__ import annotations

import pytest

from ranvier.core.errors import ShapeError
from ranvier.spec import BasisExpansion, Dense, DoublyResidual, ReversibleNorm
from ranvier.spec.architectures import (
    ARCHITECTURES,
    bilstm,
    n_beats,
    patch_tst,
    tcn,
    text_cnn,
)


def dense(wide: int, given: int) -> int:
    return wide * given + given


def test_text_cnn():
    convolutions = sum(kernel * 300 * 100 + 100 for kernel in (3, 4, 5))
    counted = text_cnn().describe(input=50).parameters
    assert counted == 18_765 * 300 + convolutions + dense(300, 2)


def test_bilstm():
    def both_ways(width: int, hidden: int) -> int:
        return 2 * 4 * (hidden * width + hidden * hidden + 2 * hidden)

    expected = 1000 * 16 + both_ways(16, 8) + both_ways(16, 8) + dense(16, 3)
    network = bilstm(vocabulary=1000, units=16, hidden=8, outputs=3)
    assert network.describe(input=30).parameters == expected


def _tcn(features: int, filters: int, levels: int, kernel: int, outputs: int) -> int:
    """Directions, lengths and biases of two convolutions a level; a map beside the first."""
    convolutions = features * filters * kernel + (2 * levels - 1) * filters**2 * kernel
    beside = dense(features, filters) if features != filters else 0
    return convolutions + 2 * levels * 2 * filters + beside + dense(filters, outputs)


@pytest.mark.parametrize(
    ("network", "shape", "expected"),
    [
        (tcn(), (784, 1), _tcn(1, 25, 8, 7, 10)),
        (ARCHITECTURES["tcn_adding"](), (600, 2), _tcn(2, 24, 8, 8, 1)),
        (tcn(features=25), (50, 25), _tcn(25, 25, 8, 7, 10)),
    ],
    ids=["pixels", "adding", "no map beside"],
)
def test_tcn_has_the_parameters_of_its_equations_and_about_those_of_its_table(
    network, shape, expected
):
    counted = network.describe(input=shape).parameters
    assert counted == expected
    # Table 1 of the paper gives every network for these tasks "≈ 70K".
    assert shape == (50, 25) or counted == pytest.approx(70_000, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "length", "units", "hidden", "horizon"),
    [
        ({}, 336, 128, 256, 96),
        ({"length": 512, "horizon": 720}, 512, 128, 256, 720),
        ({"units": 16, "heads": 4, "hidden": 128}, 336, 16, 128, 96),
    ],
)
@pytest.mark.parametrize("series", [1, 7])
def test_patch_tst_has_as_many_parameters_for_any_number_of_series(
    arguments, length, units, hidden, horizon, series
):
    patches = (length - 16) // 8 + 2
    block = 4 * dense(units, units) + dense(units, hidden) + dense(hidden, units) + 2 * 2 * units
    expected = dense(16, units) + patches * units + 3 * block + dense(patches * units, horizon)
    network = patch_tst(**arguments)
    assert network.describe(input=(length, series)).parameters == expected


def test_n_beats_generic():
    block = dense(90, 512) + 3 * dense(512, 512) + dense(512, 90 + 18)
    assert n_beats().describe(input=90).parameters == 30 * block


def test_n_beats_with_trend_and_seasonality_has_one_block_a_stack():
    trend = dense(90, 256) + 3 * dense(256, 256) + dense(256, 2 * 3)
    # Frequencies 0 … 8, a cosine and a sine of each, for the past and for the future.
    seasonality = dense(90, 2048) + 3 * dense(2048, 2048) + dense(2048, 4 * 9)
    network = ARCHITECTURES["n_beats_interpretable"]()
    assert network.describe(input=90).parameters == trend + seasonality


def test_blocks_that_do_not_share_weights_have_their_own():
    alone = n_beats(stacks=("trend",), blocks=1).describe(input=30).parameters
    assert n_beats(stacks=("trend",), blocks=3).describe(input=30).parameters == 3 * alone
    shared = n_beats(stacks=("trend",), blocks=3, shared=True)
    assert shared.describe(input=30).parameters == alone


def test_equal_blocks_of_n_beats_stand_once_in_table_and_drawing():
    assert any(row.times == 30 for row in n_beats().describe(input=36).rows)
    assert "× 30" in n_beats().draw(input=36)


def test_what_does_not_fit_says_what_would():
    with pytest.raises(ShapeError, match=r"expected \(6,\), the coefficients .* Put a Dense\(6\)"):
        BasisExpansion(9, 3, basis="trend").output_shapes((5,))
    with pytest.raises(ShapeError, match="two inputs: the series and the forecast so far"):
        DoublyResidual(Dense(3)).output_shapes((5,))
    with pytest.raises(ShapeError, match=r"has layers that give \(3,\); expected a series \(5,\)"):
        DoublyResidual(Dense(3)).output_shapes([(5,), (2,)])
    with pytest.raises(ShapeError, match=r"expected 4 features again.*gets its level back"):
        ReversibleNorm(Dense(3)).output_shapes((5, 4))
