"""The largest or the mean of windows, and the gradients of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.operations.pictures import FIRST, LAST, channels_last, pair
from ranvier.step.native.program import Word
from ranvier.step.native.values import Buffer, View, whole


class _Counting(NamedTuple):
    """Of an average: whether padding counts as zeros, and the divisor, 0 for the count."""

    padding: bool
    divisor: int


_PLAIN = _Counting(padding=True, divisor=0)


def _pooling(
    x: View,
    out_shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] = (1,),
    *,
    counting: _Counting = _PLAIN,
) -> list[Word]:
    """The words of an `rv_pooling`; x with channels last, `out_shape` as torch has it."""
    pairs = [pair(v, 4, 0) for v in (kernel, stride or kernel, padding, dilation)]
    return [
        *x.shape,
        *out_shape[-2:],
        *(word for both in pairs for word in both),
        int(counting.padding),
        counting.divisor,
    ]


@lowers("aten::max_pool2d_with_indices")
def _max_pool(
    lowering: Lowering,
    x: View,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    *_: Any,
) -> tuple[View, View]:
    shape = lowering.form[0].shape
    _require_four_axes(x)
    x = channels_last(lowering, x)
    y = lowering.new([shape[axis] for axis in LAST])
    # Only the backward pass reads the places, so they have a type of the library's own.
    places = whole(Buffer(y.numel, torch.int32), y.shape)
    threads = lowering.threads_for(x.numel)
    lowering.emit(
        "max_pool",
        [*_pooling(x, shape, kernel, stride, padding, dilation), x, y, places, threads],
        reads=[x],
        writes=[y, places],
    )
    return y.permute(FIRST), places.permute(FIRST)


@lowers("aten::max_pool2d_with_indices_backward")
def _max_pool_backward(
    lowering: Lowering,
    gradient: View,
    x: View,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    places: View,
) -> View:
    dy, places = channels_last(lowering, gradient), places.permute(LAST)
    dx = lowering.new([x.shape[axis] for axis in LAST])
    lowering.emit(
        "max_pool_backward",
        [
            *_pooling(dx, gradient.shape, kernel, stride, padding, dilation),
            dy,
            places,
            dx,
            lowering.threads_for(dx.numel),
        ],
        reads=[dy, places],
        writes=[dx],
    )
    return dx.permute(FIRST)


@lowers("aten::avg_pool2d")
def _average_pool(
    lowering: Lowering,
    x: View,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    counts_padding: bool = True,
    divisor: int | None = None,
) -> View:
    _require_four_axes(x)
    if ceil_mode:
        raise NativeUnsupported("average pooling with windows over the edge")
    shape = lowering.form.shape
    x = channels_last(lowering, x)
    y = lowering.new([shape[axis] for axis in LAST])
    own = _Counting(counts_padding, divisor or 0)
    windows = _pooling(x, shape, kernel, stride, padding, counting=own)
    lowering.emit(
        "average_pool",
        [*windows, x, y, lowering.threads_for(x.numel)],
        reads=[x],
        writes=[y],
    )
    return y.permute(FIRST)


@lowers("aten::avg_pool2d_backward")
def _average_pool_backward(
    lowering: Lowering,
    gradient: View,
    x: View,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    counts_padding: bool,
    divisor: int | None,
) -> View:
    _require_four_axes(x)
    if ceil_mode:
        raise NativeUnsupported("average pooling with windows over the edge")
    dy = channels_last(lowering, gradient)
    dx = lowering.new([x.shape[axis] for axis in LAST])
    own = _Counting(counts_padding, divisor or 0)
    windows = _pooling(dx, gradient.shape, kernel, stride, padding, counting=own)
    lowering.emit(
        "average_pool_backward",
        [*windows, dy, dx, lowering.threads_for(dx.numel)],
        reads=[dy],
        writes=[dx],
    )
    return dx.permute(FIRST)


def _require_four_axes(x: View) -> None:
    if len(x.shape) != 4:
        raise NativeUnsupported(f"pooling of a tensor of {len(x.shape)} axes")
