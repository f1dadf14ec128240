"""The update itself: forward, loss, backward, clipping, optimiser, constraints, average."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ranvier.core.errors import ConfigError
from ranvier.losses import Loss
from ranvier.optim import (
    Optimizer,
    clip_adaptively_,
    clip_by_global_norm_,
    clip_by_norm_,
    clip_by_value_,
    freeze,
    groups_for,
)
from ranvier.optim.descent import Descent, Group
from ranvier.optim.groups import GroupSettings
from ranvier.step.average import AVERAGED, decay_average_, equal_average_
from ranvier.step.constraints import Constraints
from ranvier.step.head import Head
from ranvier.step.mixing import Mixing
from ranvier.step.objective import Batch, Evaluation, Forward, Objective
from ranvier.step.reading import require_labels
from ranvier.step.state import State, named_frozen, named_trainable
from ranvier.step.variants import Variant, varied


class Scalars(NamedTuple):
    """What one update says of itself, still on the device: loss `[]`, gradient norms `[P]`."""

    loss: Tensor
    gradient_norms: Tensor


@dataclass(frozen=True, kw_only=True)
class Program:
    """One step of gradient descent on a network's parameters θ:

        J(θ) = Σ_b w_b ℓ(f_θ(x_b), y_b) / Σ_b w_b + l1 Σ|θ| + ½ l2 Σθ² + orthogonal Σ‖WWᵀ − I‖²
               + what layers add
        g    = ∂J/∂θ, clipped
        θ    ← optimizer(θ, g), then constrained by the layers that do so
        θ̄    ← average_decay θ̄ + (1 − average_decay) θ, or the mean of θ since `average_after`

    Weight decay and penalties touch weights, not biases or the scales of normalisation, but for
    what `patterns` of parameter names say. A gradient is clipped in one way at most: to a norm of
    `clip_norm` over all parameters, of `clip_each_norm` over each, to elements within `clip_value`,
    or to a norm of `clip_adaptive` times that of the unit's weights; 0 clips nothing. The rows go
    through the network in `accumulate` parts. An `average_decay` of 0 with no `average_after`
    keeps no average. Parameters that require no gradient stay out of all of it; those that a
    pattern lets rest for some epochs have a place in the state from the start and nothing moves
    them until they thaw. The network runs as `variant` says. With `mixup` or `cutmix` above 0 the
    rows are mixed with each other first (`Mixing`), and the loss is that of mixed rows.
    """

    module: nn.Module
    head: Head
    loss: Loss
    optimizer: Optimizer
    accumulate: int = 1
    clip_norm: float = 0.0
    clip_each_norm: float = 0.0
    clip_value: float = 0.0
    clip_adaptive: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    orthogonal: float = 0.0
    patterns: Mapping[str, GroupSettings] = field(default_factory=dict)
    average_decay: float = 0.0
    average_after: int | None = None
    variant: Variant = field(default_factory=Variant)
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        ways = ("clip_norm", "clip_each_norm", "clip_value", "clip_adaptive")
        self._refuse_more_than_one("ways to clip", ways)
        self._refuse_more_than_one("averages", ("average_decay", "average_after"))
        require_labels(self.head.task, self.loss)
        self.mixing.require_fit(self.loss, self.head)

    def wake(self, epoch: int | None = None) -> None:
        """Put the network into training but for what rests in this epoch, the first of which is 0.

        Without an epoch all that will thaw has thawed.
        """
        freeze(self.module, self.patterns, epoch=epoch)

    def _refuse_more_than_one(self, what: str, names: tuple[str, ...]) -> None:
        given = [f"{n}={getattr(self, n)}" for n in names if getattr(self, n) not in (0, None)]
        if len(given) > 1:
            raise ConfigError(
                f"got {len(given)} {what}: {', '.join(given)}; expected one. Keep one of them."
            )

    def first_state(self, device: torch.device) -> State:
        """The state before the first update: the module's own tensors, empty slots.

        Raises:
            ConfigError: settings that do not go together.
        """
        named = named_trainable(self.module)
        parameters: list[Tensor] = list(named.values())
        groups = self.groups(named)
        state = State(
            names=tuple(named),
            parameters=parameters,
            buffers=dict(self.module.named_buffers()),
            groups=groups,
            slots=[group.optimizer.slots(group.of(parameters)) for group in groups],
            average=[p.detach().clone() for p in parameters] if self._averages else None,
            device=device,
            shared=self.optimizer.shared_slots(parameters),
            frozen=dict(named_frozen(self.module)),
        )
        if self.average_after is not None:
            state.shared[AVERAGED] = [torch.zeros((), device=device)]
        state.answer = self._answer(state)
        return state

    def groups(self, named: Mapping[str, Tensor]) -> tuple[Group, ...]:
        """The named parameters in groups that move alike.

        Raises:
            ConfigError: settings that do not go together, or nothing left to train.
        """
        if not named:
            raise ConfigError("no parameter is left to train: all are frozen. Free some of them.")
        groups = groups_for(
            self.optimizer,
            named,
            l1=self.l1,
            l2=self.l2,
            orthogonal=self.orthogonal,
            patterns=self.patterns,
        )
        if all(group.thaws_after for group in groups):
            raise ConfigError(
                "parameter_groups: no parameter is trained in the first epoch: thaws_after is not "
                "0 for any of them. Let the last layer be trained from the start."
            )
        own = next((g.optimizer.kind for g in groups if g.optimizer.answer is not None), None)
        if own is not None and self._averages:
            raise ConfigError(
                f"{own} keeps an average of its own to predict with; got average_decay="
                f"{self.average_decay:g}, average_after={self.average_after}. Leave both out."
            )
        return groups

    @property
    def _averages(self) -> bool:
        return bool(self.average_decay) or self.average_after is not None

    def _answer(self, state: State) -> list[Tensor] | None:
        """The tensors of the state that predict, where they are not the parameters."""
        if state.average is not None:
            return state.average
        shared = self.optimizer.shared_answer(state.shared)
        if shared is not None:
            return shared
        answer = list(state.parameters)
        for group, slots in zip(state.groups, state.slots, strict=True):
            if group.optimizer.answer is not None:
                for position, tensor in zip(
                    group.positions, slots[group.optimizer.answer], strict=True
                ):
                    answer[position] = tensor
        is_own = all(a is p for a, p in zip(answer, state.parameters, strict=True))
        return None if is_own else answer

    def update(
        self, forward: Forward, state: State, batch: Batch, learning_rate: float | Tensor
    ) -> tuple[Scalars, list[Tensor]]:
        """Write the next state into `state`'s own tensors; scalars and gradients come back.

        `forward` is the network as the executor runs it, on `state.parameters`.
        """
        forward = varied(forward, self.variant)
        batch = self.mixing(batch, self.head)
        evaluation = self._objective.differentiate(forward, state, batch)
        with torch.no_grad():
            gradients, norms_P = self._clipped(evaluation.gradients, state)
            awake = state.awake
            self.optimizer.descend(
                Descent(
                    loss=evaluation.objective,
                    parameters=state.parameters,
                    gradients=gradients,
                    groups=[group for group, _ in awake],
                    slots=[slots for _, slots in awake],
                    shared=state.shared,
                    learning_rate=learning_rate,
                    evaluate=lambda: self._evaluate_aside(forward, state, batch),
                )
            )
            if len(self._constraints):
                named = dict(zip(state.names, state.parameters, strict=True))
                self._constraints.apply_to(named)
            if self.average_decay:
                decay_average_(state, self.average_decay)
            elif self.average_after is not None:
                equal_average_(state, self.average_after)
        return Scalars(evaluation.loss, norms_P), gradients

    @cached_property
    def mixing(self) -> Mixing:
        """How rows are mixed before an update sees them, if at all."""
        return Mixing(self.mixup, self.cutmix)

    @cached_property
    def _objective(self) -> Objective:
        return Objective(self.head, self.loss, self.accumulate)

    @cached_property
    def _constraints(self) -> Constraints:
        return Constraints(self.module)

    def _clipped(self, gradients: list[Tensor], state: State) -> tuple[list[Tensor], Tensor]:
        """Clipped gradients, and the norms that they had: of all parameters, 0 for what rests."""
        norms = torch._foreach_norm(gradients)
        self._clip_(gradients, state.of_awake(state.parameters), torch.stack(norms))
        of_awake = zip(gradients, norms, strict=True)
        pairs = [
            next(of_awake)
            if parameter.requires_grad
            else (torch.zeros_like(parameter), parameter.new_zeros(()))
            for parameter in state.parameters
        ]
        return [gradient for gradient, _ in pairs], torch.stack([norm for _, norm in pairs])

    def _clip_(self, gradients: list[Tensor], parameters: list[Tensor], norms: Tensor) -> None:
        if self.clip_norm:
            norm = torch.linalg.vector_norm(norms)
            clip_by_global_norm_(gradients, self.clip_norm, norm=norm)
        elif self.clip_each_norm:
            clip_by_norm_(gradients, self.clip_each_norm, each=norms)
        elif self.clip_value:
            clip_by_value_(gradients, self.clip_value)
        elif self.clip_adaptive:
            clip_adaptively_(gradients, parameters, self.clip_adaptive)

    def _evaluate_aside(
        self, forward: Forward, state: State, batch: Batch
    ) -> tuple[Tensor, list[Tensor]]:
        """The objective and its clipped gradients once more, wherever the parameters are now.

        Running statistics are left as the first look at the rows left them.
        """
        buffers = {name: buffer.clone() for name, buffer in state.buffers.items()}
        with torch.enable_grad():
            evaluation: Evaluation = self._objective.differentiate(forward, state, batch)
        for name, buffer in state.buffers.items():
            buffer.copy_(buffers[name])
        return evaluation.objective, self._clipped(evaluation.gradients, state)[0]
