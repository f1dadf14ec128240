"""Batch and layer normalisation, with what they remember for the backward pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.program import Word
from ranvier.step.native.values import View

Optional = View | None


def _present(*views: Optional) -> list[View]:
    return [view for view in views if view is not None]


def _or_null(view: Optional) -> Word:
    return 0 if view is None else view


def _with_channels_last(lowering: Lowering, view: View) -> tuple[View, int, int, list[int]]:
    """The view `[R, C]` in memory, R, C, and the order that puts axis 1 back to its place."""
    rank = len(view.shape)
    order = [0, *range(2, rank), 1]
    moved = lowering.contiguous(view.permute(order))
    channels = moved.shape[-1]
    return moved, moved.numel // max(1, channels), channels, [0, rank - 1, *range(1, rank - 1)]


def _workspace(lowering: Lowering, width: int, threads: int) -> View:
    return lowering.new((max(1, lowering.sizes.norm(width, threads)),))


def _contiguous(lowering: Lowering, view: Optional) -> Optional:
    return None if view is None else lowering.contiguous(view)


@lowers("aten::native_batch_norm")
def _batch_norm(
    lowering: Lowering,
    x: View,
    weight: Optional,
    bias: Optional,
    running_mean: Optional,
    running_variance: Optional,
    is_training: bool,
    momentum: float,
    epsilon: float,
) -> tuple[View, View, View]:
    if not is_training:
        raise NativeUnsupported("batch normalisation by running statistics")
    x, rows, channels, back = _with_channels_last(lowering, x)
    weight, bias = _contiguous(lowering, weight), _contiguous(lowering, bias)
    threads = lowering.threads_for(x.numel)
    mean, deviation, y = lowering.new((channels,)), lowering.new((channels,)), lowering.new(x.shape)
    workspace = _workspace(lowering, channels, threads)
    running = _present(running_mean, running_variance)
    affine: list[Word] = [_or_null(weight), _or_null(bias), float(epsilon), float(momentum)]
    moving: list[Word] = [_or_null(running_mean), _or_null(running_variance)]
    lowering.emit(
        "batch_norm",
        [x, rows, channels, *affine, *moving, mean, deviation, y, threads, workspace],
        reads=[x, *_present(weight, bias), *running],
        writes=[mean, deviation, y, workspace, *running],
    )
    return y.permute(back), mean, deviation


@lowers("aten::native_batch_norm_backward")
def _batch_norm_backward(
    lowering: Lowering,
    gradient: View,
    x: View,
    weight: Optional,
    running_mean: Optional,
    running_variance: Optional,
    mean: View,
    deviation: View,
    is_training: bool,
    epsilon: float,
    wanted: Sequence[bool],
) -> tuple[Optional, Optional, Optional]:
    if not is_training:
        raise NativeUnsupported("batch normalisation by running statistics")
    x, rows, channels, back = _with_channels_last(lowering, x)
    gradient = _with_channels_last(lowering, gradient)[0]
    dx, dweight, dbias = _backward(
        lowering,
        "batch_norm_backward",
        gradient,
        x,
        rows,
        channels,
        weight,
        mean,
        deviation,
        wanted,
    )
    return dx.permute(back), dweight, dbias


def _backward(
    lowering: Lowering,
    operation: str,
    gradient: View,
    x: View,
    rows: int,
    width: int,
    weight: Optional,
    mean: View,
    deviation: View,
    wanted: Sequence[bool],
) -> tuple[View, Optional, Optional]:
    """The kernels of both normalisations take the same arguments."""
    weight = _contiguous(lowering, weight)
    dx = lowering.new(x.shape)
    dweight = lowering.new((width,)) if wanted[1] else None
    dbias = lowering.new((width,)) if wanted[2] else None
    threads = lowering.threads_for(x.numel)
    workspace = _workspace(lowering, width, threads)
    lowering.emit(
        operation,
        [
            x,
            gradient,
            rows,
            width,
            _or_null(weight),
            mean,
            deviation,
            dx,
            _or_null(dweight),
            _or_null(dbias),
            threads,
            workspace,
        ],
        reads=[x, gradient, mean, deviation, *_present(weight)],
        writes=[dx, workspace, *_present(dweight, dbias)],
    )
    return dx, dweight, dbias


@lowers("aten::native_layer_norm")
def _layer_norm(
    lowering: Lowering,
    x: View,
    shape: Sequence[int],
    weight: Optional,
    bias: Optional,
    epsilon: float,
) -> tuple[View, View, View]:
    x = lowering.contiguous(x)
    weight, bias = _contiguous(lowering, weight), _contiguous(lowering, bias)
    width = math.prod(shape)
    rows = x.numel // max(1, width)
    # One number a row, in axes of one place for those that were normalised.
    places = (*x.shape[: len(x.shape) - len(shape)], *(1 for _ in shape))
    y, mean, deviation = lowering.new(x.shape), lowering.new(places), lowering.new(places)
    lowering.emit(
        "layer_norm",
        [
            x,
            rows,
            width,
            _or_null(weight),
            _or_null(bias),
            float(epsilon),
            mean,
            deviation,
            y,
            lowering.threads_for(x.numel),
        ],
        reads=[x, *_present(weight, bias)],
        writes=[mean, deviation, y],
    )
    return y, mean, deviation


@lowers("aten::native_layer_norm_backward")
def _layer_norm_backward(
    lowering: Lowering,
    gradient: View,
    x: View,
    shape: Sequence[int],
    mean: View,
    deviation: View,
    weight: Optional,
    bias: Optional,
    wanted: Sequence[bool],
) -> Any:
    x, gradient = lowering.contiguous(x), lowering.contiguous(gradient)
    width = math.prod(shape)
    rows = x.numel // max(1, width)
    dx, dweight, dbias = _backward(
        lowering, "layer_norm_backward", gradient, x, rows, width, weight, mean, deviation, wanted
    )
    return dx, _shaped(dweight, shape), _shaped(dbias, shape)


def _shaped(view: Optional, shape: Sequence[int]) -> Optional:
    return None if view is None else view.like(view.stand_in().view(list(shape)))


@lowers("aten::native_group_norm")
def _group_norm(
    lowering: Lowering,
    x: View,
    weight: Optional,
    bias: Optional,
    rows: int,
    channels: int,
    places: int,
    groups: int,
    epsilon: float,
) -> tuple[View, View, View]:
    """Layer normalisation of each group of channels, then scaled and shifted by channel."""
    x = lowering.contiguous(x)
    width = channels * places // groups
    flat = x.like(x.stand_in().view(rows * groups, width))
    y, mean, deviation = _layer_norm(lowering, flat, [width], None, None, epsilon)
    y = y.like(y.stand_in().view(x.shape))
    by_channel = (channels, *(1 for _ in x.shape[2:]))
    for operation, of_channels in (("mul", weight), ("add", bias)):
        if of_channels is not None:
            own = lowering.contiguous(of_channels)
            y = lowering.element(operation, y, own.like(own.stand_in().view(by_channel)))
    of_groups = (rows, groups)
    return (
        y,
        mean.like(mean.stand_in().view(of_groups)),
        deviation.like(deviation.stand_in().view(of_groups)),
    )
