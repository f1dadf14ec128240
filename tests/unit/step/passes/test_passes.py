"""Each pass leaves out what it should, and nothing that matters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.step.passes import (
    with_constants_once,
    without_aliases,
    without_dead,
    without_repeated,
)
from ranvier.step.passes.effects import Memory

Function = Callable[..., tuple[Tensor, ...]]


def traced(function: Function, *examples: Tensor) -> fx.GraphModule:
    return make_fx(function, tracing_mode="fake")(*examples)


def changed(module: fx.GraphModule, *passes: Callable[[fx.Graph], None]) -> list[str]:
    """The operations that are left after some passes, by name."""
    for each in passes:
        each(module.graph)
    module.graph.lint()
    module.recompile()
    calls = [node.target for node in module.graph.nodes if node.op == "call_function"]
    return [str(target) for target in calls]


def same(function: Function, module: fx.GraphModule, *examples: Tensor) -> bool:
    """Whether function and module give and leave the same bits."""
    mine, theirs = ([e.clone() for e in examples] for _ in range(2))
    torch.manual_seed(0)
    given = function(*mine)
    torch.manual_seed(0)
    came = module(*theirs)
    return all(map(torch.equal, (*given, *mine), (*came, *theirs)))


def test_a_value_that_nobody_uses_is_left_out():
    def function(x: Tensor) -> tuple[Tensor, ...]:
        x.exp().sum()
        return (x * 2,)

    x = torch.randn(3)
    module = traced(function, x)
    assert changed(module, without_dead) == ["aten.mul.Tensor"]
    assert same(function, module, x)


def test_what_writes_or_draws_stays_though_nobody_uses_it():
    def function(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        torch._foreach_add_([y], [x])
        torch.bernoulli(x, 0.5)
        return (torch.rand_like(x),)

    x, y = torch.rand(3), torch.rand(3)
    module = traced(function, x, y)
    assert changed(module, without_dead) == [
        "aten._foreach_add_.List",
        "aten.bernoulli.p",
        "aten.rand_like.default",
    ]
    assert same(function, module, x, y)


def test_a_transpose_of_a_transpose_is_the_matrix_itself():
    def function(x: Tensor) -> tuple[Tensor, ...]:
        return (x.t().t().detach() @ x.t(),)

    x = torch.randn(3, 3)
    module = traced(function, x)
    assert changed(module, without_aliases, without_dead) == ["aten.t.default", "aten.mm.default"]
    assert same(function, module, x)


def test_views_that_only_look_alike_stay():
    def function(x: Tensor) -> tuple[Tensor, ...]:
        return (x.t() + 1, x[0:2, 0:2][:, 1:] + 1, x[1:3].flip(0))

    x = torch.randn(3, 3)
    module = traced(function, x)
    before = len([node for node in module.graph.nodes if node.op == "call_function"])
    assert len(changed(module, without_aliases, without_dead)) == before
    assert same(function, module, x)


def test_what_is_computed_twice_is_computed_once():
    def function(x: Tensor) -> tuple[Tensor, ...]:
        return (x.exp() + x.exp(),)

    x = torch.randn(3)
    module = traced(function, x)
    names = changed(module, without_repeated, without_dead)
    assert names == ["aten.exp.default", "aten.add.Tensor"]
    assert same(function, module, x)


def write_between(x: Tensor) -> tuple[Tensor, ...]:
    before = x.exp()
    x.add_(1)
    return before, x.exp()


def write_through_a_view(x: Tensor) -> tuple[Tensor, ...]:
    before = x.exp()
    x[0].add_(1)
    return before, x.exp()


def write_to_one_of_two(x: Tensor) -> tuple[Tensor, ...]:
    one, other = x.exp(), x.exp()
    one.add_(1)
    return one, other


def draw_twice(x: Tensor) -> tuple[Tensor, ...]:
    return torch.rand_like(x), torch.rand_like(x)


def one_is_no_float(x: Tensor) -> tuple[Tensor, ...]:
    whole = (x * 10).long()
    return whole + 1, whole + 1.0


def zeros_of_both_signs(x: Tensor) -> tuple[Tensor, ...]:
    return torch.copysign(x, 0.0), torch.copysign(x, -0.0)


@pytest.mark.parametrize(
    "function",
    [
        write_between,
        write_through_a_view,
        write_to_one_of_two,
        draw_twice,
        one_is_no_float,
        zeros_of_both_signs,
    ],
)
def test_what_only_looks_repeated_is_computed_again(function: Function):
    x = torch.randn(3)
    module = traced(function, x)
    changed(module, without_repeated, without_dead)
    assert same(function, module, x)


def test_a_constant_is_made_once_unless_somebody_writes_to_it_or_owns_it():
    def function(x: Tensor) -> tuple[Tensor, ...]:
        counted = torch.zeros(())
        counted.add_(1)
        return x + torch.ones(()), counted, torch.full((2,), 3.0), x * torch.ones(1000)

    x = torch.randn(1000)
    module = traced(function, x)
    names = changed(module, with_constants_once)
    assert names == [
        "aten.zeros.default",
        "aten.add_.Tensor",
        "aten.add.Tensor",
        "aten.full.default",
        "aten.ones.default",
        "aten.mul.Tensor",
    ]
    assert same(function, module, x)
    assert same(function, module, x)


def test_views_and_picks_know_whose_memory_they_are():
    def function(x: Tensor) -> tuple[Tensor, ...]:
        first, second = x.t().split(1)
        return first.exp(), second

    module = traced(function, torch.randn(3, 2))
    memory = Memory(module.graph)
    (source,) = (node for node in module.graph.nodes if node.op == "placeholder")
    (output,) = (node for node in module.graph.nodes if node.op == "output")
    apart, view = output.args[0]
    assert memory.root(view) is source
    assert memory.root(apart) is apart
