"""Modules of members: how they start, and how they lie in memory."""

from __future__ import annotations

import torch

from ranvier.nn import build
from ranvier.spec import Initializer, MemberDense, Members, Network, SharedDense


def test_members_of_their_own_start_apart():
    weight = build(MemberDense(4), (3, 5)).weight
    assert not torch.equal(weight[0], weight[1])


def test_members_that_share_start_apart_only_where_their_input_scales_do():
    rows = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    alike = build(Network(Members(3), SharedDense(4)), 5)(rows)
    apart = build(Network(Members(3), SharedDense(4, input_scale="normal")), 5)(rows)
    # A product of other rows may round differently.
    torch.testing.assert_close(alike[:, 0], alike[:, 1])
    assert not torch.allclose(apart[:, 0], apart[:, 1], atol=0.01)


def test_input_scales_start_as_they_are_told():
    start = Initializer("normal", std=1.0)
    scale = build(SharedDense(4, input_scale=start), (8, 5000)).input_scale
    assert abs(float(scale.detach().std()) - 1.0) < 0.02


def test_between_layers_a_member_has_its_rows_side_by_side():
    for layer in (MemberDense(4, activation="relu"), SharedDense(4, activation="relu")):
        hidden = build(Network(Members(3), layer), 5)(torch.randn(6, 5))
        assert hidden.shape == (6, 3, 4)
        assert hidden.transpose(0, 1).is_contiguous()


def test_members_copy_nothing():
    rows = torch.randn(6, 5)
    assert build(Members(3), 5)(rows).data_ptr() == rows.data_ptr()
