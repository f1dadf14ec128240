"""Operations on lists of tensors in terms of simple ones, which a compiler can fuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

_aten = torch.ops.aten


class InPieces(fx.Interpreter):
    """Runs a graph with every fused optimiser and every `_foreach` operation taken apart.

    The equations are those of the kernels; the order of their roundings is not.
    """

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        own = _FUSED.get(target)
        if own is not None:
            return own(*args, **kwargs)
        name = target._schema.name if isinstance(target, torch._ops.OpOverload) else ""
        if name.startswith("aten::_foreach_"):
            return _each(name.removeprefix("aten::_foreach_"), args, kwargs)
        return super().call_function(target, args, kwargs)


def _each(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The operation on each tensor of the list that comes first, and each element of others."""
    operation = _SINGLE.get(name) or getattr(_aten, name)
    if name.startswith("addc") and len(args) > 3:
        # The factor has a place there and a name here.
        args, kwargs = args[:3], {"value": args[3]}

    def of(value: Any, index: int) -> Any:
        return value[index] if isinstance(value, list | tuple) else value

    return [
        operation(
            *(of(value, index) for value in args),
            **{name: of(value, index) for name, value in kwargs.items()},
        )
        for index in range(len(args[0]))
    ]


# What a single tensor has under another name, or not in place.
_SINGLE: dict[str, Callable[..., Tensor]] = {
    "norm": lambda tensor, order=2, dtype=None: _aten.linalg_vector_norm(
        tensor, order, dtype=dtype
    ),
    "maximum_": lambda tensor, other: tensor.copy_(_aten.maximum(tensor, other)),
    "minimum_": lambda tensor, other: tensor.copy_(_aten.minimum(tensor, other)),
}


def _adam_(decoupled: bool) -> Callable[..., None]:
    def move(
        parameters: list[Tensor],
        gradients: list[Tensor],
        means: list[Tensor],
        mean_squares: list[Tensor],
        largest: list[Tensor],
        steps: list[Tensor],
        *,
        lr: Tensor,
        beta1: float,
        beta2: float,
        weight_decay: float,
        eps: float,
        amsgrad: bool,
        **unused: Any,
    ) -> None:
        for place, (θ, g, m, v) in enumerate(
            zip(parameters, gradients, means, mean_squares, strict=True)
        ):
            t = steps[place].double()
            if weight_decay and decoupled:
                θ.mul_(1 - lr * weight_decay)
            elif weight_decay:
                g = g.add(θ, alpha=weight_decay)
            m.lerp_(g, 1 - beta1)
            v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            if amsgrad:
                v = largest[place].copy_(torch.maximum(largest[place], v))
            root = v.sqrt() / (1 - beta2**t).sqrt()
            θ.sub_((lr / (1 - beta1**t)) * m / (root + eps))

    return move


def _sgd_(
    parameters: list[Tensor],
    gradients: list[Tensor],
    velocities: list[Tensor],
    *,
    lr: Tensor,
    weight_decay: float,
    momentum: float,
    dampening: float,
    nesterov: bool,
    **unused: Any,
) -> None:
    for place, (θ, g) in enumerate(zip(parameters, gradients, strict=True)):
        if weight_decay:
            g = g.add(θ, alpha=weight_decay)
        if momentum:
            velocity = velocities[place].mul_(momentum).add_(g, alpha=1 - dampening)
            g = g.add(velocity, alpha=momentum) if nesterov else velocity
        θ.sub_(lr * g)


def _adagrad_(
    parameters: list[Tensor],
    gradients: list[Tensor],
    sums: list[Tensor],
    steps: list[Tensor],
    *,
    lr: Tensor,
    lr_decay: float,
    weight_decay: float,
    eps: float,
    **unused: Any,
) -> None:
    for θ, g, total, step in zip(parameters, gradients, sums, steps, strict=True):
        if weight_decay:
            g = g.add(θ, alpha=weight_decay)
        total.addcmul_(g, g)
        rate = lr / (1 + (step.double() - 1) * lr_decay)
        θ.sub_(rate * g / (total.sqrt() + eps))


_FUSED: dict[Any, Callable[..., None]] = {
    _aten._fused_adam_.tensor_lr: _adam_(decoupled=False),
    _aten._fused_adamw_.tensor_lr: _adam_(decoupled=True),
    _aten._fused_sgd_.tensor_lr: _sgd_,
    _aten._fused_adagrad_.tensor_lr: _adagrad_,
}
