"""The selective state space and the minimal GRU, on a scan of linear recurrences.

B batch, T places, C features, D inner width, N numbers of state per inner feature, K kernel.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.shapes import Shape
from ranvier.nn.initializers import FILLS
from ranvier.nn.layers.convolution import allocate
from ranvier.nn.layers.over_time import Order, at, like
from ranvier.nn.layers.scan import linear_scan
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import MinGRU as MinGRULayer
from ranvier.spec import Node
from ranvier.spec import SelectiveStateSpace as SelectiveLayer


def _state_decay(
    tensor: Tensor, _: object, values: dict[str, float], generator: torch.Generator
) -> object:
    return tensor.copy_(torch.arange(1, tensor.shape[-1] + 1).log().expand_as(tensor))


def _step_size(
    tensor: Tensor, _: object, values: dict[str, float], generator: torch.Generator
) -> object:
    low, high = math.log(values["low"]), math.log(values["high"])
    tensor.uniform_(low, high, generator=generator).exp_()
    # The inverse of softplus: s + ln(1 − e^−s).
    return tensor.add_(tensor.neg().expm1().neg().log())


FILLS["state_decay"] = _state_decay
FILLS["step_size"] = _step_size


class SelectiveStateSpace(Streams):
    """h_t = exp(Δ_t A) ⊙ h_{t−1} + Δ_t x_t B_tᵀ behind a convolution and before a gate.

    Shapes: [B, T, C] -> [B, T, units].
    """

    def __init__(self, layer: SelectiveLayer, shape: Shape) -> None:
        super().__init__()
        self.layer = layer
        inner, rank, state = layer.inner, layer.step_rank, layer.state
        self.A_log = nn.Parameter(torch.empty(inner, state))
        self.D = nn.Parameter(torch.empty(inner))
        self.in_proj = nn.Linear(shape[-1], 2 * inner, bias=layer.bias)
        self.conv1d = nn.Conv1d(
            inner, inner, layer.kernel, groups=inner, bias=layer.convolution_bias
        )
        self.x_proj = nn.Linear(inner, rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.out_proj = nn.Linear(inner, layer.units, bias=layer.bias)

    def forward(self, input: Tensor, *mask: Tensor) -> Tensor:
        order = Order(mask[0], backwards=False) if mask else None
        turns = input if order is None else order.reading(input)
        read, gate = self.in_proj(turns).chunk(2, -1)
        context, start = self._carried(read)
        longer = torch.cat([context, read], 1)
        mixed = F.silu(self.conv1d(longer.transpose(1, 2)).transpose(1, 2))
        states, output = self._scanned(mixed, start, order)
        if self.carry is not None:
            kept = (self._context(longer, order), states[:, -1])
            self.carry.state = tuple(part.detach() for part in kept)
        given: Tensor = self.out_proj(output * F.silu(gate))
        return given if order is None else order.placed(given)

    def _scanned(
        self, mixed_BTD: Tensor, start: Tensor, order: Order | None
    ) -> tuple[Tensor, Tensor]:
        """Every state, and what is read of it."""
        layer = self.layer
        parts = self.x_proj(mixed_BTD).split([layer.step_rank, layer.state, layer.state], -1)
        low_rank, write_BTN, read_BTN = parts
        step_BTD = F.softplus(self.dt_proj(low_rank))
        if order is not None:
            # A step of nought leaves the state as it is.
            step_BTD = torch.where(like(order.read_BT, step_BTD), step_BTD, 0.0)
        decay_BTDN = torch.exp(step_BTD.unsqueeze(-1) * -torch.exp(self.A_log))
        input_BTDN = (step_BTD * mixed_BTD).unsqueeze(-1) * write_BTN.unsqueeze(2)
        states_BTDN = linear_scan(decay_BTDN, input_BTDN, start)
        output_BTD = torch.matmul(states_BTDN, read_BTN.unsqueeze(-1)).squeeze(-1)
        return states_BTDN, output_BTD + self.D * mixed_BTD

    def _carried(self, read: Tensor) -> tuple[Tensor, Tensor]:
        """What the convolution sees before the first place, and the state there."""
        if self.carry is not None and self.carry.state is not None:
            context, start = self.carry.state
            return context, start
        rows, inner = read.shape[0], self.layer.inner
        context = read.new_zeros(rows, self.layer.kernel - 1, inner)
        return context, read.new_zeros(rows, inner, self.layer.state)

    def _context(self, longer: Tensor, order: Order | None) -> Tensor:
        """The last places that the convolution of the next piece will look back at."""
        places = self.layer.kernel - 1
        if order is None:
            return longer[:, longer.shape[1] - places :]
        turns = torch.arange(places, device=longer.device) + order.length_B.unsqueeze(1)
        return at(turns, longer)

    def extra_repr(self) -> str:
        return repr(self.layer)


class MinGRU(Streams):
    """h_t = (1 − σ(z_t)) ⊙ h_{t−1} + σ(z_t) ⊙ n_t.

    Shapes: [B, T, C] -> [B, T, units].
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: MinGRULayer, shape: Shape) -> None:
        super().__init__()
        self.layer = layer
        allocate(self, layer, shape)

    def forward(self, input: Tensor, *mask: Tensor) -> Tensor:
        order = Order(mask[0], backwards=False) if mask else None
        turns = input if order is None else order.reading(input)
        gate, new = F.linear(turns, self.weight, self.bias).chunk(2, -1)
        share = torch.sigmoid(gate)
        if order is not None:
            share = torch.where(like(order.read_BT, share), share, 0.0)
        start = None if self.carry is None else self.carry.state
        if start is None:
            start = input.new_zeros(input.shape[0], self.layer.units)
        states = linear_scan(1 - share, share * new, start)
        if self.carry is not None:
            self.carry.state = states[:, -1].detach()
        return states if order is None else order.placed(states)

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("selective_state_space")
def _selective(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, SelectiveLayer)
    return SelectiveStateSpace(node.layer, node.inputs[0])


@MODULES.register("min_gru")
def _min_gru(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, MinGRULayer)
    return MinGRU(node.layer, node.inputs[0])
