"""SimpleRNN, LSTM and GRU on torch's kernels; step by step where those cannot do it.

B batch, T places, C features, H units, G · H rows of all gates, P layers · directions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.graph import joining
from ranvier.nn.initializers import FILLS
from ranvier.nn.layers.over_time import Mask, OverTime, State, Step, step_by_step
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import LSTM, Node, SimpleRNN
from ranvier.spec.layers.recurrent import Direction, Recurrence


def _forget_gate(
    tensor: Tensor, _: object, values: dict[str, float], generator: torch.Generator
) -> None:
    tensor.zero_()
    tensor.chunk(4)[1].fill_(values["value"])


FILLS["forget_gate"] = _forget_gate

KERNELS = {
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
    "LSTM": torch.lstm,
    "GRU": torch.gru,
}
"""torch's, by the name of the mode in `nn.RNNBase`."""


def _simple(reads: Tensor, keeps: Tensor, mode: str) -> State:
    total = reads + keeps
    return (torch.relu(total) if mode == "RNN_RELU" else torch.tanh(total),)


def lstm_step(reads: Tensor, keeps: Tensor, memory: Tensor) -> State:
    """(h, c) of the products with the input and with the state, gates i, f, g, o end to end."""
    write, forget, new, output = (reads + keeps).chunk(4, -1)
    memory = torch.sigmoid(forget) * memory + torch.sigmoid(write) * torch.tanh(new)
    return torch.sigmoid(output) * torch.tanh(memory), memory


def _gru(reads: Tensor, keeps: Tensor, hidden: Tensor) -> State:
    units = hidden.shape[-1]
    reset, update = torch.sigmoid(reads[..., : 2 * units] + keeps[..., : 2 * units]).chunk(2, -1)
    new = torch.tanh(reads[..., 2 * units :] + reset * keeps[..., 2 * units :])
    return (new + update * (hidden - new),)


