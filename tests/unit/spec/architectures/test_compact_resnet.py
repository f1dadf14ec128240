"""The compact residual network: how it makes pictures small, and what is in it."""

from __future__ import annotations

import pytest

from ranvier.spec.architectures import compact_resnet


@pytest.mark.parametrize(("halvings", "side"), [(0, 28), (1, 14), (2, 7), (3, 4)])
def test_the_stem_halves_the_picture_as_often_as_it_is_told(halvings, side):
    rows = compact_resnet(8, halvings=halvings).describe(input=(28, 28, 3)).rows
    stem = [row for row in rows if row.path.startswith("stem")]
    assert stem[-1].output_shape[:2] == (side, side)


def test_widths_double_from_stage_to_stage():
    network = compact_resnet(8, stages=3)
    shapes = [row.output_shape for row in network.describe(input=(32, 32, 3)).rows]
    assert {8, 16, 32, 64} <= {shape[-1] for shape in shapes}


def test_it_has_the_parameters_of_its_convolutions_and_norms():
    # Convolutions 3 × 3 without bias, two numbers a filter of each norm, and the dense layer.
    convolutions = [(1, 32), (32, 64), (64, 64), (64, 64), (64, 128), (128, 128), (128, 128)]
    wanted = sum(9 * came * given + 2 * given for came, given in convolutions) + 128 * 10 + 10
    assert compact_resnet(32).describe(input=(28, 28, 1)).parameters == wanted


def test_dropout_is_left_out_where_it_drops_nothing():
    assert "dropout" not in compact_resnet(8).to_json()
    assert "dropout" in compact_resnet(8, dropout=0.1).to_json()
