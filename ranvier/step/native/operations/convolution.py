"""Convolution, and its gradients of input, weight and bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.operations.pictures import (
    LAST,
    as_it_came,
    as_picture,
    channels_last,
    pair,
)
from ranvier.step.native.operations.products import BIAS, PLAIN
from ranvier.step.native.program import Word
from ranvier.step.native.values import Buffer, View, whole

# So many multiplications pay for rounding a number to bfloat16 first. Where it had 8 of them,
# bfloat16 took 1.2 to 2 times as long as float32, with 16 from 0.9 to 1.4 times, with 21 or 32
# three quarters, from 100 on little more than half (Zen 5, one and two threads).
WORTH_ROUNDING = 20


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
        *pair(stride, rank, 1),
        *pair(padding, rank, 0),
        *pair(dilation, rank, 1),
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
    size = as_picture(whole(Buffer(1, torch.float32), lowering.form.shape)).shape
    x, weight = channels_last(lowering, x), as_picture(weight)
    y = lowering.new([size[axis] for axis in LAST])
    bias = None if bias is None else lowering.contiguous(bias)
    geometry = _geometry(x, y, weight, rank, (stride, padding, dilation), groups)
    workspace, threads = _workspace(lowering, geometry, y, weight)
    is_half = lowering.is_half and _is_worth_rounding(y, weight, x)
    lowering.emit(
        "convolution",
        [
            *geometry,
            x,
            weight,
            0 if bias is None else replace(bias),
            PLAIN if bias is None else BIAS,
            y,
            threads,
            workspace,
            int(is_half),
        ],
        reads=[x, weight, *([] if bias is None else [bias])],
        writes=[y, workspace],
    )
    return as_it_came(y, rank)


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
    rank, settings = len(x.shape), (stride, padding, dilation)
    x, dy = channels_last(lowering, x), channels_last(lowering, gradient)
    dx = dweight = dbias = None
    if wanted[0]:
        picture = as_picture(weight)
        geometry = _geometry(x, dy, picture, rank, settings, groups)
        dx = as_it_came(_input_gradient(lowering, geometry, dy, picture, x), rank)
    if wanted[1] or wanted[2]:
        made = lowering.new(as_picture(weight).shape)
        geometry = _geometry(x, dy, made, rank, settings, groups)
        dbias = lowering.new((weight.shape[0],)) if wanted[2] else None
        _weight_gradient(lowering, geometry, x, dy, made, dbias)
        dweight = made.like(made.stand_in().view(weight.shape))
    return dx, dweight, dbias


def _multiplications(y: View, weight: View) -> int:
    return y.numel * weight.numel // max(1, weight.shape[0])


def _is_worth_rounding(y: View, weight: View, *pictures: View) -> bool:
    """Whether rounding these pictures' numbers costs less than it gains."""
    rounded = sum(picture.numel for picture in pictures)
    return _multiplications(y, weight) >= WORTH_ROUNDING * rounded


def _workspace(lowering: Lowering, geometry: list[Word], y: View, weight: View) -> tuple[View, int]:
    """Room to work in, and how many threads are worth it."""
    threads = lowering.threads_for(_multiplications(y, weight))
    return lowering.new((max(1, lowering.sizes.convolution(geometry, threads)),)), threads


def _input_gradient(
    lowering: Lowering, geometry: list[Word], dy: View, weight: View, x: View
) -> View:
    workspace, threads = _workspace(lowering, geometry, dy, weight)
    dx = lowering.new(x.shape)
    is_half = lowering.is_half and _is_worth_rounding(dy, weight, dy)
    lowering.emit(
        "convolution_input_gradient",
        [*geometry, dy, weight, dx, threads, workspace, int(is_half)],
        reads=[dy, weight],
        writes=[dx, workspace],
    )
    return dx


def _weight_gradient(
    lowering: Lowering, geometry: list[Word], x: View, dy: View, dweight: View, dbias: View | None
) -> None:
    workspace, threads = _workspace(lowering, geometry, dy, dweight)
    is_half = lowering.is_half and _is_worth_rounding(dy, dweight, x, dy)
    lowering.emit(
        "convolution_weight_gradient",
        [
            *(*geometry, x, dy, dweight, 0 if dbias is None else dbias),
            *(threads, workspace, int(is_half)),
        ],
        reads=[x, dy],
        writes=[dweight, workspace, *([] if dbias is None else [dbias])],
    )
