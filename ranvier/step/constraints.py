"""Weights brought back to where their layers want them, after an update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call


class Constraints(nn.Module):
    """Every module of a network that has a `constrain_` and does not rest, called once an update.

    >>> class Positive(nn.Linear):
    ...     def constrain_(self):
    ...         self.weight.clamp_(min=0)
    >>> import torch
    >>> network, (weight,) = Positive(1, 1, bias=False), [torch.tensor([[-2.0]])]
    >>> Constraints(network).apply_to({"weight": weight})
    >>> weight
    tensor([[0.]])
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self._constrained: tuple[Any, ...] = tuple(
            m for m in module.modules() if hasattr(m, "constrain_")
        )

    def __len__(self) -> int:
        return len(self._constrained)

    def apply_to(self, named: Mapping[str, Tensor]) -> None:
        """Constrain the tensors in `named`, in place, in the parameters' stead."""
        # A call as of the network itself: whoever runs an update may hold the parameters elsewhere.
        functional_call(self, {f"module.{name}": tensor for name, tensor in named.items()}, ())

    def forward(self) -> None:
        for module in self._constrained:
            if module.training:  # what rests is in evaluation
                module.constrain_()
