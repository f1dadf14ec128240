"""Fused optimisers for members that differ in learning rate and weight decay.

A fused kernel takes one learning rate for all. But what it adds to θ is η times a direction that
depends on neither: with η = 1 and zeros in the place of θ it gives the direction, once for all.

N members.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload, OpOverloadPacket

from ranvier.step.population.listening import PerMember
from ranvier.step.population.stacking import Call, Stacked

_aten = torch.ops.aten
_PACKETS: tuple[OpOverloadPacket, ...] = (
    _aten._fused_adam_,
    _aten._fused_adamw_,
    _aten._fused_sgd_,
    _aten._fused_adagrad_,
)
FUSED: dict[OpOverload, OpOverloadPacket] = {
    getattr(packet, overload): packet
    for packet in _PACKETS
    for overload in packet.overloads()
    if not overload.endswith("out")
}
_RATES = ("lr", "weight_decay")


def moved_together(call: Call) -> Any:
    """All members in one call of the kernel, each with its own η and λ.

    u ← the kernel's step from 0 at η = 1, λ = 0        on g + λ·θ, where λ goes into g
    θ ← θ·(1 − η·λ)                                     where it does not
    θ ← θ + η·u
    """
    names = [argument.name for argument in call.operation._schema.arguments]
    if any(isinstance(call[name], PerMember) for name in names if name not in _RATES):
        return NotImplemented
    parameters = [rows.tensor for rows in call["self"]]
    if not all(isinstance(rows, Stacked) for rows in call["grads"]):
        return NotImplemented
    gradients = [rows.tensor for rows in call["grads"]]
    # The kernels read one counter per tensor; members are counted alike.
    lists = [
        [rows.tensor[0] if name == "state_steps" else rows.tensor for rows in call[name]]
        for name in names[2 : _first_number(call)]
    ]
    settings = {name: call[name] for name in names[_first_number(call) :]}
    if not any(isinstance(settings[name], Stacked | PerMember) for name in _RATES):
        _run(call.operation, [parameters, gradients, *lists], settings)
    else:
        _move(call, parameters, gradients, lists, settings)
    return ()


def _move(
    call: Call,
    parameters: list[Tensor],
    gradients: list[Tensor],
    lists: list[list[Tensor]],
    settings: dict[str, Any],
) -> None:
    packet = FUSED[call.operation]
    like = parameters[0]
    rate_N, decay_N = (_of_each(settings[name], call, like) for name in _RATES)
    decays = isinstance(settings["weight_decay"], PerMember) or settings["weight_decay"] != 0
    if decays and packet is not _aten._fused_adamw_:
        gradients = [
            torch.addcmul(gradient, parameter, _beside(decay_N, parameter))
            for gradient, parameter in zip(gradients, parameters, strict=True)
        ]
    directions = [
        torch.zeros_like(parameter, memory_format=torch.contiguous_format)
        for parameter in parameters
    ]
    alone = {**settings, "lr": 1.0, "weight_decay": 0.0}
    _run(packet.default, [directions, gradients, *lists], alone)
    for parameter, direction in zip(parameters, directions, strict=True):
        if decays and packet is _aten._fused_adamw_:
            parameter.mul_(_beside(1 - rate_N * decay_N, parameter))
        parameter.addcmul_(direction, _beside(rate_N, parameter))


# The kernels work on vectors, and on what is left at the end of a tensor number by number, where
# the compiler contracts sums and products otherwise. So that a member's bits do not hang on how
# many others there are, nothing is left at the end; no processor's vector holds more than this.
_VECTOR = 64
_GRADIENTS = 1


def _run(kernel: OpOverload, lists: list[list[Tensor]], settings: dict[str, Any]) -> None:
    """The kernel on tensors that are whole vectors; others are copied into such, and back."""
    whole = [[_whole(tensor) for tensor in tensors] for tensors in lists]
    kernel(*whole, **settings)
    for place, (tensors, used) in enumerate(zip(lists, whole, strict=True)):
        for tensor, other in zip(tensors, used, strict=True):
            if other is not tensor and place != _GRADIENTS:
                tensor.copy_(other[: tensor.numel()].view(tensor.shape))


def _whole(tensor: Tensor) -> Tensor:
    missing = -tensor.numel() % _VECTOR if tensor.ndim else 0
    # The kernels walk the memory of all their lists in step and check no strides.
    if tensor.is_contiguous() and not missing:
        return tensor
    return torch.nn.functional.pad(tensor.reshape(-1), (0, missing))


def _first_number(call: Call) -> int:
    """The place of the first argument that is no list of tensors."""
    arguments = call.operation._schema.arguments
    return next(i for i, argument in enumerate(arguments) if argument.kwarg_only)


def _of_each(value: Any, call: Call, like: Tensor) -> Tensor:
    """A setting of each member, [N], in double precision as the kernels hold it."""
    if isinstance(value, Stacked):
        return value.tensor.double()
    if isinstance(value, Tensor):
        return value.double().expand(call.members)
    values = value.values if isinstance(value, PerMember) else (value,) * call.members
    return torch.tensor(values, dtype=torch.float64, device=like.device)


def _beside(values_N: Tensor, rows: Tensor) -> Tensor:
    """In a shape and a precision that multiply `[N, …]`."""
    return values_N.to(rows.dtype).view(-1, *([1] * (rows.ndim - 1)))
