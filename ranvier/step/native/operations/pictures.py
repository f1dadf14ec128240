"""Convolution and pooling; in memory the channels of a place lie side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.operations.products import BIAS, PLAIN
from ranvier.step.native.program import Word
from ranvier.step.native.values import Buffer, View, whole

_LAST, _FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


def _picture(view: View) -> View:
    """`[B, C, H, W]`, of height 1 where there is one axis of places."""
    if len(view.shape) == 3:
        return view.like(view.stand_in().unsqueeze(2))
    if len(view.shape) != 4:
        raise NativeUnsupported(f"a convolution over {len(view.shape) - 2} axes")
    return view


def _channels_last(lowering: Lowering, view: View) -> View:
    """`[B, H, W, C]`, places in a row."""
    return lowering.contiguous(_picture(view).permute(_LAST))


def _as_it_came(view: View, rank: int) -> View:
    """`[B, C, H, W]` or `[B, C, W]` of a picture with channels last."""
    moved = view.permute(_FIRST)
    return moved if rank == 4 else moved.like(moved.stand_in().squeeze(2))


def _pair(values: Sequence[int], rank: int, missing: int) -> tuple[int, int]:
    """Of height and width; `missing` is that of the axis which a row of places lacks."""
    values = list(values)
    if rank == 3:
        return missing, values[0]
    return values[0], values[-1]


def _geometry(
    x: View, y: View, weight: View, rank: int, settings: tuple[Any, ...], groups: int
) -> list[Word]:
    """The words of an `rv_convolution`; x and y with channels last, the weight as torch has it."""
    stride, padding, dilation = settings
    kernel = weight.shape[2:]
    return [
        *x.shape,
        *y.shape[1:],
        *kernel,
        *_pair(stride, rank, 1),
        *_pair(padding, rank, 0),
        *_pair(dilation, rank, 1),
        groups,
        *weight.strides,
    ]


def _require_plain(transposed: bool, weight: View) -> None:
    if transposed:
        raise NativeUnsupported("a transposed convolution")
    if weight.dtype != torch.float32 or weight.constant is not None:
        raise NativeUnsupported("a convolution of other numbers than float32")


@lowers("aten::convolution")
def _convolution(
    lowering: Lowering,
    x: View,
    weight: View,
    bias: View | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> View:
    _require_plain(transposed, weight)
    rank = len(x.shape)
    size = _picture(whole(Buffer(1, torch.float32), lowering.form.shape)).shape
    x, weight = _channels_last(lowering, x), _picture(weight)
    y = lowering.new([size[axis] for axis in _LAST])
    bias = None if bias is None else lowering.contiguous(bias)
    geometry = _geometry(x, y, weight, rank, (stride, padding, dilation), groups)
    threads = lowering.threads_for(y.numel * weight.numel // max(1, weight.shape[0]))
    workspace = lowering.new((max(1, lowering.sizes.convolution(geometry, threads)),))
    lowering.emit(
        "convolution",
        [*geometry, x, weight, 0 if bias is None else replace(bias)]
        + [PLAIN if bias is None else BIAS, y, threads, workspace],
        reads=[x, weight, *([] if bias is None else [bias])],
        writes=[y, workspace],
    )
    return _as_it_came(y, rank)


@lowers("aten::convolution_backward")
def _convolution_backward(
    lowering: Lowering,
    gradient: View,
    x: View,
    weight: View,
    bias_sizes: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    wanted: Sequence[bool],
) -> tuple[View | None, View | None, View | None]:
    _require_plain(transposed, weight)
    rank, shape = len(x.shape), weight.shape
    x, dy = _channels_last(lowering, x), _channels_last(lowering, gradient)
    weight = _picture(weight)
    settings = (stride, padding, dilation)
    work = dy.numel * weight.numel // max(1, weight.shape[0])
    threads = lowering.threads_for(work)
    dx = dweight = dbias = None
    geometry = _geometry(x, dy, weight, rank, settings, groups)
    workspace = lowering.new((max(1, lowering.sizes.convolution(geometry, threads)),))
    if wanted[0]:
        made = lowering.new(x.shape)
        lowering.emit(
            "convolution_input_gradient",
            [*geometry, dy, weight, made, threads, workspace],
            reads=[dy, weight],
            writes=[made, workspace],
        )
        dx = _as_it_came(made, rank)
    if wanted[1] or wanted[2]:
        made = lowering.new(weight.shape)
        geometry = _geometry(x, dy, made, rank, settings, groups)
        dbias = lowering.new((shape[0],)) if wanted[2] else None
        lowering.emit(
            "convolution_weight_gradient",
            [*geometry, x, dy, made, 0 if dbias is None else dbias, threads, workspace],
            reads=[x, dy],
            writes=[made, workspace, *([] if dbias is None else [dbias])],
        )
        dweight = made.like(made.stand_in().view(shape))
    return dx, dweight, dbias


def _pooling(
    x: View,
    out_shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] = (1,),
    *,
    counts_padding: bool = True,
    divisor: int | None = None,
) -> list[Word]:
    """The words of an `rv_pooling`; x with channels last, `out_shape` as torch has it."""
    pairs = [_pair(v, 4, 0) for v in (kernel, stride or kernel, padding, dilation)]
    return [
        *x.shape,
        *out_shape[-2:],
        *(word for pair in pairs for word in pair),
        int(counts_padding),
        divisor or 0,
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
    x = _channels_last(lowering, x)
    y = lowering.new([shape[axis] for axis in _LAST])
    # Only the backward pass reads the places, so they have a type of the library's own.
    places = whole(Buffer(y.numel, torch.int32), y.shape)
    threads = lowering.threads_for(x.numel)
    lowering.emit(
        "max_pool",
        [*_pooling(x, shape, kernel, stride, padding, dilation), x, y, places, threads],
        reads=[x],
        writes=[y, places],
    )
    return y.permute(_FIRST), places.permute(_FIRST)


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
    dy, places = _channels_last(lowering, gradient), places.permute(_LAST)
    dx = lowering.new([x.shape[axis] for axis in _LAST])
    lowering.emit(
        "max_pool_backward",
        [*_pooling(dx, gradient.shape, kernel, stride, padding, dilation), dy, places, dx]
        + [lowering.threads_for(dx.numel)],
        reads=[dy, places],
        writes=[dx],
    )
    return dx.permute(_FIRST)


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
    x = _channels_last(lowering, x)
    y = lowering.new([shape[axis] for axis in _LAST])
    own = {"counts_padding": counts_padding, "divisor": divisor}
    lowering.emit(
        "average_pool",
        [*_pooling(x, shape, kernel, stride, padding, **own), x, y]  # type: ignore[arg-type]
        + [lowering.threads_for(x.numel)],
        reads=[x],
        writes=[y],
    )
    return y.permute(_FIRST)


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
    dy = _channels_last(lowering, gradient)
    dx = lowering.new([x.shape[axis] for axis in _LAST])
    own = {"counts_padding": counts_padding, "divisor": divisor}
    lowering.emit(
        "average_pool_backward",
        [*_pooling(dx, gradient.shape, kernel, stride, padding, **own), dy, dx]  # type: ignore[arg-type]
        + [lowering.threads_for(dx.numel)],
        reads=[dy],
        writes=[dx],
    )
    return dx.permute(_FIRST)


def _require_four_axes(x: View) -> None:
    if len(x.shape) != 4:
        raise NativeUnsupported(f"pooling of a tensor of {len(x.shape)} axes")
