"""Operations that only look at memory in another way, and those that make new memory."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.step.native.lowering import HANDLERS, Lowering, lowers
from ranvier.step.native.values import View


def _register_views() -> None:
    """What torch does to a stand-in says how the result lies."""
    names = (
        "t", "transpose", "permute", "expand", "slice", "select", "unsqueeze", "squeeze",
        "unbind", "split", "split_with_sizes", "chunk", "tensor_split", "diagonal", "narrow",
        "unfold", "as_strided", "movedim", "swapaxes",
    )  # fmt: skip
    for name in names:
        packet = getattr(torch.ops.aten, name)
        lowers(f"aten::{name}")(_viewing(packet))
    for name in ("t", "transpose", "unsqueeze", "squeeze", "swapaxes"):
        # In place only the way of looking changes.
        lowers(f"aten::{name}_")(_viewing(getattr(torch.ops.aten, name)))


def _viewing(packet: Any) -> Any:
    def handler(lowering: Lowering, view: View, *arguments: Any, **keywords: Any) -> Any:
        result = packet(view.stand_in(), *arguments, **keywords)
        if isinstance(result, torch.Tensor):
            return view.like(result)
        return [view.like(each) for each in result]

    return handler


_register_views()


@lowers("aten::detach", "aten::alias", "aten::detach_", "aten::lift_fresh", "aten::lift_fresh_copy")
def _same(lowering: Lowering, view: View) -> View:
    return view


@lowers("aten::view", "aten::_unsafe_view", "aten::reshape", "aten::flatten")
def _view(lowering: Lowering, view: View, *shape: Any) -> View:
    wanted = tuple(lowering.form.shape) if lowering.form is not None else tuple(shape[0])
    if view.constant is not None:
        return View(view.buffer, wanted, (0,) * len(wanted))
    try:
        return view.like(view.stand_in().view(wanted))
    except RuntimeError:
        copy = lowering.copied(view)
        return copy.like(copy.stand_in().view(wanted))


@lowers("aten::clone", "aten::contiguous")
def _clone(lowering: Lowering, view: View, *, memory_format: Any = None) -> View:
    if memory_format is torch.contiguous_format:
        return lowering.copied(view)
    return lowering.element("copy", view)


@lowers("aten::_to_copy", "aten::to", "prims::convert_element_type")
def _to_copy(lowering: Lowering, view: View, *arguments: Any, **keywords: Any) -> View:
    dtype = keywords.get("dtype") or next(
        (a for a in arguments if isinstance(a, torch.dtype)), view.dtype
    )
    if dtype == torch.int64 and view.dtype.is_floating_point:
        return lowering.element("trunc", view, dtype=dtype)
    return lowering.element("copy", view, dtype=dtype)


@lowers("aten::copy_", "aten::copy")
def _copy(lowering: Lowering, target: View, source: View, *_: Any) -> View:
    return lowering.element("copy", source, into=target)


@lowers("aten::empty", "aten::empty_like", "aten::empty_strided", "aten::new_empty",
        "aten::new_empty_strided", "aten::empty_permuted")  # fmt: skip
def _empty(lowering: Lowering, *_: Any, **__: Any) -> View:
    form = lowering.form
    return lowering.new(form.shape, form.dtype, strides=form.stride())


def _register_constants() -> None:
    for names, value in (
        (("zeros", "zeros_like", "new_zeros"), 0.0),
        (("ones", "ones_like", "new_ones"), 1.0),
    ):
        lowers(*(f"aten::{name}" for name in names))(_filled_with(value))


def _filled_with(value: float) -> Any:
    def handler(lowering: Lowering, *_: Any, **__: Any) -> View:
        form = lowering.form
        return lowering.constant(value, form.shape, form.dtype)

    return handler


_register_constants()


@lowers("aten::full", "aten::full_like", "aten::new_full", "aten::scalar_tensor")
def _full(lowering: Lowering, first: Any, *rest: Any, **_: Any) -> View:
    value = rest[-1] if rest else first
    return lowering.constant(float(value), lowering.form.shape, lowering.form.dtype)


@lowers("aten::constant_pad_nd")
def _pad(lowering: Lowering, view: View, pad: list[int], value: float = 0) -> View:
    shape = tuple(lowering.form.shape)
    result = lowering.new(shape, view.dtype)
    lowering.element("copy", lowering.constant(value, shape, view.dtype), into=result)
    source, target = view.stand_in(), result.stand_in()
    for axis, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True), start=1):
        # What is padded by less than nothing is cut.
        size = source.shape[-axis] - max(0, -before) - max(0, -after)
        source = source.narrow(-axis, max(0, -before), size)
        target = target.narrow(-axis, max(0, before), size)
    lowering.element("copy", view.like(source), into=result.like(target))
    return result


@lowers("aten::slice_scatter", "aten::select_scatter")
def _scatter(lowering: Lowering, view: View, source: View, *where: Any, **named: Any) -> View:
    result = lowering.copied(view)
    is_slice = len(source.shape) == len(view.shape)
    cut = torch.ops.aten.slice if is_slice else torch.ops.aten.select
    part = cut(result.stand_in(), *where, **named)
    lowering.element("copy", source, into=result.like(part))
    return result


@lowers("aten::repeat")
def _repeat(lowering: Lowering, view: View, times: list[int]) -> View:
    own = view.expand((1,) * (len(times) - len(view.shape)) + view.shape)
    tensor = own.stand_in()
    for axis in range(len(times)):
        tensor = tensor.unsqueeze(2 * axis)
    sizes = [size for pair in zip(times, own.shape, strict=True) for size in pair]
    copy = lowering.copied(own.like(tensor.expand(sizes)))
    return copy.like(copy.stand_in().view([r * n for r, n in zip(times, own.shape, strict=True)]))


@lowers("aten::cat")
def _cat(lowering: Lowering, views: list[View], dim: int = 0) -> View:
    views = [view for view in views if view.shape != (0,)]
    axis = dim % len(views[0].shape)
    shape = list(views[0].shape)
    shape[axis] = sum(view.shape[axis] for view in views)
    result = lowering.new(shape, _type_of(views))
    shared = _already_joined(views, axis)
    if shared is not None:
        return View(shared.buffer, tuple(shape), result.strides, shared.offset)
    at = 0
    for view in views:
        part = result.stand_in().narrow(axis, at, view.shape[axis])
        lowering.element("copy", view, into=result.like(part))
        at += view.shape[axis]
    return result


@lowers("aten::stack")
def _stack(lowering: Lowering, views: list[View], dim: int = 0) -> View:
    handler = HANDLERS["aten::unsqueeze"]
    return _cat(lowering, [handler(lowering, view, dim) for view in views], dim)


def _already_joined(views: list[View], axis: int) -> View | None:
    """The first view, where all lie one behind the other in memory that nobody writes again."""
    offset = views[0].offset
    for view in views:
        if not (view.buffer is views[0].buffer and view.buffer.is_frozen and view.is_contiguous):
            return None
        if view.offset != offset or any(size != 1 for size in view.shape[:axis]):
            return None
        offset += view.numel
    return views[0]


def _type_of(views: list[View]) -> torch.dtype:
    dtype = views[0].dtype
    for view in views[1:]:
        dtype = torch.promote_types(dtype, view.dtype)
    return dtype
