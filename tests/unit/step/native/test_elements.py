"""Element operations in groups give what torch gives, whatever the layouts."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ranvier.step.native import library
from ranvier.step.native.elements import MOST_BLOCKS, Group, grouped
from ranvier.step.native.program import Element, Lowered, Operand
from ranvier.step.native.tape import Tape
from ranvier.step.native.values import Buffer, View


def held(tensor: Tensor) -> View:
    buffer = Buffer(tensor.numel(), tensor.dtype, tensor=tensor)
    return View(buffer, tuple(tensor.shape), tensor.stride())


def temporary(like: Tensor) -> View:
    return View(Buffer(like.numel(), like.dtype), tuple(like.shape), like.stride())


def run(elements: list[Element], *, threads: int = 1) -> None:
    found = library()
    if isinstance(found, str):
        pytest.skip(found)
    program = Lowered(items=list(elements))
    Tape(found, program, threads=threads).run([], 1)


def apply(operation: str, *operands: Tensor | float) -> Tensor:
    shape = torch.broadcast_shapes(*(o.shape for o in operands if isinstance(o, Tensor)))
    result = torch.full(shape, math.nan)
    views: list[Operand] = [held(o) if isinstance(o, Tensor) else o for o in operands]
    run([Element(operation, held(result), tuple(views))])
    return result


UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "relu": torch.relu,
    "abs": torch.abs,
    "sign": torch.sign,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "trunc": torch.trunc,
    "round": torch.round,
    "neg": torch.neg,
    "reciprocal": torch.reciprocal,
}


@pytest.mark.parametrize("name", UNARY)
def test_functions_are_within_two_units_of_the_last_place(name: str) -> None:
    torch.manual_seed(0)
    sizes = torch.logspace(-42, 3, 5000, base=10)
    x = torch.cat([sizes, -sizes, 4 * torch.randn(5000), torch.tensor([0.0, -0.0, 88.7, -104.0])])
    wanted = UNARY[name](x.double())
    came = apply(name, x).double()
    assert torch.equal(came.isnan(), wanted.isnan())
    rounded = wanted.float()
    unit = (torch.nextafter(rounded.abs(), torch.tensor(math.inf)) - rounded.abs()).double()
    fine = (came - wanted).abs() <= 2 * unit.clamp(min=1.2e-38 * 2**-23)
    fine |= wanted.isnan() | (came == rounded.double())
    assert fine.all(), x[~fine][:5]


@pytest.mark.parametrize("name", UNARY)
def test_a_nan_and_infinities_go_through_as_in_torch(name: str) -> None:
    x = torch.tensor([math.nan, math.inf, -math.inf])
    torch.testing.assert_close(apply(name, x), UNARY[name](x), equal_nan=True)


def test_extremes_pass_a_nan_of_either_side() -> None:
    x, y = torch.tensor([math.nan, 1.0, 2.0]), torch.tensor([0.0, math.nan, 1.0])
    assert torch.equal(apply("max", x, y).isnan(), torch.tensor([True, True, False]))
    assert torch.equal(apply("min", x, y).isnan(), torch.tensor([True, True, False]))


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Three tensors of one shape after broadcasting, their axes in any order of memory."""
    shape = draw(st.lists(st.integers(1, 40), min_size=0, max_size=3))
    tensors = []
    for _ in range(3):
        own = [size if draw(st.booleans()) else 1 for size in shape]
        order = draw(st.permutations(range(len(shape))))
        back = [order.index(axis) for axis in range(len(shape))]
        tensors.append(torch.randn([own[axis] for axis in order]).permute(back))
    return tensors[0], tensors[1], tensors[2]


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_a_chain_over_any_layouts_is_that_of_torch(operands: tuple[Tensor, Tensor, Tensor]) -> None:
    a, b, c = operands
    shape = torch.broadcast_shapes(a.shape, b.shape, c.shape)
    result, state = torch.zeros(shape), torch.ones(shape)
    product, total = temporary(result), temporary(result)
    run(
        [
            Element("mul", product, (held(a), held(b))),
            Element("add", total, (product, 2.0)),
            Element("where", held(result), (held(c), total, product)),
            Element("add", held(state), (held(state), total)),
        ]
    )
    wanted = torch.where(c != 0, a * b + 2, a * b).expand(shape)
    torch.testing.assert_close(result, wanted)
    torch.testing.assert_close(state, (1 + a * b + 2).expand(shape))


def test_threads_give_the_same_numbers() -> None:
    x = torch.randn(100_000)
    one, two = torch.zeros_like(x), torch.zeros_like(x)
    run([Element("tanh", held(one), (held(x),))], threads=1)
    run([Element("tanh", held(two), (held(x),))], threads=2)
    assert torch.equal(one, two)


def test_more_numbers_than_there_are_registers_go_into_several_groups() -> None:
    inputs = [torch.randn(2, 3).t() for _ in range(3 * MOST_BLOCKS)]
    result = torch.zeros(3, 2)
    views = [temporary(result) for _ in inputs]
    elements = [Element("copy", view, (held(x),)) for view, x in zip(views, inputs, strict=True)]
    total = views[0]
    for view in views[1:]:
        following = temporary(result)
        elements.append(Element("add", following, (total, view)))
        total = following
    elements.append(Element("copy", held(result), (total,)))
    assert sum(isinstance(item, Group) for item in grouped(elements)) > 1
    run(elements)
    torch.testing.assert_close(result, torch.stack(inputs).sum(0))


def test_a_step_is_not_moved_before_what_it_depends_on() -> None:
    x = torch.tensor([1.0, 2.0])
    square, flipped = torch.zeros(2, 2), torch.zeros(2, 2)
    whole_square = held(square)
    row = View(whole_square.buffer, (2,), (1,))
    run(
        [
            Element("copy", row, (held(x),)),
            Element("copy", held(flipped), (whole_square,)),
            Element("add", row, (row, 1.0)),
        ]
    )
    assert flipped.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    assert square.tolist() == [[2.0, 3.0], [0.0, 0.0]]


def test_whole_numbers_stay_exact() -> None:
    big = torch.tensor([2**53 - 1, 2**30 + 1])
    result = torch.zeros(2, dtype=torch.int64)
    run([Element("add", held(result), (held(big), 1.0), is_wide=True)])
    assert result.tolist() == [2**53, 2**30 + 2]
