"""What every optimiser is: settings, fresh state, and an update in place.

An optimiser holds no parameter and no state. The caller keeps the state in slots, lists of tensors
aligned with its list of parameters, so state is saved, restored and captured like any tensor. The
symbols of the equations: θ parameter, g gradient, η learning rate, λ weight decay, t step.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ranvier.core.kinds import check_ranges, to_document
from ranvier.core.registry import Registry

Slots = dict[str, list[Tensor]]


@dataclass(frozen=True)
class Optimizer:
    """How parameters move, given their gradients.

    `learning_rate` and `weight_decay` are what the user asked for. `update` is told the values of
    this step instead: a schedule scales the one, and a group of parameters may be spared the other.
    """

    learning_rate: float = 1e-3
    _: KW_ONLY
    weight_decay: float = 0.0

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        ranges = {
            "learning_rate": (self.learning_rate >= 0, "a number of at least 0"),
            "weight_decay": (self.weight_decay >= 0, "a number of at least 0"),
        }
        check_ranges(self, **ranges, **self._ranges())

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        """What the options of a member must hold, by name: (holds, what was wanted)."""
        return {}

    def slots(self, parameters: list[Tensor]) -> Slots:
        """Fresh state for `parameters`: for every slot, one tensor of its own per parameter."""
        raise NotImplementedError

    def update(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        *,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        """Move `parameters` and advance `slots`, in place; the gradients are left as they came.

        The lists are aligned, of one device and one dtype, and a slot has its parameter's memory
        layout (restore a saved one with `copy_`). A tensor as learning rate has no dimensions and
        lies on that device, so a captured step reads a new value at every replay.
        """
        if not parameters:
            return
        with torch.no_grad():
            gradients = [
                gradient
                if gradient.stride() == parameter.stride()
                else _laid_out(gradient, parameter)
                for gradient, parameter in zip(gradients, parameters, strict=True)
            ]
            self._move(parameters, gradients, slots, learning_rate, weight_decay)

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        """The member's own equations, on gradients laid out as their parameters are."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """The optimiser as `{kind, options}`; `optimizer_from` reads it back."""
        return to_document(self)


OPTIMIZERS: Registry[type[Optimizer]] = Registry("optimizer")


def zeros_like_each(parameters: list[Tensor]) -> list[Tensor]:
    """A zero tensor of its own for each parameter, in the parameter's memory layout."""
    return [torch.zeros_like(parameter, requires_grad=False) for parameter in parameters]


def _laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    # The fused kernels walk the memory of all their lists in step and check no strides: an expanded
    # or transposed gradient, as autograd may give, would be read wrongly and past its end.
    return torch.empty_like(parameter, requires_grad=False).copy_(gradient)
