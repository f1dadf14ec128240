"""Softmax and the likelihood of a class, with their gradients."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.values import View

# An exponential costs as much as so many additions.
_WORK_OF_EXP = 8


def with_last(view: View, axis: int) -> tuple[View, list[int]]:
    """The view with `axis` moved to the end, and the order that moves it back."""
    rank = len(view.shape)
    order = [a for a in range(rank) if a != axis % rank] + ([axis % rank] if rank else [])
    return view.permute(order), [order.index(a) for a in range(rank)]


def _softmax(is_log: bool) -> Any:
    def handler(lowering: Lowering, view: View, axis: int, half_to_float: bool = False) -> View:
        moved, back = with_last(view, axis)
        moved = lowering.contiguous(moved)
        columns = moved.shape[-1] if moved.shape else 1
        result = lowering.new(moved.shape)
        threads = lowering.threads_for(_WORK_OF_EXP * moved.numel)
        lowering.emit(
            "softmax",
            [moved.numel // max(1, columns), columns, moved, result, int(is_log), threads],
            reads=[moved],
            writes=[result],
        )
        return result.permute(back)

    return handler


def _softmax_backward(is_log: bool) -> Any:
    def handler(lowering: Lowering, gradient: View, result: View, axis: int, _: Any) -> View:
        gradient, back = with_last(gradient, axis)
        gradient = lowering.contiguous(gradient)
        result = lowering.contiguous(with_last(result, axis)[0])
        columns = result.shape[-1] if result.shape else 1
        came = lowering.new(result.shape)
        rows = result.numel // max(1, columns)
        threads = lowering.threads_for(_WORK_OF_EXP * result.numel)
        lowering.emit(
            "softmax_backward",
            [rows, columns, gradient, result, came, int(is_log), threads],
            reads=[gradient, result],
            writes=[came],
        )
        return came.permute(back)

    return handler


lowers("aten::_softmax")(_softmax(False))
lowers("aten::_log_softmax")(_softmax(True))
lowers("aten::_softmax_backward_data")(_softmax_backward(False))
lowers("aten::_log_softmax_backward_data")(_softmax_backward(True))


def _prepared(
    lowering: Lowering, x: View, target: View, classes: View | None
) -> tuple[View, View, View | None]:
    if len(x.shape) != 2:
        raise NativeUnsupported(f"nll_loss of a tensor of {len(x.shape)} axes")
    return (
        lowering.contiguous(x),
        lowering.contiguous(target),
        None if classes is None else lowering.contiguous(classes),
    )


@lowers("aten::nll_loss_forward")
def _nll(
    lowering: Lowering,
    x: View,
    target: View,
    classes: View | None,
    reduction: int,
    ignored: int,
) -> tuple[View, View]:
    x, target, classes = _prepared(lowering, x, target, classes)
    result = lowering.new(() if reduction else x.shape[:1])
    total = lowering.new(())
    lowering.emit(
        "nll",
        [*x.shape, x, target, 0 if classes is None else classes, reduction, ignored, result, total],
        reads=[x, target, *([] if classes is None else [classes])],
        writes=[result, total],
    )
    return result, total


@lowers("aten::nll_loss_backward")
def _nll_backward(
    lowering: Lowering,
    gradient: View,
    x: View,
    target: View,
    classes: View | None,
    reduction: int,
    ignored: int,
    total: View,
) -> View:
    if len(x.shape) != 2:
        raise NativeUnsupported(f"nll_loss of a tensor of {len(x.shape)} axes")
    gradient, target = lowering.contiguous(gradient), lowering.contiguous(target)
    classes = None if classes is None else lowering.contiguous(classes)
    came = lowering.new(x.shape)
    lowering.emit(
        "nll_backward",
        [
            *x.shape,
            gradient,
            target,
            0 if classes is None else classes,
            reduction,
            ignored,
            total,
            came,
        ],
        reads=[gradient, target, total, *([] if classes is None else [classes])],
        writes=[came],
    )
    return came


def require_int64(what: str, view: View) -> None:
    if view.dtype != torch.int64:
        raise NativeUnsupported(f"{what} by {str(view.dtype).removeprefix('torch.')}")
