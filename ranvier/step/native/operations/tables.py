"""Rows taken out of tables, and gradients added to the rows they came from."""

from __future__ import annotations

import math
from typing import Any

import torch

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.operations.losses import require_int64, with_last
from ranvier.step.native.values import View


@lowers("aten::embedding")
def _embedding(lowering: Lowering, table: View, index: View, *_: Any) -> View:
    result = _taken(lowering, table, index)
    return result.like(result.stand_in().view((*index.shape, *table.shape[1:])))


def _taken(lowering: Lowering, table: View, index: View) -> View:
    """Rows `[I, …]` of a table."""
    require_int64("rows chosen", index)
    table, index = lowering.contiguous(table), lowering.contiguous(index)
    width = math.prod(table.shape[1:])
    result = lowering.new((index.numel, *table.shape[1:]), table.dtype)
    lowering.emit(
        "take_rows",
        [index.numel, width * table.dtype.itemsize, table.shape[0], table, index, result],
        reads=[table, index],
        writes=[result],
    )
    return result


@lowers("aten::index_select")
def _index_select(lowering: Lowering, view: View, axis: int, index: View) -> View:
    axis %= max(1, len(view.shape))
    order = [axis, *(a for a in range(len(view.shape)) if a != axis)]
    result = _taken(lowering, view.permute(order), index)
    return result.permute([order.index(a) for a in range(len(order))])


@lowers("aten::index")
def _index(lowering: Lowering, view: View, indices: list[View | None]) -> View:
    """`x[:, i]`: one tensor of places along one axis."""
    given = [axis for axis, index in enumerate(indices) if index is not None]
    if len(given) != 1:
        raise NativeUnsupported("the operation index by several tensors")
    (axis,) = given
    index = indices[axis]
    assert index is not None
    rank, added = len(view.shape), len(index.shape)
    order = [axis, *(a for a in range(rank) if a != axis)]
    rows = _taken(lowering, view.permute(order), index)
    rows = rows.like(rows.stand_in().view((*index.shape, *rows.shape[1:])))
    back = [added + a for a in range(axis)] + list(range(added))
    return rows.permute([*back, *range(added + axis, rank - 1 + added)])


@lowers("aten::gather")
def _gather(lowering: Lowering, view: View, axis: int, index: View, **_: Any) -> View:
    """`x[r, i[r, k]]`, places along `axis`."""
    moved, back = with_last(view, axis)
    places = with_last(index, axis)[0]
    flat = _flat_places(lowering, moved, places)
    numbers = lowering.contiguous(moved)
    table = numbers.like(numbers.stand_in().view(-1, 1))
    result = _taken(lowering, table, flat)
    return result.like(result.stand_in().view(places.shape)).permute(back)


@lowers("aten::scatter_add")
def _scatter_add(lowering: Lowering, view: View, axis: int, index: View, source: View) -> View:
    """`x[r, i[r, k]] + s[r, k]`, places along `axis`; equal places add up."""
    return lowering.element("add", view, _added(lowering, view, axis, index, source))


@lowers("aten::scatter_add_")
def _scatter_add_in_place(
    lowering: Lowering, view: View, axis: int, index: View, source: View
) -> View:
    return lowering.assign(view, _scatter_add(lowering, view, axis, index, source))


@lowers("aten::scatter")
def _scatter(lowering: Lowering, view: View, axis: int, index: View, source: View | float) -> View:
    """x with x[r, i[r, k]] = s[r, k], places along `axis`, or one number for all."""
    one = lowering.constant(1.0, index.shape)
    is_there = _added(lowering, view, axis, index, one)
    if isinstance(source, View):
        if index.shape[axis] != 1:
            raise NativeUnsupported("the operation scatter of places that may be equal")
        source = _added(lowering, view, axis, index, source)
    return lowering.element("where", is_there, source, view, dtype=view.dtype)


def _added(lowering: Lowering, view: View, axis: int, index: View, source: View) -> View:
    """Zeros in the view's shape, with the source added where the index says."""
    moved, back = with_last(view, axis)
    places, rows = with_last(index, axis)[0], with_last(source, axis)[0]
    if rows.shape != places.shape:
        raise NativeUnsupported("an operation on places of a part of its source")
    flat, rows = _flat_places(lowering, moved, places), lowering.contiguous(rows)
    table = lowering.new(moved.shape)
    lowering.emit(
        "add_rows",
        [flat.numel, 1, table.numel, -1, rows, flat, table],
        reads=[rows, flat],
        writes=[table],
    )
    return table.permute(back)


def _flat_places(lowering: Lowering, view: View, index: View) -> View:
    """The places of `view[…, index]` in the row of all its numbers."""
    require_int64("places chosen", index)
    *outer, columns = view.shape
    if list(index.shape[:-1]) != outer:
        raise NativeUnsupported("an operation on places of a part of its rows")
    starts = torch.arange(math.prod(outer)).view(*outer, 1) * columns
    return lowering.contiguous(lowering.element("add", index, _constant(lowering, starts)))


@lowers("aten::flip")
def _flip(lowering: Lowering, view: View, axes: list[int]) -> View:
    for axis in axes:
        size = view.shape[axis]
        index = _constant(lowering, torch.arange(size - 1, -1, -1))
        view = _index_select(lowering, view, axis, index)
    return view


@lowers("aten::embedding_dense_backward")
def _embedding_backward(
    lowering: Lowering,
    gradient: View,
    index: View,
    num_rows: int,
    padding: int,
    scale_by_frequency: bool,
) -> View:
    if scale_by_frequency:
        raise NativeUnsupported("embeddings whose gradient is scaled by frequency")
    require_int64("rows chosen", index)
    gradient, index = lowering.contiguous(gradient), lowering.contiguous(index)
    width = gradient.shape[-1]
    table = lowering.new((num_rows, width))
    lowering.emit(
        "add_rows",
        [index.numel, width, num_rows, padding, gradient, index, table],
        reads=[gradient, index],
        writes=[table],
    )
    return table


def _register_fixed() -> None:
    """Tensors that depend on nothing are made once and never written."""
    for name in ("arange", "eye", "linspace", "tril_indices", "triu_indices"):
        lowers(f"aten::{name}")(_fixed(getattr(torch.ops.aten, name)))


def _fixed(packet: Any) -> Any:
    def handler(lowering: Lowering, *arguments: Any, **keywords: Any) -> View:
        keywords["device"] = "cpu"
        return _constant(lowering, packet(*arguments, **keywords))

    return handler


def _constant(lowering: Lowering, tensor: torch.Tensor) -> View:
    view = lowering.held(tensor)
    view.buffer.is_frozen = True
    return view


_register_fixed()
