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


def for_each_tensor(call: Call, run: Callable[[Call], Any]) -> Any:
    """A `foreach` operation as what it is: the plain one, on each tensor of its lists."""
    base = call.operation._schema.name.removeprefix("aten::_foreach_")
    lists = [argument for argument in call.arguments if isinstance(argument, list)]
    results = []
    for place in range(len(lists[0])):
        given = {
            name: value[place] if isinstance(value, list) else value
            for name, value in call.named.items()
        }
        results.append(_on_one(_OTHER_NAMES.get(base, base), list(given.values()), call, run))
    return results if call.operation._schema.returns else ()


def _on_one(name: str, arguments: list[Any], call: Call, run: Callable[[Call], Any]) -> Any:
    if not hasattr(_aten, name) and name.endswith("_"):
        # What is not there in place, such as maximum, is done beside and copied.
        made = _on_one(name.removesuffix("_"), arguments, call, run)
        return _on_one("copy_", [arguments[0], made], call, run)
    plain = _overload(name, arguments)
    return run(replace(call, operation=plain, arguments=_completed(plain, arguments)))


def _overload(name: str, arguments: list[Any]) -> OpOverload:
    """The overload of an operation that takes tensors and numbers where these are."""
    packet = getattr(_aten, name)
    came = [isinstance(argument, Tensor | Stacked) for argument in arguments]
    for overload in packet.overloads():
        called: OpOverload = getattr(packet, overload)
        wanted = [a.type.kind() == "TensorType" for a in called._schema.arguments]
        if not overload.endswith("out") and wanted[: len(came)] == came[: len(wanted)]:
            return called
    raise CaptureError(f"nothing is known of {name} on one tensor")


def _completed(plain: OpOverload, arguments: list[Any]) -> list[Any]:
    """The arguments in the order of the schema; what is not given keeps its default."""
    completed = []
    for position, argument in enumerate(plain._schema.arguments):
        default = argument.default_value if argument.has_default_value() else None
        completed.append(arguments[position] if position < len(arguments) else default)
    return completed
