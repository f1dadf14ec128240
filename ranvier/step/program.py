"""The update itself: forward, loss, backward, clipping, optimiser, average."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ranvier.losses import Loss, PerMember
from ranvier.optim import Optimizer, clip_by_global_norm_, decay_groups, penalty
from ranvier.step.head import Head
from ranvier.step.state import State, named_trainable


class Batch(NamedTuple):
    """Rows that one update sees: inputs `[B, …]`, targets `[B]`, weights `[B]` or None."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None = None


class Scalars(NamedTuple):
    """What one update says of itself, still on the device: loss `[]`, gradient norms `[P]`."""

    loss: Tensor
    gradient_norms: Tensor


@dataclass(frozen=True, kw_only=True)
class Program:
    """One step of gradient descent on a network's parameters θ:

        L(θ) = Σ_b w_b ℓ(f_θ(x_b), y_b) / Σ_b w_b + l1 Σ|θ| + ½ l2 Σθ²
        g    = ∂L/∂θ · min(1, clip_norm / ‖∂L/∂θ‖)
        θ    ← optimizer(θ, g)
        θ̄    ← average_decay θ̄ + (1 − average_decay) θ

    Weight decay and penalties touch weights, not biases or the scales of normalisation.
    A clip_norm of 0 clips nothing; an average_decay of 0 keeps no average.
    """

    module: nn.Module
    head: Head
    loss: Loss
    optimizer: Optimizer
    clip_norm: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    average_decay: float = 0.0

    def first_state(self, device: torch.device) -> State:
        """The state before the first update: the module's own tensors, empty slots."""
        named = named_trainable(self.module)
        parameters: list[Tensor] = list(named.values())
        groups = self._groups(named)
        return State(
            names=tuple(named),
            parameters=parameters,
            buffers=dict(self.module.named_buffers()),
            groups=groups,
            slots=[self.optimizer.slots([parameters[i] for i in group]) for group in groups],
            average=[p.detach().clone() for p in parameters] if self.average_decay else None,
            device=device,
        )

    def _groups(self, named: dict[str, nn.Parameter]) -> tuple[list[int], ...]:
        """What decays and what does not; one group, so one kernel call, where nothing decays."""
        if not (self.optimizer.weight_decay or self.l1 or self.l2):
            return (list(range(len(named))),)
        return decay_groups(named.items())

    def update(
        self,
        forward: Callable[[Tensor], Tensor],
        state: State,
        batch: Batch,
        learning_rate: float | Tensor,
    ) -> tuple[Scalars, list[Tensor]]:
        """Write the next state into `state`'s own tensors; scalars and raw gradients come back.

        `forward` is the network as the executor runs it, on `state.parameters`.
        """
        prediction = self.head.for_loss(forward(batch.inputs))
        loss = self._per_row_loss(prediction, batch.targets, batch.weights)
        objective = loss
        if self.l1 or self.l2:
            decayed = [state.parameters[i] for i in state.groups[0]]
            objective = loss + penalty(decayed, l1=self.l1, l2=self.l2)
        gradients = list(
            torch.autograd.grad(
                objective, state.parameters, allow_unused=True, materialize_grads=True
            )
        )
        with torch.no_grad():
            norms_P = torch.stack(torch._foreach_norm(gradients))
            scalars = Scalars(loss.detach(), norms_P)
            if self.clip_norm:
                norm = torch.linalg.vector_norm(norms_P)
                clip_by_global_norm_(gradients, self.clip_norm, norm=norm)
            self._descend(state, gradients, learning_rate)
            if state.average is not None:
                torch._foreach_lerp_(state.average, state.parameters, 1 - self.average_decay)
        return scalars, gradients

    def _descend(
        self, state: State, gradients: list[Tensor], learning_rate: float | Tensor
    ) -> None:
        decay = self.optimizer.weight_decay
        for group, slots in zip(state.groups, state.slots, strict=True):
            self.optimizer.update(
                [state.parameters[i] for i in group],
                [gradients[i] for i in group],
                slots,
                learning_rate=learning_rate,
                weight_decay=decay,
            )
            decay = 0.0

    def _per_row_loss(self, prediction: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        loss = self.loss if self.head.members is None else PerMember(self.loss)
        return loss(prediction, targets, weights)
