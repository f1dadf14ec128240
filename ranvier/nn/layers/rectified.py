"""torch's parametric relu with the features last."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Node
from ranvier.spec.layers.rectified import PReLU as PReLULayer


class PReLU(nn.PReLU):
    """max(0, x) + w ⊙ min(0, x), a slope for each feature or one for all.

    Shapes: [..., features] -> the same.
    """

    def forward(self, input: Tensor) -> Tensor:
        # torch looks for the features on the axis after the batch.
        if self.num_parameters == 1 or input.dim() == 2:
            return super().forward(input)
        return super().forward(input.movedim(-1, 1)).movedim(1, -1)


@MODULES.register("prelu")
def _make(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PReLULayer)
    return PReLU(1 if node.layer.shared else node.inputs[0][-1])
