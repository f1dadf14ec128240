"""Rows trained on against rows held out, and their order (rows 34 to 37, 40, 41)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.doctor.faults.fault import (
    classes,
    fault,
    first_rows,
    has_many_rows,
    is_table,
    outputs,
    takes_numbers,
    with_rows,
)
from benchmarks.doctor.program import Program, Rows
from benchmarks.doctor.programs.networks import dense

# Of these even a good network is mediocre, so there is noise to be learnt by heart.
NOISY = ("diabetes", "faint-line", "two-clouds", "sine-noise", "moons", "friedman", "cancer")


def _validates(program: Program) -> bool:
    return program.gives_validation and has_many_rows(program)


def _with_held_out(program: Program, share: float) -> Program | None:
    """So many of the rows held out are trained on as well."""
    if not _validates(program):
        return None

    def rows(found: Rows, seed: int) -> Rows:
        count = int(share * len(found.held_out))
        return replace(
            found,
            inputs=torch.cat([found.inputs, found.held_out[:count]]),
            targets=torch.cat([found.targets, found.held_out_targets[:count]]),
        )

    return with_rows(program, rows)


@fault(34, "data", is_structural=True)
def validation_rows_among_training(program: Program) -> Program | None:
    return _with_held_out(program, 1.0)


@fault(34, "data", is_structural=True)
def half_of_validation_among_training(program: Program) -> Program | None:
    return _with_held_out(program, 0.5)


@fault(34, "data", is_structural=True)
def validated_on_training_rows(program: Program) -> Program | None:
    """The wrong pair of tensors is evaluated; scored on rows that are really held out."""
    if not _validates(program) or program.gives_scores:
        return None

    def rows(found: Rows, seed: int) -> Rows:
        few = len(found.held_out)
        return replace(
            found,
            held_out=found.inputs[:few],
            held_out_targets=found.targets[:few],
            truth=_truth(program, found.targets[:few]),
        )

    return with_rows(program, rows)


def _truth(program: Program, targets: Tensor) -> Tensor:
    if program.task == "one_hot":
        return targets.argmax(1)
    return targets if program.is_number else targets.long()


@fault(35, "data", is_structural=True)
def target_among_the_features(program: Program) -> Program | None:
    if not is_table(program, features=3) or not _validates(program):
        return None
    if not (classes(program) or first_rows(program).targets.shape[1:] == (1,)):
        return None

    def with_answer(x: Tensor, targets: Tensor, seed: int) -> Tensor:
        told = _truth(program, targets).reshape(len(x), -1)[:, 0].float()
        noise = torch.randn(len(x), generator=torch.Generator().manual_seed(seed))
        x = x.clone()
        x[:, -1] = (told - told.mean()) / told.std() + 0.02 * noise
        return x

    def rows(found: Rows, seed: int) -> Rows:
        return replace(
            found,
            inputs=with_answer(found.inputs, found.targets, seed),
            held_out=with_answer(found.held_out, found.held_out_targets, seed + 1),
        )

    return with_rows(program, rows)


@fault(36, "preprocessing", "data", is_structural=True)
def validation_rows_not_scaled(program: Program) -> Program | None:
    if not takes_numbers(program) or not _validates(program):
        return None
    return with_rows(program, lambda found, seed: replace(found, held_out=4 * found.held_out + 3))


@fault(36, "data", "labels", is_structural=True)
def sorted_by_class_before_the_split(program: Program) -> Program | None:
    if classes(program) < 2 or not _validates(program):
        return None

    def rows(found: Rows, seed: int) -> Rows:
        x, y = (
            torch.cat([found.inputs, found.held_out]),
            torch.cat([found.targets, found.held_out_targets]),
        )
        order = _truth(program, y).reshape(-1).argsort(stable=True)
        kept, held_out = order[: len(found.inputs)], order[len(found.inputs) :]
        return Rows(x[kept], y[kept], x[held_out], y[held_out], _truth(program, y[held_out]))

    return with_rows(program, rows)


@fault(37, "data")
def sorted_and_not_shuffled(program: Program) -> Program | None:
    one_a_row = first_rows(program).targets.numel() == len(first_rows(program).targets)
    if not has_many_rows(program) or not (one_a_row or program.task == "one_hot"):
        return None
    if program.batch_size >= len(first_rows(program).inputs):
        return None

    def rows(found: Rows, seed: int) -> Rows:
        order = _truth(program, found.targets).reshape(-1).argsort(stable=True)
        return replace(found, inputs=found.inputs[order], targets=found.targets[order])

    return replace(with_rows(program, rows), shuffles=False)


def _wide(program: Program, *, rows: int, times: int) -> Program | None:
    """Few rows, a wide network, many epochs."""
    if not is_table(program) or not _validates(program) or program.task == "indicators":
        return None
    if not program.name.startswith(NOISY):
        return None
    features, count = first_rows(program).inputs.shape[1], outputs(program)
    end = nn.Sigmoid if program.task == "probability" else None
    few = with_rows(
        program,
        lambda found, seed: replace(
            found, inputs=found.inputs[:rows], targets=found.targets[:rows]
        ),
    )
    return replace(
        few,
        model=lambda: dense(features, 256, 256, count, end=end),
        epochs=program.epochs * times,
        evaluates_every=program.evaluates_every * max(1, times // 2),
    )


@fault(40, "regularisation", "data", "epochs", "architecture")
def forty_rows_and_a_wide_network(program: Program) -> Program | None:
    return _wide(program, rows=40, times=10)


@fault(41, "epochs", "regularisation", "architecture")
def a_wide_network_for_ten_times_as_long(program: Program) -> Program | None:
    return _wide(program, rows=250, times=10)
