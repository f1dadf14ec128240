"""Sums, means, extremes and norms over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from ranvier.step.native.elements import MOST_AXES
from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.program import Word
from ranvier.step.native.values import View

# As `reductions.h` numbers them.
SUM, SUM_OF_SQUARES, SUM_OF_SIZES, LARGEST, SMALLEST = range(5)

Axes = Sequence[int] | int | None


def reduced(
    lowering: Lowering,
    view: View,
    axes: Axes,
    keeps: bool,
    *,
    way: int = SUM,
    scale: float = 1.0,
    root: bool = False,
) -> View:
    """The view reduced over `axes`, all of them where none are given."""
    if view.dtype != torch.float32 or view.constant is not None:
        view = lowering.copied(view, torch.float32)
    if not view.numel:
        raise NativeUnsupported("reducing a tensor of no elements")
    rank = len(view.shape)
    given = [axes] if isinstance(axes, int) else axes
    gone = {axis % rank for axis in given} if given and rank else set(range(rank))
    kept = [axis for axis in range(rank) if axis not in gone]
    result = lowering.new([view.shape[axis] for axis in kept])
    outer = _merged([(view.shape[a], view.strides[a], s) for a, s in zip(kept, result.strides)])
    inner = _merged([(view.shape[a], view.strides[a], 0) for a in sorted(gone)])
    if max(len(outer), len(inner)) > MOST_AXES:
        raise NativeUnsupported(f"reducing a tensor of {rank} axes that lie apart")
    threads = lowering.threads_for(view.numel)
    words: list[Word] = [way, threads, result, view, float(scale), int(root), len(outer)]
    words += [word for axis in outer for word in axis]
    words += [len(inner), *(word for size, stride, _ in inner for word in (size, stride))]
    lowering.emit("reduce", words, reads=[view], writes=[result])
    if not keeps:
        return result
    shape = [1 if axis in gone else view.shape[axis] for axis in range(rank)]
    return result.like(result.stand_in().view(shape))


def _merged(axes: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The axes in the order of memory, neighbours that lie as one made one.

    The input's order goes first, so that what is read runs along memory.
    """
    merged: list[tuple[int, int, int]] = []
    for size, stride, result in sorted(axes, key=lambda axis: -axis[1]):
        if size == 1:
            continue
        if merged:
            before = merged[-1]
            if before[1] == stride * size and before[2] == result * size:
                merged[-1] = (before[0] * size, stride, result)
                continue
        merged.append((size, stride, result))
    return merged


def _size(view: View, axes: Axes) -> int:
    given = [axes] if isinstance(axes, int) else axes
    if not given:
        return view.numel
    size = 1
    for axis in given:
        size *= view.shape[axis]
    return size


# Up to here a float counts exactly.
_MOST_COUNTED = 2**24


@lowers("aten::sum")
def _sum(lowering: Lowering, view: View, axes: Axes = None, keeps: bool = False, **_: Any) -> View:
    counts = view.dtype == torch.bool and view.numel <= _MOST_COUNTED
    dtype = lowering.form.dtype if lowering.form is not None else torch.float32
    if dtype == torch.float32 or counts:
        total = reduced(lowering, view, axes, keeps)
        return total if dtype == total.dtype else lowering.element("copy", total, dtype=dtype)
    raise NativeUnsupported(f"sums as {str(dtype).removeprefix('torch.')}")


@lowers("aten::mean")
def _mean(lowering: Lowering, view: View, axes: Axes = None, keeps: bool = False, **_: Any) -> View:
    if lowering.form is not None and lowering.form.dtype != torch.float32:
        raise NativeUnsupported(f"means as {str(lowering.form.dtype).removeprefix('torch.')}")
    return reduced(lowering, view, axes, keeps, scale=1 / max(1, _size(view, axes)))


@lowers("aten::amax")
def _amax(lowering: Lowering, view: View, axes: Axes = None, keeps: bool = False) -> View:
    return reduced(lowering, view, axes, keeps, way=LARGEST)


@lowers("aten::amin")
def _amin(lowering: Lowering, view: View, axes: Axes = None, keeps: bool = False) -> View:
    return reduced(lowering, view, axes, keeps, way=SMALLEST)


@lowers("aten::any", "aten::all")
def _any_or_all(lowering: Lowering, view: View, axes: Axes = None, keeps: bool = False) -> View:
    is_any = lowering.name.startswith("aten::any")
    truth = lowering.element("ne", view, 0.0, dtype=torch.bool)
    most = reduced(lowering, truth, axes, keeps, way=LARGEST if is_any else SMALLEST)
    return lowering.element("copy", most, dtype=torch.bool)


@lowers("aten::var")
def _var(
    lowering: Lowering,
    view: View,
    axes: Axes = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> View:
    size = _size(view, axes)
    mean = reduced(lowering, view, axes, True, scale=1 / max(1, size))
    away = lowering.element("sub", view, mean)
    freedom = size - (1 if correction is None else correction)
    scale = 1 / freedom if freedom > 0 else math.nan
    return reduced(lowering, away, axes, keepdim, way=SUM_OF_SQUARES, scale=scale)


@lowers("aten::max", "aten::min")
def _extreme(lowering: Lowering, view: View, *rest: Any) -> View:
    raise NativeUnsupported("the operation max or min with places")


@lowers("aten::linalg_vector_norm", "aten::norm")
def _norm(
    lowering: Lowering,
    view: View,
    order: float | None = 2,
    axes: Axes = None,
    keeps: bool = False,
    **_: Any,
) -> View:
    if order in (2, None):
        return reduced(lowering, view, axes, keeps, way=SUM_OF_SQUARES, root=True)
    if order == 1:
        return reduced(lowering, view, axes, keeps, way=SUM_OF_SIZES)
    raise NativeUnsupported(f"norms of order {order}")
