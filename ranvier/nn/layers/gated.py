"""Gated halves and maxout: fewer features come out than went in."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.nn.layers.activation import function_of
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Node
from ranvier.spec.layers.gated import GLU, Maxout


class Gated(nn.Module):
    """u ⊙ f(v), u the first half of the features and v the second, as torch's GLU has them.

    Shapes: [..., 2 units] -> [..., units].
    """

    def __init__(self, gate: str) -> None:
        super().__init__()
        self.gate = gate
        self.function = function_of(gate)

    def forward(self, input: Tensor) -> Tensor:
        passed, gate = input.chunk(2, dim=-1)
        return passed * self.function(gate)

    def extra_repr(self) -> str:
        return self.gate


class LargestOfGroup(nn.Module):
    """The largest of every `pieces` features side by side.

    Shapes: [..., pieces · units] -> [..., units].
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(-1, (-1, self.pieces)).amax(dim=-1)

    def extra_repr(self) -> str:
        return str(self.pieces)


@MODULES.register("swiglu")
@MODULES.register("geglu")
@MODULES.register("reglu")
def _gated(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, GLU)
    return Gated(node.layer.gate)


@MODULES.register("maxout")
def _maxout(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, Maxout)
    return LargestOfGroup(node.layer.pieces)
