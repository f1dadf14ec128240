"""Operations on lists of tensors, taken apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from ranvier.step.capture import CaptureError
from ranvier.step.population.stacking import Call, Stacked

_aten = torch.ops.aten
_OTHER_NAMES = {"norm": "linalg_vector_norm"}
# These take their factor by name, where the operation on lists takes it by place.
_BY_NAME = {"addcmul": "value", "addcmul_": "value", "addcdiv": "value", "addcdiv_": "value"}


def for_each_tensor(call: Call, run: Callable[[Call], Any]) -> Any:
    """A `foreach` operation as what it is: the plain one, on each tensor of its lists."""
    base = call.operation._schema.name.removeprefix("aten::_foreach_")
    lists = [a for a in call.args if isinstance(a, list | tuple)]
    results = []
    for place in range(len(lists[0])):

        def of_one(value: Any, place: int = place) -> Any:
            return value[place] if isinstance(value, list | tuple) else value

        args = [of_one(value) for value in call.args]
        kwargs = {name: of_one(value) for name, value in call.kwargs.items()}
        if base in _BY_NAME and len(args) > 3:
            kwargs[_BY_NAME[base]] = args.pop()
        plain = _overload(_OTHER_NAMES.get(base, base), args)
        one = replace(call, operation=plain, args=tuple(args), kwargs=kwargs, _bound={})
        if any(_is_told_apart(value) for value in (*args, *kwargs.values())):
            results.append(run(one))
        else:
            results.append(plain(*args, **kwargs))
    return results if call.operation._schema.returns else ()


def _is_told_apart(value: Any) -> bool:
    return not isinstance(value, Tensor | int | float | bool | None | torch.dtype)


def _overload(name: str, args: list[Any]) -> OpOverload:
    """The overload of an operation that takes tensors and numbers where these are."""
    packet = getattr(_aten, name)
    for overload in packet.overloads():
        called: OpOverload = getattr(packet, overload)
        wanted = called._schema.arguments
        positional = [a for a in wanted if not a.kwarg_only]
        if not overload.endswith("out") and len(args) <= len(positional):
            kinds = [a.type.kind() == "TensorType" for a in positional[: len(args)]]
            if kinds == [isinstance(arg, Tensor | Stacked) for arg in args]:
                return called
    raise CaptureError(f"nothing is known of {name} on one tensor")
