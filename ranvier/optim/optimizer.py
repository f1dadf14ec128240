"""What every optimiser is: settings, fresh state, and an update in place.

An optimiser holds no parameter and no state. The caller keeps the state in slots, lists of tensors
aligned with its list of parameters, so state is saved, restored and captured like any tensor. The
symbols of the equations: θ parameter, g gradient, η learning rate, λ weight decay, t step (the
first is 1).

Most members say how a list of parameters moves (`_move`). A few need more, and say so:
`members`, where different parameters move by different rules; `descend` with `shared_slots`, where
the step looks at all parameters at once or evaluates the loss again; `answer`, where the weights to
predict with are not those that are trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ranvier.core.kinds import check_ranges, to_document
from ranvier.core.registry import Registry
from ranvier.optim.descent import Descent, Slots


@dataclass(frozen=True)
class Optimizer:
    """How parameters move, given their gradients.

    `learning_rate` and `weight_decay` are what the user asked for. `update` is told the values of
    this step instead: a schedule scales the one, and a group of parameters may be spared the other.

    `capturable` is false where numbers read from tensors decide what a step does next.
    `answer` names the slot that holds the weights to predict with; None where they are θ itself.
    `moves_all_alike` is true where parameters cannot have learning rates of their own.
    """

    learning_rate: float = 1e-3
    _: KW_ONLY
    weight_decay: float = 0.0

    kind: ClassVar[str]
    capturable: ClassVar[bool] = True
    answer: ClassVar[str | None] = None
    moves_all_alike: ClassVar[bool] = False

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
        """Fresh state for `parameters`: for every slot, one tensor of its own per parameter.

        A parameter that has no use for a slot has a tensor of no elements there.
        """
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

    def members(self, named: Mapping[str, Tensor]) -> list[tuple[Optimizer, list[int]]]:
        """Which optimiser moves which of the named parameters, by position; itself, all of them."""
        return [(self, list(range(len(named))))]

    def shared_slots(self, parameters: list[Tensor]) -> Slots:
        """Fresh state that belongs to all parameters together, none for most."""
        return {}

    def descend(self, descent: Descent) -> None:
        """One whole step, in place, under `no_grad`."""
        descent.by_group()

    def shared_answer(self, shared: Slots) -> list[Tensor] | None:
        """The shared slot that holds the weights to predict with, if this optimiser has one."""
        return None

    def to_json(self) -> dict[str, Any]:
        """The optimiser as `{kind, options}`; `optimizer_from` reads it back."""
        return to_document(self)


OPTIMIZERS: Registry[type[Optimizer]] = Registry("optimizer")


def _laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    # The fused kernels walk the memory of all their lists in step and check no strides: an expanded
    # or transposed gradient, as autograd may give, would be read wrongly and past its end.
    return torch.empty_like(parameter, requires_grad=False).copy_(gradient)
