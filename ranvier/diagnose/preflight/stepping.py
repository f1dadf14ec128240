"""An optimiser of ours with the few handles by which torch's are held."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ranvier.optim import Optimizer


class Stepping:
    """Moves parameters as `optimizer` does, with `zero_grad`, `step` and `param_groups`.

    What belongs to one update of a whole program, clipping, penalties, averages, is left out.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        parameters: Iterable[Tensor],
        *,
        learning_rate: float,
        weight_decay: float,
    ) -> None:
        self.optimizer = optimizer
        self.parameters = list(parameters)
        self.slots = optimizer.slots(self.parameters)
        self.param_groups: list[dict[str, Any]] = [
            {"params": self.parameters, "lr": learning_rate, "weight_decay": weight_decay}
        ]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """One update down the gradient of what the closure computes, which comes back."""
        value = closure()
        group = self.param_groups[0]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        with torch.no_grad():
            self.optimizer.update(
                self.parameters,
                gradients,
                self.slots,
                learning_rate=group["lr"],
                weight_decay=group["weight_decay"],
            )
        return value