class Recurrent(OverTime, nn.RNNBase):
    """A stack of recurrent layers with torch's weights, by torch's names.

    One call of torch's kernel where nothing else is asked; a call per layer and direction with a
    mask; step by step with dropout of the state, and where a mask hides at which place an LSTM's
    memory c is final, which the kernel tells for the last place alone.

    Shapes: [B, T, C] -> [B, T, H] or [B, H], then the state: [B, H] or [B, P, H].
    """

    layer: Recurrence

    def __init__(self, layer: Recurrence, features: int) -> None:
        mode = type(layer).__name__.upper()
        if isinstance(layer, SimpleRNN):
            mode = f"RNN_{layer.activation.upper()}"
        projection = layer.projection if isinstance(layer, LSTM) else None
        nn.RNNBase.__init__(
            self,
            mode,
            features,
            layer.units,
            num_layers=layer.layers,
            bias=layer.bias,
            batch_first=True,
            bidirectional=layer.bidirectional,
            proj_size=projection or 0,
        )
        self.layer = layer
        self.looks_ahead = layer.bidirectional or layer.backwards
        self.join = joining(layer.join)

    def read(self, input: Tensor, mask: Mask, state: State, *outer: Tensor) -> tuple[Tensor, State]:
        # torch's kernels have the stacked layers and directions first.
        parts = [part.reshape(part.shape[0], -1, part.shape[-1]).transpose(0, 1) for part in state]
        drops = self.training and self.layer.recurrent_dropout > 0
        # On a processor torch warns at every call that it has no fast kernel with a projection.
        by_steps = drops or (self.proj_size > 0 and input.device.type == "cpu")
        if mask.mask_BT is None and not by_steps:
            outputs, ends = self._at_once(input, parts)
        else:
            outputs, ends = self._pass_by_pass(input, mask, parts, by_steps=by_steps)
        shaped = zip(ends, state, strict=True)
        return outputs, tuple(end.transpose(0, 1).reshape(old.shape) for end, old in shaped)

    def last(self, state: State) -> Tensor:
        if not self.layer.bidirectional:
            return state[0].reshape(state[0].shape[0], -1, self.layer.given)[:, -1]
        return self.join(state[0][:, -2:].unbind(1))

    def _at_once(self, input: Tensor, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        backwards = self.layer.backwards
        suffixes = [each.suffix for passes in self.layer.directions for each in passes]
        turns = input.flip(1) if backwards else input
        dropout = self.layer.dropout if self.training else 0.0
        outputs, *ends = self._kernel(turns, parts, suffixes, self.layer.layers, dropout)
        if self.layer.bidirectional:
            outputs = self.join(outputs.chunk(2, -1))
        return outputs.flip(1) if backwards else outputs, ends

    def _kernel(
        self, turns: Tensor, parts: list[Tensor], suffixes: list[str], layers: int, dropout: float
    ) -> tuple[Tensor, ...]:
        weights = [weight for suffix in suffixes for weight in self._weights(suffix)]
        start = [part.contiguous() for part in parts]
        result: tuple[Tensor, ...] = KERNELS[self.mode](  # type: ignore[operator]
            turns,
            start if len(start) > 1 else start[0],
            weights,
            self.bias,
            layers,
            dropout,
            self.training,
            len(suffixes) > layers,
            True,
        )
        return result

    def _weights(self, suffix: str) -> list[Tensor]:
        names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]
        found = (getattr(self, f"{name}_{suffix}", None) for name in names)
        return [weight for weight in found if weight is not None]

    def _pass_by_pass(
        self, input: Tensor, mask: Mask, parts: list[Tensor], *, by_steps: bool
    ) -> tuple[Tensor, list[Tensor]]:
        ends: list[State] = []
        outputs: tuple[Tensor, ...] = (input,)
        for passes in self.layer.directions:
            below = torch.cat(outputs, -1)
            if ends:
                below = F.dropout(below, self.layer.dropout, self.training)
            starts = (tuple(part[len(ends) + i] for part in parts) for i in range(len(passes)))
            read = [
                self._pass(direction, below, mask, start, by_steps=by_steps)
                for direction, start in zip(passes, starts, strict=True)
            ]
            outputs = tuple(output for output, _ in read)
            ends += [end for _, end in read]
        joined = self.join(outputs) if len(outputs) > 1 else outputs[0]
        return joined, [torch.stack(each) for each in zip(*ends, strict=True)]

    def _pass(
        self, direction: Direction, input: Tensor, mask: Mask, start: State, *, by_steps: bool
    ) -> tuple[Tensor, State]:
        """One direction of one layer: the output of every place, and the final state."""
        order = mask.order(backwards=direction.backwards)
        if order is None:
            turns = input.flip(1) if direction.backwards else input
            outputs, end = self._steps(direction.suffix, turns, start, None)
            return outputs.flip(1) if direction.backwards else outputs, end
        turns = order.reading(input)
        wants_memory = len(start) > 1 and (self.layer.states or self.carry is not None)
        if by_steps or wants_memory:
            outputs, end = self._steps(direction.suffix, turns, start, order.read_BT)
        else:
            parts = [part.unsqueeze(0) for part in start]
            outputs, *_ = self._kernel(turns, parts, [direction.suffix], 1, 0.0)
            # Nobody asked for an LSTM's memory, so that it may stay as it was.
            end = (order.last(outputs, start[0]), *start[1:])
        return order.placed(outputs), end

    def _steps(
        self, suffix: str, turns: Tensor, start: State, read_BT: Tensor | None
    ) -> tuple[Tensor, State]:
        reads = F.linear(
            turns, getattr(self, f"weight_ih_{suffix}"), getattr(self, f"bias_ih_{suffix}", None)
        )
        # One draw for all places, so that what is silenced stays silent over the whole sequence.
        kept = F.dropout(torch.ones_like(start[0]), self.layer.recurrent_dropout, self.training)
        return step_by_step(self._step(suffix, kept), reads, start, read_BT)

    def _step(self, suffix: str, kept: Tensor) -> Step:
        weight = getattr(self, f"weight_hh_{suffix}")
        bias = getattr(self, f"bias_hh_{suffix}", None)
        projection = getattr(self, f"weight_hr_{suffix}", None)

        def step(reads: Tensor, hidden: Tensor, *memory: Tensor) -> State:
            keeps = F.linear(hidden * kept, weight, bias)
            if self.mode == "LSTM":
                hidden, *memory_now = lstm_step(reads, keeps, *memory)
                output = hidden if projection is None else F.linear(hidden, projection)
                return output, *memory_now
            if self.mode == "GRU":
                return _gru(reads, keeps, hidden)
            return _simple(reads, keeps, self.mode)

        return step


def _make(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, Recurrence)
    return Recurrent(node.layer, node.inputs[0][-1])


for _kind in ("simple_rnn", "lstm", "gru"):
    MODULES.add(_kind, _make)
