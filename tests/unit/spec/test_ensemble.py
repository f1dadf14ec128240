"""Members of an ensemble as described: shapes, counts, equations, refusals."""

from __future__ import annotations

import pytest

from ranvier.core.errors import ShapeError
from ranvier.spec import Dense, MemberDense, Members, Network, SharedDense


def test_members_put_an_axis_before_the_features():
    assert Members(8).output_shape(20) == (8, 20)
    assert MemberDense(5).output_shape((8, 20)) == (8, 5)
    assert SharedDense(5).output_shape((8, 20)) == (8, 5)


def test_a_network_knows_its_members():
    assert Network(Dense(4), Members(8), SharedDense(5), MemberDense(1)).members == 8
    assert Network(Dense(4), Dense(1)).members is None


def test_sharing_costs_scales_and_biases_where_members_of_their_own_cost_weights():
    shared = Network(Members(8), SharedDense(100)).describe(input=50)
    own = Network(Members(8), MemberDense(100)).describe(input=50)
    assert shared.parameters == 100 * 50 + 8 * (50 + 100 + 100)
    assert own.parameters == 8 * (100 * 50 + 100)


def test_members_before_their_time_are_refused_with_what_to_do():
    with pytest.raises(ShapeError) as refused:
        Network(Members(8), Members(4)).output_shape(20)
    assert str(refused.value) == (
        "members_1: Members got an input of shape (8, 20); expected one axis, the features. "
        "Put Members once, after the layers that make features of the input."
    )


@pytest.mark.parametrize("layer", [MemberDense(5), SharedDense(5)])
def test_a_layer_of_members_without_members_is_refused_with_what_to_do(layer):
    with pytest.raises(ShapeError) as refused:
        Network(layer).output_shape(20)
    assert str(refused.value) == (
        f"{layer.kind}_0: {type(layer).__name__} got an input of shape (20,); expected "
        "(members, features). Put Members(8) before it."
    )


def test_equations_say_what_members_share():
    equations = [
        layer.equation("⁽²⁾", "⁽¹⁾")
        for layer in (Members(8), MemberDense(5, activation="relu"), SharedDense(5))
    ]
    assert equations == [
        "a⁽²⁾[k] = a⁽¹⁾, k = 1…8",
        "z⁽²⁾[k] = W⁽²⁾[k] a⁽¹⁾[k] + b⁽²⁾[k], a⁽²⁾[k] = relu(z⁽²⁾[k])",
        "a⁽²⁾[k] = s⁽²⁾[k] ⊙ W⁽²⁾ (r⁽²⁾[k] ⊙ a⁽¹⁾[k]) + b⁽²⁾[k]",
    ]
