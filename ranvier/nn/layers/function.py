"""Functions without weights, called by their names."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Lambda as LambdaLayer
from ranvier.spec import Node


class Function(nn.Module):
    """Applies a function to all that comes."""

    def __init__(self, layer: LambdaLayer, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.layer = layer
        self.function = function

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input)

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("lambda")
def _make(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, LambdaLayer)
    record, values = node.layer.record, dict[str, Any](node.layer.values)
    if values.get("axis", -1) >= 0:
        values["axis"] += 1
    call = record.call
    if isinstance(call, str):
        call = operator.attrgetter(call.removeprefix("torch."))(torch)
    arguments = {record.arguments.get(name, name): value for name, value in values.items()}
    return Function(node.layer, functools.partial(call, **arguments, **dict(record.fixed)))
