"""The loop: what is cleared, moved, detached, summed, for how long (rows 15 to 17, 43, 46, 49)."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.doctor.faults.fault import fault, has_any, with_model, with_optimizer
from benchmarks.doctor.faults.rates import times_rate
from benchmarks.doctor.program import Loss, Program

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@fault(16, "optimizer", is_structural=True, needs_rows=False)
def gradients_never_cleared(program: Program) -> Program:
    return replace(program, clears=False)


@fault(15, "optimizer", is_structural=True, needs_rows=False)
def gradients_cleared_before_the_update(program: Program) -> Program:
    return replace(program, clears_late=True)


@fault(15, "optimizer", is_structural=True, needs_rows=False)
def no_update_is_made(program: Program) -> Program:
    return replace(program, updates=False)


@fault(15, "optimizer", is_structural=True, needs_rows=False)
def optimizer_of_another_network(program: Program) -> Program:
    def optimizer(parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        return program.optimizer(program.model().parameters())

    return replace(program, optimizer=optimizer)


def _is_deep(program: Program) -> bool:
    return len([p for p in program.model().parameters() if p.ndim > 1]) > 1


@fault(15, "optimizer", "architecture", is_structural=True, needs_rows=False)
def only_the_head_in_the_optimizer(program: Program) -> Program | None:
    if not _is_deep(program):
        return None

    def optimizer(parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        return program.optimizer(list(parameters)[-2:])

    return replace(program, optimizer=optimizer)


@fault(15, "optimizer", "architecture", is_structural=True, needs_rows=False)
def first_layers_frozen(program: Program) -> Program | None:
    if not _is_deep(program):
        return None

    def adjust(model: nn.Module) -> None:
        program.adjust(model)
        for parameter in list(model.parameters())[:-2]:
            parameter.requires_grad_(False)

    return replace(program, adjust=adjust)


class Listed(nn.Module):
    """All layers but the last in a plain list, where torch does not see them."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.hidden = layers[:-1]
        self.head = layers[-1]

    def forward(self, x: Tensor) -> Any:
        for layer in self.hidden:
            x = layer(x)
        return self.head(x)


class Cut(nn.Sequential):
    """What comes before the last layer is detached."""

    def forward(self, x: Tensor) -> Any:
        for layer in list(self)[:-1]:
            x = layer(x)
        return self[-1](x.detach())


class CutByNumbers(nn.Sequential):
    """What comes before the last layer is made anew from its numbers, under no_grad."""

    def forward(self, x: Tensor) -> Any:
        with torch.no_grad():
            for layer in list(self)[:-1]:
                x = layer(x)
        return self[-1](x)


def _is_sequence(program: Program) -> bool:
    model = program.model()
    return isinstance(model, nn.Sequential) and isinstance(model[-1], nn.Linear) and len(model) > 2


@fault(15, "optimizer", "architecture", is_structural=True)
def layers_in_a_plain_list(program: Program) -> Program | None:
    if not _is_sequence(program):
        return None
    return with_model(program, lambda model: Listed(list(model.children())))


@fault(15, "architecture", "optimizer", is_structural=True, needs_rows=False)
def detached_before_the_head(program: Program) -> Program | None:
    if not _is_sequence(program):
        return None
    return with_model(program, lambda model: Cut(*model.children()))


@fault(15, "architecture", "optimizer", is_structural=True, needs_rows=False)
def no_gradients_before_the_head(program: Program) -> Program | None:
    if not _is_sequence(program):
        return None
    return with_model(program, lambda model: CutByNumbers(*model.children()))


@fault(17, "loss", "optimizer", is_structural=True)
def loss_with_a_minus(program: Program) -> Program:
    return replace(program, loss=lambda outputs, targets: -program.loss(outputs, targets))


@fault(17, "loss", "optimizer", is_structural=True, needs_rows=False)
def optimizer_that_maximises(program: Program) -> Program:
    return with_optimizer(program, lambda _, group: group.update(maximize=True))


@fault(43, "epochs", needs_rows=False)
def a_twentieth_of_the_epochs(program: Program) -> Program | None:
    if program.epochs < 10:
        return None
    return replace(program, epochs=max(1, program.epochs // 20))


@fault(43, "epochs", needs_rows=False)
def two_epochs(program: Program) -> Program | None:
    return replace(program, epochs=2) if program.epochs > 5 else None


@fault(43, "epochs", "learning_rate", needs_rows=False)
def two_epochs_at_a_tenth_of_the_rate(program: Program) -> Program:
    return replace(times_rate(program, 0.1), epochs=2)


def _has_modes(program: Program) -> bool:
    """Whether the network does anything else in training than in evaluation."""
    active = [m for m in program.model().modules() if isinstance(m, nn.Dropout) and m.p > 0]
    return bool(active) or has_any(program, *NORMS)


@fault(46, "architecture", "regularisation", is_structural=True, needs_rows=False)
def never_in_training_mode(program: Program) -> Program | None:
    return replace(program, is_training=False) if _has_modes(program) else None


@fault(46, "architecture", "regularisation", is_structural=True)
def evaluated_in_training_mode(program: Program) -> Program | None:
    if not _has_modes(program) or not program.gives_validation:
        return None
    return replace(program, gives_scores=True, is_evaluating=False)


@fault(46, "architecture", "regularisation")
def batch_norm_with_a_momentum_of_a_thousandth(program: Program) -> Program | None:
    if not has_any(program, *NORMS):
        return None

    def adjust(model: nn.Module) -> None:
        program.adjust(model)
        for module in model.modules():
            if isinstance(module, NORMS):
                module.momentum = 1e-3

    return replace(program, adjust=adjust)


def summed(loss: Loss) -> Loss:
    """The loss summed over rows instead of their mean."""
    if isinstance(loss, nn.Module) and hasattr(loss, "reduction"):
        twin = copy.deepcopy(loss)
        twin.reduction = "sum"
        return twin
    return lambda outputs, targets: loss(outputs, targets) * targets.numel()


@fault(49, "loss", "learning_rate")
def loss_summed(program: Program) -> Program:
    return replace(program, loss=summed(program.loss))


@fault(49, "loss", "learning_rate")
def loss_summed_over_the_whole_table(program: Program) -> Program:
    """The sum over a batch as large as all rows, at the old rate."""
    return replace(program, loss=summed(program.loss), batch_size=10_000, accumulates=1)
