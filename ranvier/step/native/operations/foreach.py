"""Operations on lists of tensors: the same on each."""

from __future__ import annotations

from typing import Any

from ranvier.step.native.lowering import Lowering, NativeUnsupported, lowers
from ranvier.step.native.operations.elementwise import ELEMENTWISE, Elementwise
from ranvier.step.native.values import View

# Whose arguments after the list are of each tensor, not of all, where they are lists.
_NAMES = (
    "add", "sub", "mul", "div", "pow", "lerp", "addcmul", "addcdiv", "maximum", "minimum",
    "clamp_min", "clamp_max", "neg", "abs", "sqrt", "rsqrt", "reciprocal", "exp", "log", "sign",
    "zero", "tanh", "sigmoid", "floor", "ceil", "round", "expm1", "log1p", "erf", "trunc",
)  # fmt: skip


def _register() -> None:
    for name in _NAMES:
        function = ELEMENTWISE.get(name)
        if function is not None:
            lowers(f"aten::_foreach_{name}")(_on_each(function, in_place=False))
            lowers(f"aten::_foreach_{name}_")(_on_each(function, in_place=True))


def _on_each(function: Elementwise, *, in_place: bool) -> Any:
    def handler(lowering: Lowering, tensors: Any, *arguments: Any, **keywords: Any) -> Any:
        # What handlers ask of the form is that of one tensor; of a list there is none.
        form, lowering.form = lowering.form, None
        results = []
        count = len(tensors) if isinstance(tensors, list | tuple) else len(arguments[0])
        for i in range(count):
            first = tensors[i] if isinstance(tensors, list | tuple) else tensors
            own = [a[i] if isinstance(a, list | tuple) else a for a in arguments]
            named = {k: a[i] if isinstance(a, list | tuple) else a for k, a in keywords.items()}
            result = function(lowering, first, *own, **named)
            results.append(lowering.assign(first, result) if in_place else result)
        lowering.form = form
        return None if in_place else results

    return handler


_register()


@lowers("aten::_foreach_copy_")
def _foreach_copy(lowering: Lowering, targets: list[View], sources: list[View], *_: Any) -> None:
    for target, source in zip(targets, sources, strict=True):
        lowering.element("copy", source, into=target)


@lowers("aten::_foreach_norm")
def _foreach_norm(lowering: Lowering, tensors: list[View], order: float = 2, *_: Any) -> list[View]:
    """Euclidean norms, side by side in one tensor."""
    if order != 2:
        raise NativeUnsupported(f"norms of order {order}")
    views = [view if view.is_dense else lowering.contiguous(view) for view in tensors]
    views = [lowering.contiguous(v) if v.constant is not None else v for v in views]
    result = lowering.new((len(views),))
    words: list[Any] = [result, len(views)]
    for view in views:
        words += [view, view.numel]
    lowering.emit("norms", words, reads=views, writes=[result])
    result.buffer.is_frozen = True
    whole = result.stand_in()
    return [result.like(whole.select(0, i)) for i in range(len(views))]
