"""What an update makes small, and its gradient: of all rows at once, or of a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from ranvier.losses import Loss, PerMember
from ranvier.nn.penalties import collected_penalties
from ranvier.optim import penalty_of_groups
from ranvier.step.head import Head
from ranvier.step.state import State

Forward = Callable[[Tensor], Tensor]


class Batch(NamedTuple):
    """Rows that one update sees: inputs `[B, …]`, targets `[B]`, weights `[B]` or None."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None = None

    def part(self, first: int, last: int) -> Batch:
        """The rows from `first` up to `last`, in the same memory."""
        inputs, targets, weights = self
        here = slice(first, last)
        return Batch(inputs[here], targets[here], None if weights is None else weights[here])


class Evaluation(NamedTuple):
    """The loss and the whole objective, detached scalars, and the objective's gradients.

    There are gradients of the parameters that are trained now, none of those that rest.
    """

    loss: Tensor
    objective: Tensor
    gradients: list[Tensor]


@dataclass(frozen=True)
class Objective:
    """The loss of the rows, what the weights cost, and what layers add while they run.

        J(θ) = Σ_b w_b ℓ(f_θ(x_b), y_b) / Σ_b w_b + penalties(θ) + Σ added terms

    With `parts` above 1 the rows go through the network in so many parts of nearly equal size: the
    same gradient, as J is a sum over rows, in the memory of one part. A layer that looks at its
    whole batch, such as batch normalisation, sees a part; a term that a layer adds counts as much
    as the rows of its part weigh.
    """

    head: Head
    loss: Loss
    parts: int = 1

    def differentiate(self, forward: Forward, state: State, batch: Batch) -> Evaluation:
        """J and ∂J/∂θ at `state.parameters`, one tensor for each that does not rest."""
        if self.parts > 1:
            # A part of one row would have no variance for batch normalisation to divide by.
            parts = min(self.parts, len(batch.targets) // 2)
            if parts > 1:
                return self._in_parts(forward, state, batch, parts)
        with collected_penalties() as terms:
            prediction = self.head.for_loss(forward(batch.inputs))
        loss = objective = self._loss(prediction, batch.targets, batch.weights)
        for term in self._added(terms, state):
            objective = objective + term
        gradients = _gradients(objective, state)
        value = loss.detach()
        return Evaluation(value, value if objective is loss else objective.detach(), gradients)

    def _in_parts(self, forward: Forward, state: State, batch: Batch, parts: int) -> Evaluation:
        """Σ_k (S_k + W_k·(added terms of part k)) / Σ_k W_k, S and W the sums of w·ℓ and of w."""
        gradients: list[Tensor] = []
        sums = []
        for part in _parts(batch, parts):
            with collected_penalties() as terms:
                prediction = self.head.for_loss(forward(part.inputs))
            total, weight = self._loss.sums(prediction, part.targets, part.weights)
            objective = total
            for term in self._added(terms, state):
                objective = objective + weight.detach() * term
            of_part = _gradients(objective, state)
            if gradients:
                torch._foreach_add_(gradients, of_part)
            else:
                gradients = of_part
            sums.append(torch.stack([total.detach(), objective.detach(), weight.detach()]))
        loss, objective, weight = torch.stack(sums).sum(0).unbind()
        # Rows that weigh nothing give a loss of 0, as the loss itself has it.
        weight = torch.where(weight > 0, weight, torch.ones_like(weight))
        torch._foreach_div_(gradients, weight)
        return Evaluation(loss / weight, objective / weight, gradients)

    @cached_property
    def _loss(self) -> Loss:
        return self.loss if self.head.members is None else PerMember(self.loss)

    def _added(self, terms: list[Tensor], state: State) -> list[Tensor]:
        cost = penalty_of_groups(state.groups, state.parameters)
        return terms if cost is None else [cost, *terms]


def _gradients(objective: Tensor, state: State) -> list[Tensor]:
    awake = state.of_awake(state.parameters)
    return list(torch.autograd.grad(objective, awake, allow_unused=True, materialize_grads=True))


def _parts(batch: Batch, parts: int) -> Iterator[Batch]:
    """The rows of a batch in parts whose sizes differ by one at most."""
    inputs, targets = batch.inputs.tensor_split(parts), batch.targets.tensor_split(parts)
    weights = [None] * parts if batch.weights is None else batch.weights.tensor_split(parts)
    yield from map(Batch, inputs, targets, weights)
