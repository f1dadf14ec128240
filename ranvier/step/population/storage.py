"""Where the state of a population lies: each tensor once, the members one after another in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ranvier.core.errors import ConfigError
from ranvier.optim.descent import Slots
from ranvier.step.state import State


def alike(states: Sequence[State]) -> list[State]:
    """The same states over the same tensors, parted into the same groups.

    A weight decay of 0 puts all parameters of a member into one group, where another has two. So
    parameters are together here that are together in every member.

    Raises:
        ConfigError: naming the first member whose tensors are not those of the first.
    """
    place = [{p: g for g, group in enumerate(s.groups) for p in group.positions} for s in states]
    parts: dict[tuple[int, ...], list[int]] = {}
    for position in range(len(states[0].parameters)):
        key = tuple(of_member.get(position, -1) for of_member in place)
        parts.setdefault(key, []).append(position)
    parted = [
        _parted(state, [(key[k], positions) for key, positions in parts.items()])
        for k, state in enumerate(states)
    ]
    first = _forms(parted[0])
    for k, state in enumerate(parted):
        own = _forms(state)
        if own != first:
            differing = sorted(set(own.items()) ^ set(first.items()), key=str)
            raise ConfigError(
                f"member {k}: its state is not of the form of member 0's: {differing[0][0]} "
                "differs. Members must agree on the network's shape and on what the optimizer "
                "keeps; train this one in another population."
            )
    return parted


def _forms(state: State) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in state.named().items()}


def _parted(state: State, parts: list[tuple[int, list[int]]]) -> State:
    groups, slots = [], []
    for place, positions in parts:
        group, of_group = state.groups[place], state.slots[place]
        index = [group.positions.index(position) for position in positions]
        groups.append(replace(group, positions=tuple(positions)))
        own: Slots = {name: [tensors[i] for i in index] for name, tensors in of_group.items()}
        slots.append(own)
    return replace(state, groups=tuple(groups), slots=slots)


def stacked(states: Sequence[State]) -> dict[str, Tensor]:
    """The states' tensors, `[N, …]` each; the states' own become views of them.

    So a member's state and module stay what they are, and always hold its latest numbers.
    """
    named = [state.named() for state in states]
    together = {}
    for name, first in named[0].items():
        rows = _room(first, len(states))
        for row, of_member in zip(rows.unbind(), named, strict=True):
            own = of_member[name]
            row.copy_(own.detach())
            own.data = row
        together[name] = rows
    return together


# Some kernels take other ways, with other bits, where a tensor does not begin at such an address
# (of so many numbers), as a tensor by itself always does.
_ALIGNED = 64


def _room(tensor: Tensor, members: int) -> Tensor:
    """Memory for so many tensors of this form, each laid out as it is."""
    dense = torch.empty_like(tensor, requires_grad=False)
    strides = (-(-dense.numel() // _ALIGNED) * _ALIGNED, *dense.stride())
    return torch.empty_strided(
        (members, *dense.shape), strides, dtype=dense.dtype, device=dense.device
    )


def apart(states: Sequence[State]) -> None:
    """Give the states' tensors memory of their own again."""
    for state in states:
        for tensor in state.named().values():
            tensor.data = tensor.detach().clone()


def parameter_of(state: State) -> dict[str, int]:
    """Which parameter, by position, a tensor of the state goes with; those of none are left out."""
    known = {name: position for position, name in enumerate(state.names)}
    found = {}
    for name in state.named():
        kind, _, rest = name.partition("/")
        if kind in ("parameter", "average"):
            found[name] = known[rest]
        elif kind == "slot":
            place, slot, index = rest.rsplit("/", 2)
            if place != "shared":
                found[name] = state.groups[int(place)].positions[int(index)]
            elif len(state.shared[slot]) == len(known):
                found[name] = int(index)
    return found
