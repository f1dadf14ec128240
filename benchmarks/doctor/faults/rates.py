"""Learning rates, and what else an optimiser is told (rows 6 to 10, 19, 21)."""

from __future__ import annotations

from dataclasses import replace

import torch

from benchmarks.doctor.faults.fault import fault, has_any, with_optimizer
from benchmarks.doctor.program import Program


def at_rate(program: Program, rate: float) -> Program:
    """The program at this learning rate."""
    return with_optimizer(program, lambda _, group: group.update(lr=rate))


def times_rate(program: Program, factor: float) -> Program:
    """The program at its learning rate times this."""
    return with_optimizer(program, lambda _, group: group.update(lr=factor * group["lr"]))


@fault(6, "learning_rate", needs_rows=False)
def rate_of_one(program: Program) -> Program:
    return at_rate(program, 1.0)


@fault(6, "learning_rate", needs_rows=False)
def rate_of_ten(program: Program) -> Program:
    return at_rate(program, 10.0)


@fault(6, "learning_rate", needs_rows=False)
def rate_thirty_times_as_high(program: Program) -> Program:
    return times_rate(program, 30.0)


@fault(6, "learning_rate", needs_rows=False)
def rate_a_hundred_times_as_high(program: Program) -> Program:
    return times_rate(program, 100.0)


@fault(7, "learning_rate", needs_rows=False)
def rate_of_a_millionth(program: Program) -> Program:
    return at_rate(program, 1e-6)


@fault(7, "learning_rate", needs_rows=False)
def rate_of_a_ten_millionth(program: Program) -> Program:
    return at_rate(program, 1e-7)


@fault(7, "learning_rate", needs_rows=False)
def rate_a_thousandth(program: Program) -> Program:
    return times_rate(program, 1e-3)


@fault(8, "learning_rate", needs_rows=False)
def rate_gone_after_a_few_updates(program: Program) -> Program:
    return replace(program, schedule=lambda done: 1.0 if done < 0.02 else 1e-9)


@fault(8, "learning_rate", needs_rows=False)
def rate_decays_every_epoch_to_a_tenth(program: Program) -> Program:
    return replace(program, schedule=lambda done: 0.1 ** (done * program.epochs))


@fault(9, "optimizer", "learning_rate", needs_rows=False)
def momentum_of_nearly_one(program: Program) -> Program | None:
    group = program.optimizer([torch.zeros(1, requires_grad=True)]).param_groups[0]
    if not group.get("momentum"):
        return None
    return with_optimizer(program, lambda _, group: group.update(momentum=0.999))


@fault(10, "learning_rate", needs_rows=False)
def rate_that_grows(program: Program) -> Program:
    return replace(program, schedule=lambda done: 10.0 ** (4 * done))


@fault(19, "learning_rate", "optimizer", needs_rows=False)
def batches_of_one_at_ten_times_the_rate(program: Program) -> Program | None:
    if has_any(program, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d) or program.batch_size < 8:
        return None
    epochs = max(1, program.epochs // min(program.batch_size, 16))
    return replace(times_rate(program, 10.0), batch_size=1, epochs=epochs)


@fault(21, "optimizer", "learning_rate", needs_rows=False)
def epsilon_of_one(program: Program) -> Program | None:
    group = program.optimizer([torch.zeros(1, requires_grad=True)]).param_groups[0]
    if "eps" not in group:
        return None
    return with_optimizer(program, lambda _, group: group.update(eps=1.0))
