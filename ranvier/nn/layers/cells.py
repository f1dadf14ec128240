"""Cells on torch's kernels: one step of a recurrent layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Node, RNNCell
from ranvier.spec.layers.cells import Cell as CellFields

KERNELS = {
    "tanh": torch.rnn_tanh_cell,
    "relu": torch.rnn_relu_cell,
    "lstm_cell": torch.lstm_cell,
    "gru_cell": torch.gru_cell,
}


class Cell(nn.RNNCellBase):
    """The new state of a place's features and the state before; the output stands first.

    Shapes: [B, C], [B, H], … -> [B, H], …
    """

    def __init__(self, layer: CellFields, features: int, kernel: str) -> None:
        super().__init__(features, layer.units, layer.bias, num_chunks=layer.gates)
        self.kernel = kernel

    def forward(self, input: Tensor, *state: Tensor) -> Tensor | tuple[Tensor, ...]:
        hidden = state if len(state) > 1 else state[0]
        result: Tensor | tuple[Tensor, ...] = KERNELS[self.kernel](  # type: ignore[operator]
            input, hidden, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        )
        return result


def _make(node: Node, _: Children) -> nn.Module:
    layer = node.layer
    assert isinstance(layer, CellFields)
    kernel = layer.activation if isinstance(layer, RNNCell) else layer.kind
    return Cell(layer, node.inputs[0][-1], kernel)


for _kind in ("rnn_cell", "lstm_cell", "gru_cell"):
    MODULES.add(_kind, _make)
