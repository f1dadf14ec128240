"""Numbers brought to another scale."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Node
from ranvier.spec import Rescale as RescaleLayer


class Rescale(nn.Module):
    """scale · x + offset."""

    def __init__(self, layer: RescaleLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor) -> Tensor:
        return input * self.layer.scale + self.layer.offset

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("rescale")
def _rescale(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, RescaleLayer)
    return Rescale(node.layer)
