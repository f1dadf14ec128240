"""Inputs: values that are missing, unscaled, scaled twice, constant (rows 1, 18, 24 to 26, 38)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.doctor.faults.fault import (
    fault,
    first_rows,
    has_many_rows,
    is_table,
    takes_numbers,
    with_inputs,
    with_rows,
)
from benchmarks.doctor.program import Program, Rows


def _trained_on(program: Program, change: float) -> Program | None:
    """One number among the inputs that are trained on is this."""

    def rows(found: Rows, seed: int) -> Rows:
        x = found.inputs.clone()
        x.view(-1)[x.numel() // 2 + seed] = change
        return replace(found, inputs=x)

    if not takes_numbers(program) or not has_many_rows(program):
        return None
    return with_rows(program, rows)


@fault(1, "data", "preprocessing")
def a_missing_value(program: Program) -> Program | None:
    return _trained_on(program, float("nan"))


@fault(1, "data", "preprocessing")
def an_infinite_value(program: Program) -> Program | None:
    return _trained_on(program, float("inf"))


@fault(18, "data", "preprocessing")
def a_few_rows_ten_thousand_times_as_large(program: Program) -> Program | None:
    def rows(found: Rows, seed: int) -> Rows:
        x = found.inputs.clone()
        x[:: max(20, len(x) // 8)] *= 1e4
        return replace(found, inputs=x)

    if not takes_numbers(program) or not has_many_rows(program):
        return None
    return with_rows(program, rows)


@fault(24, "preprocessing")
def inputs_from_0_to_255(program: Program) -> Program | None:
    x = first_rows(program).inputs
    if not x.is_floating_point() or float(x.min()) < 0 or float(x.max()) > 1:
        return None
    return with_inputs(program, lambda x: 255 * x)


@fault(24, "preprocessing")
def inputs_in_thousands(program: Program) -> Program | None:
    return with_inputs(program, lambda x: 1000 * x)


@fault(24, "preprocessing")
def inputs_far_from_zero(program: Program) -> Program | None:
    return with_inputs(program, lambda x: x + 1000)


@fault(24, "preprocessing")
def one_feature_in_millions(program: Program) -> Program | None:
    if not is_table(program, features=2):
        return None

    def change(x: Tensor) -> Tensor:
        x = x.clone()
        x[:, x.shape[1] // 2] *= 1e6
        return x

    return with_inputs(program, change)


@fault(24, "preprocessing")
def features_of_many_scales(program: Program) -> Program | None:
    """As tables come: from thousandths to ten thousands, none about 0."""
    if not is_table(program, features=4):
        return None

    def change(x: Tensor) -> Tensor:
        return (x + 4) * torch.logspace(-3, 4, x.shape[1])

    return with_inputs(program, change)


@fault(25, "preprocessing")
def inputs_scaled_twice(program: Program) -> Program | None:
    return with_inputs(program, lambda x: x / 65025)


@fault(25, "preprocessing")
def inputs_divided_by_ten_thousand(program: Program) -> Program | None:
    return with_inputs(program, lambda x: x / 1e4)


@fault(26, "data", "preprocessing")
def inputs_all_zero(program: Program) -> Program | None:
    return with_inputs(program, torch.zeros_like)


@fault(26, "data", "preprocessing")
def all_features_but_one_constant(program: Program) -> Program | None:
    if not is_table(program, features=3):
        return None

    def change(x: Tensor) -> Tensor:
        kept = torch.full_like(x, 0.7)
        kept[:, 0] = x[:, 0]
        return kept

    return with_inputs(program, change)


@fault(38, "preprocessing", "data", "regularisation")
def noise_of_five_on_every_batch(program: Program) -> Program | None:
    if not takes_numbers(program) or not has_many_rows(program):
        return None
    return replace(program, augment=lambda x: x + 5 * torch.randn_like(x))


@fault(38, "preprocessing", "data", "regularisation")
def nearly_everything_cut_out(program: Program) -> Program | None:
    if not takes_numbers(program) or not has_many_rows(program):
        return None
    return replace(program, augment=lambda x: x * (torch.rand_like(x) < 0.05))
