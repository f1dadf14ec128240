from __future__ import annotations

import ctypes
from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.unit.step.native.compiled import Convolution, Workspace, agree, every_width, kernels

PLAIN, BIAS, BIAS_RELU = 0, 1, 2


def channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).contiguous()


@dataclass
class Case:
    """A convolution, what it is by torch in float64, and the floats that a kernel gets for it."""

    batch: int
    channels: tuple[int, int]
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    last: bool = False
    threads: int = 1
    is_half: bool = False

    def __post_init__(self) -> None:
        random = torch.Generator().manual_seed(sum(self.size) + 31 * sum(self.channels))
        into, out = self.channels
        self.x = torch.randn(self.batch, into, *self.size, generator=random)
        self.weight = torch.randn(out, into // self.groups, *self.kernel, generator=random)
        if self.last:
            self.weight = self.weight.contiguous(memory_format=torch.channels_last)
        self.bias = torch.randn(out, generator=random)
        out_size = self.out_size()
        self.dy = torch.randn(self.batch, out, *out_size, generator=random)
        self.conv = Convolution(
            *(self.batch, *self.size, into, *out_size, out, *self.kernel),
            *(*self.stride, *self.padding, *self.dilation, self.groups),
            (ctypes.c_long * 4)(*self.weight.stride()),
        )

    def out_size(self) -> tuple[int, int]:
        rows, columns = (
            (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
            for size, padding, dilation, kernel, stride in zip(
                self.size, self.padding, self.dilation, self.kernel, self.stride
            )
        )
        return rows, columns

    def by_torch(self, *, absolute: bool, rounded: bool) -> tuple[Tensor, Tensor, Tensor]:
        """The output, and the gradients of input and weight; or the same of absolute values."""
        x, weight, dy = (
            (floats.bfloat16() if rounded else floats).double()
            for floats in (self.x, self.weight, self.dy)
        )
        if absolute:
            x, weight, dy = x.abs(), weight.abs(), dy.abs()
        x.requires_grad_()
        weight.requires_grad_()
        y = functional.conv2d(
            x, weight, None, self.stride, self.padding, self.dilation, self.groups
        )
        return (y.detach(), *torch.autograd.grad(y, (x, weight), dy))

    def rounds(self, library: ctypes.CDLL) -> tuple[bool, bool, bool]:
        """Whether output, gradient of input and gradient of weight multiply in bfloat16."""
        if not self.is_half or not library.rv_has_bf16():
            return False, False, False
        into, out = self.channels
        is_product = (
            (*self.kernel, *self.stride, self.groups) == (1, 1, 1, 1, 1) and self.padding == (0, 0)
        )  # fmt: skip
        if is_product or into == out == self.groups:
            return is_product, is_product, is_product
        return into // self.groups % 2 == 0, out // self.groups % 2 == 0, True

    def expected(self, library: ctypes.CDLL, *, absolute: bool) -> tuple[Tensor, ...]:
        """What is right of each of the three, given what each of them rounds."""
        exact = self.by_torch(absolute=absolute, rounded=False)
        rounded = self.by_torch(absolute=absolute, rounded=True)
        return tuple(
            mine if is_rounded else its
            for is_rounded, mine, its in zip(self.rounds(library), rounded, exact, strict=True)
        )

    def workspace(self, library: ctypes.CDLL) -> Workspace:
        return Workspace(library.rv_conv_workspace(self.conv, self.threads))

    def forward(self, library: ctypes.CDLL, epilogue: int) -> Tensor:
        y = torch.full_like(channels_last(self.dy), float("nan"))
        x = channels_last(self.x)
        with self.workspace(library) as workspace:
            library.rv_conv_forward(
                *(self.conv, x.data_ptr(), self.weight.data_ptr(), self.bias.data_ptr()),
                *(epilogue, y.data_ptr(), self.threads, workspace, self.is_half),
            )
        return y.permute(0, 3, 1, 2)

    def input_gradient(self, library: ctypes.CDLL) -> Tensor:
        dy = channels_last(self.dy)
        dx = torch.full_like(channels_last(self.x), float("nan"))
        with self.workspace(library) as workspace:
            library.rv_conv_input_gradient(
                *(self.conv, dy.data_ptr(), self.weight.data_ptr(), dx.data_ptr()),
                *(self.threads, workspace, self.is_half),
            )
        return dx.permute(0, 3, 1, 2)

    def weight_gradient(self, library: ctypes.CDLL) -> tuple[Tensor, Tensor]:
        x, dy = channels_last(self.x), channels_last(self.dy)
        dweight = torch.full_like(self.weight, float("nan"))
        dbias = torch.full_like(self.bias, float("nan"))
        with self.workspace(library) as workspace:
            library.rv_conv_weight_gradient(
                *(self.conv, x.data_ptr(), dy.data_ptr(), dweight.data_ptr(), dbias.data_ptr()),
                *(self.threads, workspace, self.is_half),
            )
        return dweight, dbias

    def all(self, library: ctypes.CDLL) -> tuple[Tensor, Tensor, Tensor]:
        weight_gradient, _ = self.weight_gradient(library)
        return self.forward(library, PLAIN), self.input_gradient(library), weight_gradient

    def check(self, library: ctypes.CDLL, epilogue: int = BIAS) -> None:
        y, dx, dw = self.expected(library, absolute=False)
        size_y, size_dx, size_dw = self.expected(library, absolute=True)
        if epilogue != PLAIN:
            y = y + self.bias[:, None, None]
            size_y = size_y + self.bias.abs()[:, None, None]
        terms = self.weight[0].numel() + self.channels[1] * self.weight[0, 0].numel()
        places = self.dy[:, 0].numel()
        dweight, dbias = self.weight_gradient(library)
        got = self.forward(library, epilogue)
        agree(got, y.relu() if epilogue == BIAS_RELU else y, size_y, terms=terms)
        agree(self.input_gradient(library), dx, size_dx, terms=terms)
        agree(dweight, dw, size_dw, terms=places)
        dy = self.dy.double()
        agree(dbias, dy.sum((0, 2, 3)), dy.abs().sum((0, 2, 3)), terms=places)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    into = groups * draw(st.sampled_from([1, 2, 3, 8, 9, 16, 20]))
    out = groups * draw(st.sampled_from([1, 2, 6, 16, 17, 33]))
    if draw(st.sampled_from([True, False, False, False])):
        groups = into = out = draw(st.sampled_from([1, 5, 16, 19, 40]))

    def pair(*values: int) -> tuple[int, int]:
        return draw(st.sampled_from(values)), draw(st.sampled_from(values))

    case_kernel, padding, dilation = pair(1, 2, 3, 5), pair(0, 1, 2), pair(1, 1, 2)
    size = (draw(st.integers(1, 15)), draw(st.integers(1, 15)))
    for axis in range(2):
        assume(size[axis] + 2 * padding[axis] > dilation[axis] * (case_kernel[axis] - 1))
    return Case(
        *(draw(st.integers(0, 4)), (into, out), size, case_kernel, pair(1, 1, 2, 3)),
        *(padding, dilation, groups, draw(st.booleans()), draw(st.integers(1, 3))),
        is_half=draw(st.booleans()),
    )


@every_width
@settings(max_examples=200, deadline=None)
@given(case=cases(), epilogue=st.sampled_from([PLAIN, BIAS, BIAS_RELU]))
def test_a_convolution_and_its_gradients_are_right_whatever_its_shape(width, case, epilogue):
    case.check(kernels(width), epilogue)


@every_width
@pytest.mark.parametrize("is_half", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "case",
    [
        Case(5, (1, 6), (28, 28), (5, 5), padding=(2, 2)),
        Case(5, (6, 16), (14, 14), (5, 5)),
        Case(3, (32, 64), (28, 28), (3, 3), stride=(2, 2), padding=(1, 1)),
        Case(2, (130, 40), (6, 6), (3, 3), padding=(1, 1)),
        Case(1, (300, 20), (3, 3), (5, 5), padding=(2, 2)),
        Case(4, (24, 40), (9, 9), (1, 1)),
        Case(70, (2, 3), (18, 18), (2, 2)),
    ],
    ids=["lenet_first", "lenet_second", "halving", "wide", "wider", "pointwise", "many"],
)
def test_a_usual_convolution_is_right(width, case, threads, is_half):
    case.threads, case.is_half = threads, is_half
    case.check(kernels(width), BIAS_RELU)


@every_width
@pytest.mark.parametrize("is_half", [False, True])
def test_the_same_convolution_twice_is_the_same_to_the_bit(width, is_half):
    case, library = Case(5, (6, 16), (14, 14), (5, 5), threads=2, is_half=is_half), kernels(width)
    assert torch.equal(case.forward(library, BIAS), case.forward(library, BIAS))
    assert torch.equal(case.input_gradient(library), case.input_gradient(library))
    assert torch.equal(case.weight_gradient(library)[0], case.weight_gradient(library)[0])


@every_width
@pytest.mark.parametrize("is_half", [False, True])
def test_a_nan_reaches_the_windows_that_see_it_and_no_other(width, is_half):
    case = Case(1, (2, 3), (6, 6), (3, 3), is_half=is_half)
    case.x[0, 1, 0, 0] = float("nan")
    case.weight.zero_()
    hit = case.forward(kernels(width), PLAIN).isnan()
    assert hit[0, :, 0, 0].all()
    assert hit.sum() == 3


UNEVEN = [
    Case(3, (4, 6), (7, 7), (3, 3)),
    Case(3, (4, 6), (7, 6), (3, 2), stride=(2, 3), padding=(1, 1)),
    Case(3, (3, 5), (5, 9), (2, 3), dilation=(2, 2)),
    Case(3, (20, 34), (5, 5), (3, 3), padding=(1, 1), groups=2),
    Case(3, (5, 3), (3, 5), (1, 1)),
]


@every_width
@pytest.mark.parametrize("case", UNEVEN, ids=["odd", "strided", "apart", "groups", "pointwise"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize("where", ["x", "dy"])
@pytest.mark.parametrize("picture", [0, 2])
def test_rounding_neither_hides_nor_spreads_what_is_not_finite(width, case, value, where, picture):
    library = kernels(width)
    exact, rounded = replace(case), replace(case, is_half=True)
    for each in (exact, rounded):
        getattr(each, where)[picture, 1, -1, -1] = value
    met = [not full.isfinite().all() for full in exact.all(library)]
    assert met == [where == "x", where == "dy", True]
    for full, half in zip(exact.all(library), rounded.all(library), strict=True):
        assert torch.equal(full.isnan(), half.isnan())
        assert torch.equal(full.isinf(), half.isinf())


@every_width
def test_no_pictures_give_gradients_of_zero(width):
    case = Case(0, (2, 3), (6, 6), (3, 3))
    dweight, dbias = case.weight_gradient(kernels(width))
    assert dweight.abs().sum() == 0
    assert dbias.abs().sum() == 0
