from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.unit.step.native.compiled import (
    Pooling,
    Workspace,
    agree,
    every_width,
    kernels,
    numbers,
)


def channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).contiguous()


def pooling(x: Tensor, y: Tensor, options: dict[str, object], divisor: int | None = 0) -> Pooling:
    kernel, stride, padding = options["kernel_size"], options["stride"], options["padding"]
    dilation = options.get("dilation", (1, 1))
    batch, channels, height, width = x.shape
    return Pooling(
        *(batch, height, width, channels, *y.shape[2:], *kernel, *stride, *padding, *dilation),
        *(int(bool(options.get("count_include_pad"))), divisor or 0),
    )


@st.composite
def pictures(draw: st.DrawFn) -> Tensor:
    shape = draw(
        st.tuples(
            st.integers(1, 4),
            st.sampled_from([1, 3, 6, 16, 19, 40]),
            st.integers(3, 12),
            st.integers(3, 12),
        )
    )
    # Few different values, so that equal ones meet in a window.
    random = torch.Generator().manual_seed(sum(shape))
    return torch.randint(-4, 5, shape, generator=random).float()


@st.composite
def windows(draw: st.DrawFn, *, dilated: bool) -> dict[str, object]:
    def pair(*values: int) -> tuple[int, int]:
        return draw(st.sampled_from(values)), draw(st.sampled_from(values))

    kernel = pair(1, 2, 3)
    padding = tuple(draw(st.integers(0, size // 2)) for size in kernel)
    options = {"kernel_size": kernel, "stride": pair(1, 2, 3), "padding": padding}
    options["ceil_mode"] = draw(st.booleans())
    return options | {"dilation": draw(st.just((1, 1)))} if dilated else options


@every_width
@settings(max_examples=60, deadline=None)
@given(x=pictures(), options=windows(dilated=True), threads=st.integers(1, 2))
def test_the_maximum_of_windows_is_torchs_to_the_bit(width, x, options, threads):
    library = kernels(width)
    want, places = functional.max_pool2d(x, return_indices=True, **options)
    y = torch.full_like(channels_last(want), float("nan"))
    index = torch.full(y.shape, -1, dtype=torch.int32)
    pool, source = pooling(x, want, options), channels_last(x)
    library.rv_max_pool_forward(pool, source.data_ptr(), y.data_ptr(), index.data_ptr(), threads)
    assert torch.equal(y.permute(0, 3, 1, 2), want)
    assert torch.equal(index.permute(0, 3, 1, 2).long(), places)
    dy = numbers(*y.shape)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(
        functional.max_pool2d(leaf, **options), leaf, dy.permute(0, 3, 1, 2)
    )
    dx = torch.full_like(source, float("nan"))
    library.rv_max_pool_backward(pool, dy.data_ptr(), index.data_ptr(), dx.data_ptr(), threads)
    agree(dx.permute(0, 3, 1, 2), gradient, gradient.abs() + 4, terms=9)


@every_width
def test_the_maximum_of_dilated_windows_is_torchs(width):
    x, options = numbers(2, 5, 9, 9), {"kernel_size": (3, 2), "stride": (2, 1)}
    options |= {"padding": (1, 1), "dilation": (2, 3)}
    want, places = functional.max_pool2d(x, return_indices=True, **options)
    y = torch.full_like(channels_last(want), float("nan"))
    index, source = torch.zeros(y.shape, dtype=torch.int32), channels_last(x)
    kernels(width).rv_max_pool_forward(
        pooling(x, want, options), source.data_ptr(), y.data_ptr(), index.data_ptr(), 1
    )
    assert torch.equal(y.permute(0, 3, 1, 2), want)
    assert torch.equal(index.permute(0, 3, 1, 2).long(), places)


@every_width
def test_a_nan_is_the_maximum_of_its_window(width):
    x = numbers(1, 3, 4, 4)
    x[0, 1, 1, 0] = float("nan")
    options = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    y, index = torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 3, dtype=torch.int32)
    source = channels_last(x)
    kernels(width).rv_max_pool_forward(
        pooling(x, torch.zeros(1, 3, 2, 2), options),
        *(source.data_ptr(), y.data_ptr(), index.data_ptr(), 1),
    )
    assert y[0, 0, 0, 1].isnan()
    assert index[0, 0, 0, 1] == 4
    assert y.isnan().sum() == 1


@every_width
@settings(max_examples=60, deadline=None)
@given(
    x=pictures(),
    options=windows(dilated=False),
    counts=st.booleans(),
    divisor=st.sampled_from([None, 3]),
    threads=st.integers(1, 2),
)
def test_the_average_of_windows_is_torchs(width, x, options, counts, divisor, threads):
    library = kernels(width)
    options = options | {"count_include_pad": counts}
    leaf = x.double().requires_grad_()
    want = functional.avg_pool2d(leaf, **options, divisor_override=divisor)
    pool, source = pooling(x, want, options, divisor), channels_last(x)
    y = torch.full(channels_last(want).shape, float("nan"))
    library.rv_average_pool_forward(pool, source.data_ptr(), y.data_ptr(), threads)
    agree(y.permute(0, 3, 1, 2), want, torch.full_like(want, 12), terms=9)
    dy, dx = numbers(*y.shape), torch.full_like(source, float("nan"))
    (gradient,) = torch.autograd.grad(want, leaf, dy.permute(0, 3, 1, 2).double())
    library.rv_average_pool_backward(pool, dy.data_ptr(), dx.data_ptr(), threads)
    agree(dx.permute(0, 3, 1, 2), gradient, gradient.abs() + 12, terms=9)


def near(got: Tensor, want: Tensor, tolerance: float = 1e-5) -> None:
    assert not got.isnan().any()
    assert (got.double() - want).abs().max() <= tolerance * (1 + want.abs().max())


def or_nothing(floats: Tensor | None) -> int | None:
    return None if floats is None else floats.data_ptr()


@every_width
@settings(max_examples=60, deadline=None)
@given(
    rows=st.sampled_from([2, 3, 32, 127, 128, 129, 1000]),
    channels=st.sampled_from([1, 3, 6, 16, 20, 64]),
    affine=st.booleans(),
    threads=st.integers(1, 3),
)
def test_batch_norm_and_its_gradients_are_right(width, rows, channels, affine, threads):
    library = kernels(width)
    x, dy = numbers(rows, channels) * 3 + 20, numbers(channels, rows).T.contiguous()
    weight, bias = (numbers(channels), numbers(channels)) if affine else (None, None)
    running = [numbers(channels), numbers(channels).abs()]
    want_running = [floats.double() for floats in running]
    leaves = [None if t is None else t.double().requires_grad_() for t in (x, weight, bias)]
    want = functional.batch_norm(
        leaves[0], *want_running, *leaves[1:], training=True, momentum=0.3, eps=1e-4
    )
    gradients = torch.autograd.grad(want, [t for t in leaves if t is not None], dy.double())
    mean, inverse, y, dx = (torch.full_like(t, float("nan")) for t in (x[0], x[0], x, x))
    dweight, dbias = torch.empty(channels), torch.empty(channels)
    with Workspace(library.rv_norm_workspace(channels, threads)) as workspace:
        library.rv_batch_norm_forward(
            *(x.data_ptr(), rows, channels, or_nothing(weight), or_nothing(bias), 1e-4, 0.3),
            *(running[0].data_ptr(), running[1].data_ptr(), mean.data_ptr(), inverse.data_ptr()),
            *(y.data_ptr(), threads, workspace),
        )
        library.rv_batch_norm_backward(
            *(x.data_ptr(), dy.data_ptr(), rows, channels, or_nothing(weight), mean.data_ptr()),
            *(inverse.data_ptr(), dx.data_ptr(), dweight.data_ptr(), dbias.data_ptr()),
            *(threads, workspace),
        )
    near(mean, x.double().mean(0))
    near(running[0], want_running[0])
    near(running[1], want_running[1])
    # Two rows that nearly agree have a small deviation, by which their rounding errors are divided.
    tolerance = 1e-5 if rows > 3 else 1e-2
    near(y, want.detach(), tolerance)
    near(dx, gradients[0], tolerance)
    if affine:
        near(dweight, gradients[1], tolerance)
        near(dbias, gradients[2])


@every_width
def test_batch_norm_far_from_zero_keeps_its_digits(width):
    x, library = numbers(5000, 7) + 1000, kernels(width)
    mean, inverse, y = torch.empty(7), torch.empty(7), torch.empty_like(x)
    with Workspace(library.rv_norm_workspace(7, 1)) as workspace:
        library.rv_batch_norm_forward(
            *(x.data_ptr(), 5000, 7, None, None, 0.0, 0.1, None, None),
            *(mean.data_ptr(), inverse.data_ptr(), y.data_ptr(), 1, workspace),
        )
    # The mean of squares less the square of the mean would keep one digit of the deviation.
    near(inverse, 1 / x.double().std(0, correction=0))


@every_width
@settings(max_examples=60, deadline=None)
@given(
    rows=st.sampled_from([0, 1, 3, 64, 65, 300]),
    columns=st.sampled_from([1, 5, 16, 33, 64, 128, 300]),
    affine=st.booleans(),
    threads=st.integers(1, 3),
)
def test_layer_norm_and_its_gradients_are_right(width, rows, columns, affine, threads):
    library = kernels(width)
    x, dy = numbers(rows, columns) + 5, numbers(columns, rows).T.contiguous()
    weight, bias = (numbers(columns), numbers(columns)) if affine else (None, None)
    leaves = [None if t is None else t.double().requires_grad_() for t in (x, weight, bias)]
    want = functional.layer_norm(leaves[0], (columns,), *leaves[1:], eps=1e-3)
    gradients = torch.autograd.grad(want, [t for t in leaves if t is not None], dy.double())
    mean, inverse, y, dx = (torch.full_like(t, float("nan")) for t in (x[:, 0], x[:, 0], x, x))
    dweight, dbias = torch.empty(columns), torch.empty(columns)
    library.rv_layer_norm_forward(
        *(x.data_ptr(), rows, columns, or_nothing(weight), or_nothing(bias), 1e-3),
        *(mean.data_ptr(), inverse.data_ptr(), y.data_ptr(), threads),
    )
    with Workspace(library.rv_norm_workspace(columns, threads)) as workspace:
        library.rv_layer_norm_backward(
            *(x.data_ptr(), dy.data_ptr(), rows, columns, or_nothing(weight), mean.data_ptr()),
            *(inverse.data_ptr(), dx.data_ptr(), dweight.data_ptr(), dbias.data_ptr()),
            *(threads, workspace),
        )
    if rows:
        near(y, want.detach())
        near(dx, gradients[0])
    if affine:
        near(dweight, gradients[1], 2e-5)
        near(dbias, gradients[2], 2e-5)


@every_width
@pytest.mark.parametrize("threads", [1, 2])
def test_a_nan_in_a_row_is_a_nan_in_all_of_it(width, threads):
    x = numbers(4, 40)
    x[2, 3] = float("nan")
    mean, inverse, y = torch.empty(4), torch.empty(4), torch.empty_like(x)
    kernels(width).rv_layer_norm_forward(
        *(x.data_ptr(), 4, 40, None, None, 1e-5),
        *(mean.data_ptr(), inverse.data_ptr(), y.data_ptr(), threads),
    )
    assert y[2].isnan().all()
    assert y.isnan().sum() == 40
