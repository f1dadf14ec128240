"""Sequences read place by place: which places are real, what state is handed on, what comes out.

B batch, T places, S the last real place of a row is S − 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.nn.streaming import Streams
from ranvier.spec import Layer
from ranvier.spec.layers.over_time import OverTime as OverTimeFields

State = tuple[Tensor, ...]
Step = Callable[..., State]


class Order:
    """The real places of each row in the order of reading, and after them the others.

    A place that is not real leaves the state as it is, so a row is read as if it were shorter. That
    lets torch's kernels, which know no masks, read any mask exactly: what they do behind a row's
    last real place comes after all that counts. Lengths never leave the device.
    """

    def __init__(self, mask_BT: Tensor, *, backwards: bool) -> None:
        self.real_BT = mask_BT != 0
        padded_BT = (self.real_BT.flip(1) if backwards else self.real_BT).logical_not()
        order_BT = padded_BT.to(torch.int8).argsort(dim=1, stable=True)
        self.place_BT = mask_BT.shape[1] - 1 - order_BT if backwards else order_BT
        self.turn_BT = self.place_BT.argsort(dim=1)
        self.length_B = self.real_BT.sum(1)
        turns = torch.arange(mask_BT.shape[1], device=mask_BT.device)
        self.read_BT = turns < self.length_B.unsqueeze(1)

    def reading(self, places: Tensor) -> Tensor:
        """[B, T, …] in the order of reading; zeros follow, so that garbage cannot overflow."""
        taken = at(self.place_BT, places)
        return torch.where(like(self.read_BT, places), taken, torch.zeros_like(taken))

    def placed(self, turns: Tensor) -> Tensor:
        """[B, T, …] in the order of reading back at its places, with zeros at those not real."""
        taken = at(self.turn_BT, turns)
        return torch.where(like(self.real_BT, turns), taken, torch.zeros_like(taken))

    def last(self, turns: Tensor, start: Tensor) -> Tensor:
        """What the last turn of each row gave; `start` for a row without a real place."""
        turn_B1 = (self.length_B - 1).clamp_min(0).unsqueeze(1)
        taken = at(turn_B1, turns).squeeze(1)
        return torch.where(like(self.length_B > 0, taken), taken, start)


def like(values: Tensor, other: Tensor) -> Tensor:
    """`values` with axes of one, so that they go along with the first axes of `other`."""
    return values.reshape(*values.shape, *(1,) * (other.dim() - values.dim()))


def at(index_BN: Tensor, places: Tensor) -> Tensor:
    """Of [B, T, …] the places of each row that `index_BN` says: [B, N, …]."""
    # torch's take_along_dim would fix the batch's size in an exported program.
    return places.gather(1, like(index_BN, places).expand(-1, -1, *places.shape[2:]))


def step_by_step(
    step: Step, turns: Tensor, state: State, read_BT: Tensor | None = None
) -> tuple[Tensor, State]:
    """Read [B, T, …] with `step(now, *state)`, which gives the new state, its output first.

    Where `read_BT` says no, the state stays as it is.
    """
    outputs = []
    for turn, now in enumerate(turns.unbind(1)):
        new = step(now, *state)
        if read_BT is not None:
            read_B = read_BT[:, turn]
            pairs = zip(new, state, strict=True)
            new = tuple(torch.where(like(read_B, mine), mine, old) for mine, old in pairs)
        state = new
        outputs.append(state[0])
    return torch.stack(outputs, 1), state


@dataclass(frozen=True)
class Mask:
    """The mask of one call, and the orders of reading that it asks for, each found once."""

    mask_BT: Tensor | None
    orders: dict[bool, Order]

    def order(self, *, backwards: bool) -> Order | None:
        """The order of reading; None where all places are real."""
        if self.mask_BT is None:
            return None
        if backwards not in self.orders:
            self.orders[backwards] = Order(self.mask_BT, backwards=backwards)
        return self.orders[backwards]


class OverTime(Streams):
    """Reads a sequence with a state, and gives what the description asks for.

    A subclass says `read`: the output of every place and the final state, of an input, its mask and
    a state to start from; and `last`, where the last output is not the first part of the state.
    What is called with beyond `own` signals is for layers inside.

    Shapes: [B, T, …] -> [B, T, …] or [B, …], then the state.
    """

    layer: OverTimeFields
    own: int | None = None

    def forward(self, input: Tensor, *further: Tensor) -> Tensor | tuple[Tensor, ...]:
        mask = Mask(further[0] if self.layer.mask else None, {})
        given = further if self.own is None else further[: self.own - 1]
        outer = further[len(given) :]
        outputs, state = self.read(input, mask, self._start(input, given), *outer)
        if self.carry is not None:
            self.carry.state = tuple(part.detach() for part in state)
        answer = outputs if self.layer.sequence else self.last(state)
        return (answer, *state) if self.layer.states else answer

    def read(self, input: Tensor, mask: Mask, state: State, *outer: Tensor) -> tuple[Tensor, State]:
        """The output of every place, and the state behind the last real one."""
        raise NotImplementedError

    def last(self, state: State) -> Tensor:
        """The output at the last real place."""
        return state[0]

    def _start(self, input: Tensor, further: tuple[Tensor, ...]) -> State:
        if self.carry is not None and self.carry.state is not None:
            carried: State = self.carry.state
            return carried
        shapes = self.layer.state_shapes(tuple(input.shape[1:]))
        if self.layer.initial:
            return further[-len(shapes) :]
        return tuple(input.new_zeros(input.shape[0], *shape) for shape in shapes)

    def extra_repr(self) -> str:
        assert isinstance(self.layer, Layer)
        return repr(self.layer)
