"""Rows that are graphs: signals and weights by name."""

from __future__ import annotations

import pytest
import torch

from ranvier.core.errors import NetworkError, ShapeError
from ranvier.nn import build
from ranvier.spec import (
    Again,
    Aside,
    Dense,
    Embedding,
    Join,
    Network,
    Parallel,
    Repeat,
    Residual,
    Take,
    TiedDense,
)


def refused(network: Network, input) -> str:
    with pytest.raises(ShapeError) as caught:
        network.describe(input=input)
    return str(caught.value)


def test_a_layer_s_name_is_known_to_the_layers_after_it_and_inside_them():
    network = Network(Dense(4, name="stem"), Residual(Dense(4), Residual(Take("stem"))), Dense(1))
    module = build(network, 3)
    rows = torch.randn(5, 3)
    stem = module.stem(rows)
    first = module.residual_1.dense_0(stem)
    inner = first + stem
    assert torch.equal(module(rows), module.dense_2(stem + inner))


def test_a_name_inside_one_turn_of_a_repeat_means_that_turn_s_own_layer():
    block = [Dense(3, name="low"), Dense(3), Take("low")]
    module = build(Network(Repeat(*block, times=2)), 3)
    rows = torch.randn(2, 3)
    first = module.repeat_0.get_submodule("0").low(rows)
    assert torch.equal(module(rows), module.repeat_0.get_submodule("1").low(first))


def test_a_name_that_no_layer_before_has_is_refused_with_the_nearest():
    message = refused(Network(Dense(3, name="stem"), Take("stme"), Dense(3, name="later")), 2)
    assert message == (
        "take_1: Take takes 'stme'; expected the name of an earlier layer or an input: input, "
        "stem. Did you mean 'stem'?"
    )


def test_a_shared_layer_has_its_weights_once_and_is_called_twice():
    network = Network(Dense(3, name="one"), Again("one"))
    module = build(network, 3)
    rows = torch.randn(2, 3)
    assert list(module.state_dict()) == ["one.weight", "one.bias"]
    assert torch.equal(module(rows), module.one(module.one(rows)))
    description = network.describe(input=3)
    assert (description.parameters, description.flops) == (12, 2 * 21)


def test_a_shared_layer_that_would_need_other_weights_is_refused():
    message = refused(Network(Dense(4, name="one"), Again("one")), 3)
    assert message == (
        "again_1: Again got an input of shape (4,); expected (3,). Give it what one gets, whose "
        "weights it shares."
    )


def test_a_shared_layer_that_is_not_known_is_refused():
    message = refused(Network(Dense(4), Again("dense0")), 3)
    assert message == (
        "again_1: Again got the name 'dense0'; expected the name of an earlier layer: dense_0. "
        "Did you mean 'dense_0'?"
    )


def test_a_shared_block_takes_outer_signals_as_it_did_the_first_time():
    block = Residual(Dense(3), Take("stem"), name="block")
    module = build(Network(Dense(3, name="stem"), block, Again("block")), 3)
    rows = torch.randn(2, 3)
    stem = module.stem(rows)
    assert torch.equal(module(rows), stem + stem + stem)


def test_shared_weights_move_to_another_type_together():
    module = build(Network(Dense(3, name="one"), Again("one")), 3).double()
    assert module(torch.randn(2, 3).double()).dtype == torch.float64


def test_what_is_computed_aside_is_kept_under_its_name():
    network = Network(Aside(Dense(2), name="early"), Dense(4), Take("input", "early"))
    module = build(network, 3)
    rows = torch.randn(5, 3)
    given, early = module(rows)
    assert given is rows
    assert torch.equal(early, module.early(rows))


