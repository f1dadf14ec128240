"""One step down of all parameters of a network, as an optimiser that sees the whole gets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from ranvier.optim.optimizer import Optimizer

Slots = dict[str, list[Tensor]]
Evaluate = Callable[[], tuple[Tensor, list[Tensor]]]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Parameters that move alike: which they are, what moves them, and what holds them back.

    `learning_rate_factor` is what the learning rate of a step is multiplied by for them, and
    `thaws_after` how many epochs they rest before they are trained.
    """

    positions: tuple[int, ...]
    optimizer: Optimizer
    weight_decay: float = 0.0
    learning_rate_factor: float = 1.0
    l1: float = 0.0
    l2: float = 0.0
    orthogonal: float = 0.0
    thaws_after: int = 0

    @property
    def is_penalised(self) -> bool:
        """Whether the size or the shape of these parameters costs anything."""
        return bool(self.l1 or self.l2 or self.orthogonal)

    def of(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """This group's own out of tensors that are aligned with all parameters."""
        return [tensors[position] for position in self.positions]


@dataclass(kw_only=True, slots=True)
class Descent:
    """What one step reads and writes: parameters θ, the loss, its gradients, slots of each group.

    `shared` are the slots that belong to no group. `evaluate` gives the loss and the gradients anew
    at the parameters as they are when it is called, on the rows of this step.
    """

    loss: Tensor
    parameters: list[Tensor]
    gradients: list[Tensor]
    groups: Sequence[Group]
    slots: Sequence[Slots]
    shared: Slots
    learning_rate: float | Tensor
    evaluate: Evaluate

    def by_group(self) -> None:
        """Let each group's own optimiser move it."""
        for group, slots in zip(self.groups, self.slots, strict=True):
            rate = self.learning_rate
            if group.learning_rate_factor != 1:
                rate = rate * group.learning_rate_factor
            group.optimizer.update(
                group.of(self.parameters),
                group.of(self.gradients),
                slots,
                learning_rate=rate,
                weight_decay=group.weight_decay,
            )
