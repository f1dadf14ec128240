"""Targets and labels: unscaled, misplaced, wrong, rare (rows 1, 18, 27, 31 to 33)."""

from __future__ import annotations

from dataclasses import replace

import torch

from benchmarks.doctor.faults.fault import classes, fault, first_rows, has_many_rows, with_rows
from benchmarks.doctor.program import Program, Rows


def _is_number(program: Program) -> bool:
    """Whether one number a row is to be told."""
    return program.is_number and first_rows(program).targets.numel() == len(
        first_rows(program).targets
    )


def scaled(program: Program, factor: float, offset: float) -> Program | None:
    """The target in other units; the answer is taken back to the old ones before it is scored."""
    if not _is_number(program):
        return None

    def rows(found: Rows, seed: int) -> Rows:
        return replace(
            found,
            targets=found.targets * factor + offset,
            held_out_targets=found.held_out_targets * factor + offset,
        )

    return replace(with_rows(program, rows), answer=lambda y: (program.answer(y) - offset) / factor)


@fault(27, "preprocessing")
def target_in_thousands(program: Program) -> Program | None:
    return scaled(program, 3000, 50_000)


@fault(27, "preprocessing")
def target_in_hundreds(program: Program) -> Program | None:
    return scaled(program, 77, 152)


@fault(27, "preprocessing")
def target_in_millions(program: Program) -> Program | None:
    return scaled(program, 4e5, 2e6)


@fault(1, "data", "labels", "preprocessing")
def a_missing_target(program: Program) -> Program | None:
    if not _is_number(program) or not has_many_rows(program):
        return None

    def rows(found: Rows, seed: int) -> Rows:
        y = found.targets.clone()
        y[len(y) // 3 + seed] = float("nan")
        return replace(found, targets=y)

    return with_rows(program, rows)


@fault(18, "data", "labels", "preprocessing")
def one_target_in_a_hundred_far_off(program: Program) -> Program | None:
    if not _is_number(program) or not has_many_rows(program):
        return None

    def rows(found: Rows, seed: int) -> Rows:
        y = found.targets.clone()
        y[::97] += 300
        return replace(found, targets=y)

    return with_rows(program, rows)


@fault(31, "labels", "data")
def labels_shuffled(program: Program) -> Program | None:
    if not has_many_rows(program):
        return None

    def rows(found: Rows, seed: int) -> Rows:
        order = torch.randperm(len(found.targets), generator=torch.Generator().manual_seed(seed))
        return replace(found, targets=found.targets[order])

    return with_rows(program, rows)


@fault(31, "labels", "data")
def labels_of_the_next_row(program: Program) -> Program | None:
    # Rows that follow each other in time have targets that resemble each other.
    if not has_many_rows(program) or "next-value" in program.name:
        return None
    return with_rows(program, lambda found, seed: replace(found, targets=found.targets.roll(1, 0)))


def _with_wrong_labels(program: Program, share: float) -> Program | None:
    count = classes(program)
    if count < 2 or not has_many_rows(program):
        return None

    def rows(found: Rows, seed: int) -> Rows:
        random = torch.Generator().manual_seed(seed)
        is_wrong = torch.rand(len(found.targets), generator=random) < share
        other = found.targets.clone()
        if program.task == "one_hot":
            other[is_wrong] = other[is_wrong].roll(1, 1)
        elif program.task == "classes":
            by = torch.randint(1, count, (int(is_wrong.sum()),), generator=random)
            other[is_wrong] = (other[is_wrong] + by) % count
        else:
            other[is_wrong] = 1 - other[is_wrong]
        return replace(found, targets=other)

    return with_rows(program, rows)


@fault(32, "labels")
def three_labels_in_ten_wrong(program: Program) -> Program | None:
    return _with_wrong_labels(program, 0.3)


@fault(32, "labels")
def four_labels_in_ten_wrong(program: Program) -> Program | None:
    return _with_wrong_labels(program, 0.4)


def _with_rare_classes(program: Program, one_in: int) -> Program | None:
    """All but the first class are so rare among the rows trained on; held-out rows stay."""
    if classes(program) < 2 or program.task == "one_hot" or len(first_rows(program).inputs) < 300:
        return None

    def rows(found: Rows, seed: int) -> Rows:
        label = found.targets.reshape(-1)
        common = (label == 0).nonzero().flatten()
        rest = (label != 0).nonzero().flatten()
        kept = rest[: max(classes(program) - 1, len(common) // one_in)]
        chosen = torch.cat([common, kept])
        chosen = chosen[torch.randperm(len(chosen), generator=torch.Generator().manual_seed(seed))]
        return replace(found, inputs=found.inputs[chosen], targets=found.targets[chosen])

    return with_rows(program, rows)


@fault(33, "data")
def one_row_in_fifty_of_the_other_classes(program: Program) -> Program | None:
    return _with_rare_classes(program, 50)


@fault(33, "data")
def one_row_in_twenty_of_the_other_classes(program: Program) -> Program | None:
    return _with_rare_classes(program, 20)
