"""Whether one step of a population is the step that its members take alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.step.program import Scalars

# How far the change of a tensor may be from the one alone, as a share of it: a wrong step is far
# beyond, rounding far within.
_SHARE = 0.05
_ROUNDING = 1e-5
# A gradient so much smaller than the largest of its member is what rounding leaves of 0, as of a
# bias before batch normalisation; optimisers that look at signs make full steps of it.
_NOISE = 1e-4


@dataclass(frozen=True)
class Step:
    """What a step leaves: scalars, the state's tensors `[N, …]`, the members' random states."""

    scalars: Scalars
    tensors: Mapping[str, Tensor]
    random: Tensor


def same_bits(came: Step, wanted: Step) -> bool:
    """Whether both steps left the same bits everywhere."""
    pairs = [*zip(came.scalars, wanted.scalars, strict=True), (came.random, wanted.random)]
    pairs += [(tensor, wanted.tensors[name]) for name, tensor in came.tensors.items()]
    return all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


def within_rounding(
    came: Step, wanted: Step, before: Mapping[str, Tensor], parameter_of: Mapping[str, int]
) -> str | None:
    """The first thing that differs by more than rounding explains; None where nothing does.

    `parameter_of` says with which gradient a tensor goes.
    """
    if not torch.equal(came.random, wanted.random):
        return "other random numbers were drawn"
    if not torch.allclose(*_both(came, wanted, 0), rtol=1e-3, atol=1e-5, equal_nan=True):
        return "the losses differ"
    norms, own_NP = (n.double().nan_to_num() for n in _both(came, wanted, 1))
    largest_N1 = own_NP.amax(1, keepdim=True)
    if ((norms - own_NP).abs() > 1e-3 * largest_N1 + 1e-7).any():
        return "the gradients differ"
    is_noise_NP = own_NP <= _NOISE * largest_N1
    for name, tensor in came.tensors.items():
        differs_N = _differs(tensor, wanted.tensors[name], before[name])
        place = parameter_of.get(name)
        if place is not None:
            differs_N &= ~is_noise_NP[:, place]
        if differs_N.any():
            return f"{name} differs for member {int(differs_N.nonzero()[0])}"
    return None


def _both(came: Step, wanted: Step, place: int) -> tuple[Tensor, Tensor]:
    return came.scalars[place], wanted.scalars[place]


def _differs(came: Tensor, wanted: Tensor, before: Tensor) -> Tensor:
    """For each member, whether its tensor changed otherwise than it should have."""
    if not came.is_floating_point():
        return (came != wanted).flatten(1).any(1) if came.ndim > 1 else came != wanted
    rows = [t.double().nan_to_num().reshape(len(t), -1) for t in (came, wanted, before)]
    error_N = torch.linalg.vector_norm(rows[0] - rows[1], dim=1)
    change_N = torch.linalg.vector_norm(rows[1] - rows[2], dim=1)
    size_N = torch.linalg.vector_norm(rows[1], dim=1)
    allowed_N: Tensor = _SHARE * change_N + _ROUNDING * (size_N + 1e-3)
    return error_N > allowed_N
