"""Batch and layer normalisation, with what they remember for the backward pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.operations.reductions import reduced
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
        return _by_running_statistics(
            lowering, x, weight, bias, running_mean, running_variance, epsilon
        )
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
        return _backward_by_running_statistics(
            lowering, gradient, x, weight, running_mean, running_variance, epsilon, wanted
        )
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


def _by_running_statistics(
    lowering: Lowering,
    x: View,
    weight: Optional,
    bias: Optional,
    mean: Optional,
    variance: Optional,
    epsilon: float,
) -> tuple[View, View, View]:
    """γ (x − μ)/√(σ² + ε) + β of a layer that rests, as one product and one sum an element."""
    mean, slope = _slope(lowering, weight, mean, variance, epsilon)
    offset = lowering.element("mul", mean, slope)
    offset = (
        lowering.element("neg", offset) if bias is None else lowering.element("sub", bias, offset)
    )
    product = lowering.element("mul", x, _by_channel(lowering, slope, x))
    y = lowering.element("add", product, _by_channel(lowering, offset, x))
    # What a backward pass would need of the batch: there is nothing of it.
    return y, lowering.new((0,)), lowering.new((0,))


def _backward_by_running_statistics(
    lowering: Lowering,
    gradient: View,
    x: View,
    weight: Optional,
    mean: Optional,
    variance: Optional,
    epsilon: float,
    wanted: Sequence[bool],
) -> tuple[Optional, Optional, Optional]:
    mean, slope = _slope(lowering, weight, mean, variance, epsilon)
    places = [axis for axis in range(len(x.shape)) if axis != 1]
    dx = dweight = dbias = None
    if wanted[0]:
        dx = lowering.element("mul", gradient, _by_channel(lowering, slope, x))
    if wanted[1]:
        away = lowering.element("sub", x, _by_channel(lowering, mean, x))
        total = reduced(lowering, lowering.element("mul", gradient, away), places, False)
        _, scale = _slope(lowering, None, mean, variance, epsilon)
        dweight = lowering.element("mul", total, scale)
    if wanted[2]:
        dbias = reduced(lowering, gradient, places, False)
    return dx, dweight, dbias


def _slope(
    lowering: Lowering, weight: Optional, mean: Optional, variance: Optional, epsilon: float
) -> tuple[View, View]:
    """μ and γ/√(σ² + ε), `[C]` each."""
    if mean is None or variance is None:
        raise NativeUnsupported("batch normalisation without statistics")
    scale = lowering.element("rsqrt", lowering.element("add", variance, epsilon))
    return mean, scale if weight is None else lowering.element("mul", scale, weight)


def _by_channel(lowering: Lowering, of_channels: View, like: View) -> View:
    own = lowering.contiguous(of_channels)
    return own.like(own.stand_in().view(own.numel, *(1 for _ in like.shape[2:])))


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
    for operation, of_channels in (("mul", weight), ("add", bias)):
        if of_channels is not None:
            y = lowering.element(operation, y, _by_channel(lowering, of_channels, x))
    of_groups = (rows, groups)
    return (
        y,
        mean.like(mean.stand_in().view(of_groups)),
        deviation.like(deviation.stand_in().view(of_groups)),
    )
