"""The convolutional LSTM: all of the input is convolved at once, the state step by step.

B batch, T places in time, F filters.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.layers.convolution import allocate
from ranvier.nn.layers.over_time import Mask, OverTime, State, step_by_step
from ranvier.nn.layers.recurrent import lstm_step
from ranvier.nn.layers.spatial import features_last, features_second, for_view, padded
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import ConvLSTM as ConvLSTMLayer
from ranvier.spec import Node
from ranvier.spec.layers.spatial import Window


class ConvLSTM(OverTime):
    """[i; f; g; o]_t = W ∗ x_t + b + U ∗ h_{t−1}, then as an LSTM.

    Shapes: [B, T, *places, C] -> [B, T, *places′, F] or [B, *places′, F], then the state.
    """

    layer: ConvLSTMLayer
    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor | None

    def __init__(self, layer: ConvLSTMLayer, shape: Shape) -> None:
        super().__init__()
        self.layer = layer
        self.axes = len(shape) - 2
        self.reading, self.keeping = layer.window(self.axes), layer.keeping(self.axes)
        allocate(self, layer, shape)

    def read(self, input: Tensor, mask: Mask, state: State, *outer: Tensor) -> tuple[Tensor, State]:
        order = mask.order(backwards=False)
        turns = input if order is None else order.reading(input)
        reads = self._convolved(turns.flatten(0, 1), self.weight_ih, self.bias, self.reading)
        # One draw for all places in time.
        kept = F.dropout(torch.ones_like(state[0]), self.layer.recurrent_dropout, self.training)

        def step(now: Tensor, hidden: Tensor, memory: Tensor) -> State:
            keeps = self._convolved(hidden * kept, self.weight_hh, None, self.keeping)
            return lstm_step(now, keeps, memory)

        read_BT = None if order is None else order.read_BT
        outputs, end = step_by_step(step, reads.unflatten(0, input.shape[:2]), state, read_BT)
        return outputs if order is None else order.placed(outputs), end

    def _convolved(
        self, places: Tensor, weight: Tensor, bias: Tensor | None, window: Window
    ) -> Tensor:
        convolve = F.conv3d if self.axes == 3 else F.conv2d
        made = convolve(
            padded(features_second(places), for_view(window.pads(places.shape[1:-1]), (0, 0))),
            weight.unsqueeze(2) if self.axes == 1 else weight,
            bias,
            for_view(window.stride, 1),
            0,
            for_view(window.dilation, 1),
        )
        return features_last(made, self.axes)


@MODULES.register("conv_lstm")
def _make(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, ConvLSTMLayer)
    return ConvLSTM(node.layer, node.inputs[0])
