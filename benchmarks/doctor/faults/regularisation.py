"""Too much of what keeps a network simple (row 44)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.doctor.faults.fault import (
    fault,
    has_many_rows,
    swapped,
    with_model,
    with_optimizer,
)
from benchmarks.doctor.program import Program


def _decayed(program: Program, amount: float) -> Program:
    def change(_optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> None:
        group["weight_decay"] = amount

    return with_optimizer(program, change)


@fault(44, "regularisation", needs_rows=False)
def weight_decay_of_one(program: Program) -> Program:
    return _decayed(program, 1.0)


@fault(44, "regularisation", needs_rows=False)
def weight_decay_of_ten(program: Program) -> Program | None:
    group = program.optimizer([torch.zeros(1, requires_grad=True)]).param_groups[0]
    # Descent at a rate above 0.1 would not decay but diverge.
    return _decayed(program, 10.0) if group["lr"] < 0.1 else None


@fault(44, "regularisation")
def dropout_of_nearly_all_before_the_head(program: Program) -> Program | None:
    model = program.model()
    if not isinstance(model, nn.Sequential) or not isinstance(model[-1], nn.Linear):
        return None
    if len(model) < 3 or not has_many_rows(program):
        return None
    return with_model(
        program,
        lambda model: nn.Sequential(
            *list(model.children())[:-1], nn.Dropout(0.98), list(model.children())[-1]
        ),
    )


@fault(44, "regularisation")
def dropout_of_nine_tenths_after_every_activation(program: Program) -> Program | None:
    kinds = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.GELU, nn.ELU, nn.SiLU)
    return swapped(program, kinds, lambda old: nn.Sequential(old, nn.Dropout(0.9)))