def test_inputs_and_outputs_may_be_several_and_have_names():
    network = Network(
        Take("picture", "facts"),
        Join("concat"),
        Parallel(Dense(1, name="price"), Dense(3, name="style"), join=None),
        inputs=("picture", "facts"),
    )
    shapes = {"facts": 2, "picture": 4}
    assert network.output_shapes(shapes) == ((1,), (3,))
    module = build(network, shapes)
    assert module.input_shapes == ((4,), (2,))
    price, style = module(torch.randn(5, 4), torch.randn(5, 2))
    assert (price.shape, style.shape) == ((5, 1), (5, 3))
    assert Network.from_json(network.to_json()) == network


def test_shapes_for_other_names_than_the_inputs_are_refused():
    network = Network(Take("left"), Dense(1), inputs=("left", "right"))
    with pytest.raises(ShapeError, match="got shapes for left, rihgt; expected one for each of"):
        network.describe(input={"left": 3, "rihgt": 3})
    assert refused(network, 3) == (
        "network: Network got 1; expected 2 inputs: left, right. Give one shape for each, "
        "as in input=[(5,), (7,)], or by name."
    )


def test_a_tied_map_reads_the_embedding_s_own_weight():
    module = build(Network(Embedding(7, 4, name="words"), TiedDense("words", bias=True)), 3)
    codes = torch.tensor([[1.0, 2.0, 6.0]])
    expected = module.words(codes) @ module.words.weight.T
    torch.testing.assert_close(module(codes), expected)
    assert list(dict(module.named_parameters())) == ["words.weight", "tied_dense_1.bias"]


def test_a_tied_map_of_another_width_or_kind_is_refused():
    wide = Network(Embedding(7, 4, name="words"), Dense(5), TiedDense("words"))
    assert refused(wide, 3) == (
        "tied_dense_2: TiedDense got an input of shape (3, 5); expected (..., 4), the units of "
        "words. Put a Dense(4) before it."
    )


@pytest.mark.parametrize("join", ["sum", "maximum"])
def test_branches_that_differ_are_refused_by_every_join_but_concat(join):
    message = refused(Network(Parallel(Dense(2), Dense(3), join=join)), 4)
    assert message == (
        "parallel_0: Parallel has branches that give (2,), (3,); expected one shape from all "
        f"branches. Let every branch end in the same shape, or join them with 'concat' instead of {join!r}."
    )


def test_a_join_along_an_axis_that_is_not_there_is_refused():
    message = refused(Network(Take("input", "input"), Join("concat", axis=2)), 4)
    assert message == (
        "join_1: Join got inputs of shape (4,) and (4,); expected shapes that differ in axis 2 "
        "alone. Let every branch end in the same shape."
    )


def test_taking_nothing_is_refused():
    with pytest.raises(NetworkError, match="Take.names: got \\(\\)"):
        Take()


def test_a_join_takes_further_signals_by_name():
    network = Network(Dense(4, name="fine"), Dense(4), Join("sum", also="fine"))
    module = build(network, 3)
    rows = torch.randn(2, 3)
    fine = module.fine(rows)
    assert torch.equal(module(rows), module.dense_1(fine) + fine)
    assert Network.from_json(network.to_json()) == network


def rails(svg: str) -> int:
    """Arrow tips that point to the left are those of rails."""
    import re

    return sum(
        float(x) < float(back)
        for x, back in re.findall(r'd="M ([\d.]+) [\d.-]+ L ([\d.]+) [\d.-]+ L \2 ', svg)
    )


def test_a_skip_is_drawn_as_a_rail_beside_the_row():
    plain = Network(Dense(4), Dense(4))
    skip = Network(Dense(4, name="fine"), Dense(4), Dense(4), Join(also="fine"))
    both = Network(Dense(4, name="fine"), Dense(4), Take("input", "fine"), Join())
    assert [rails(network.draw(input=3)) for network in (plain, skip, both)] == [0, 1, 2]


def test_the_names_of_inputs_stand_at_the_top_of_the_drawing():
    network = Network(Take("left", "right"), Join(), inputs=("left", "right"))
    assert ">left, right</text>" in network.draw(input=[(3,), (4,)])
    assert ">3, 4</text>" in network.draw(input={"left": 3, "right": 4})
