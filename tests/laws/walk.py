"""An optimiser on parameters of its own, stepped as the program steps it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ranvier.optim import Optimizer, groups_for
from ranvier.optim.descent import Descent

Function = Callable[[list[Tensor]], tuple[Tensor, list[Tensor]]]


class Walk:
    """Parameters θ with all the state that an optimiser keeps of them."""

    def __init__(self, optimizer: Optimizer, theta: list[Tensor]) -> None:
        self.optimizer = optimizer
        self.theta = theta
        named = {f"dense_{i}.{_name(p)}": p for i, p in enumerate(theta)}
        self.groups = groups_for(optimizer, named)
        self.slots = [g.optimizer.slots(g.of(theta)) for g in self.groups]
        self.shared = optimizer.shared_slots(theta)

    def step(self, function: Function, *, rate: float | Tensor | None = None) -> None:
        """One step down `function`, which gives a loss and its gradients at θ."""
        with torch.no_grad():
            loss, gradients = function(self.theta)
            self.optimizer.descend(
                Descent(
                    loss=loss,
                    parameters=self.theta,
                    gradients=gradients,
                    groups=self.groups,
                    slots=self.slots,
                    shared=self.shared,
                    learning_rate=self.optimizer.learning_rate if rate is None else rate,
                    evaluate=lambda: function(self.theta),
                )
            )

    def state(self) -> list[Tensor]:
        """Every tensor besides the parameters, in one order."""
        every = [*self.slots, self.shared]
        return [tensor for slots in every for tensors in slots.values() for tensor in tensors]

    def over(self, tensors: list[Tensor]) -> Walk:
        """The same walk over other tensors: parameters, then state."""
        rest = iter(tensors)
        other = Walk(self.optimizer, [next(rest) for _ in self.theta])
        *other.slots, other.shared = [
            {name: [next(rest) for _ in slot] for name, slot in slots.items()}
            for slots in [*self.slots, self.shared]
        ]
        return other

    def tensors(self) -> list[Tensor]:
        """Parameters, then state."""
        return [*self.theta, *self.state()]


def _name(parameter: Tensor) -> str:
    return "weight" if parameter.ndim > 1 else "bias"


def bowl_around(step: int) -> Function:
    """½·Σ‖θ − c‖², around a place c of its own for each step."""

    def function(theta: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        draw = torch.Generator().manual_seed(100 + step)
        gradients = [
            p.detach() - torch.randn(p.shape, generator=draw, dtype=torch.float64).to(p.dtype)
            for p in theta
        ]
        return torch.stack([0.5 * g.square().sum() for g in gradients]).sum(), gradients

    return function
