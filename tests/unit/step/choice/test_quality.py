"""What changes numbers is refused where it changes the losses more than another order does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ranvier.core.task import Task
from ranvier.losses import MeanSquaredError
from ranvier.optim import SGD
from ranvier.step import Batch, Head, Program
from ranvier.step.choice import Candidate, Scratch, is_as_good
from ranvier.step.choice.quality import ORDERS, UPDATES, Quality
from ranvier.step.choice.scratch import endless, untouched
from ranvier.step.variants import Variant
from tests.unit.step.choice.training import EAGER, REPLAY_IN_BFLOAT16, rows, training

FALLING = [2.0 - step / 40 for step in range(32)]


def moved(by: float) -> list[float]:
    return [loss + by for loss in FALLING]


@pytest.mark.parametrize(
    ("off", "wanted"), [(0.0, True), (0.09, True), (-0.09, True), (0.11, False)]
)
def test_losses_may_be_off_by_the_spread_between_orders(off: float, wanted: bool) -> None:
    # The standard deviation of these three is 0.1.
    assert is_as_good(moved(off), [moved(0.0), moved(0.1), moved(-0.1)]) is wanted


def test_only_the_second_half_of_the_updates_counts() -> None:
    strange = [5.0] * 16 + FALLING[16:]
    assert is_as_good(strange, [moved(0.0), moved(0.1), moved(-0.1)])


def test_losses_that_come_and_go_cannot_cancel_out() -> None:
    wild = [loss + (0.3 if step // 4 % 2 else -0.3) for step, loss in enumerate(FALLING)]
    assert not is_as_good(wild, [moved(0.0), moved(0.1), moved(-0.1)])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_never_as_good(value: float) -> None:
    assert not is_as_good([value, *FALLING[1:]], [moved(0.0), moved(0.1), moved(-0.1)])


def test_nothing_may_be_off_where_no_order_makes_a_difference() -> None:
    assert is_as_good(FALLING, [FALLING] * 3)
    assert not is_as_good(moved(1e-6), [FALLING] * 3)


def test_bfloat16_is_accepted_where_it_trains_as_well() -> None:
    program, state = training()
    with untouched(state.device):
        quality = Quality(Scratch(program, state), rows, [0.01] * UPDATES, EAGER)
        assert quality.accepts(REPLAY_IN_BFLOAT16)


class FarFromZero(nn.Module):
    """Learns small differences of large numbers, for which bfloat16 has no digits."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor([[1.0, -1.0]]))
            self.linear.bias.zero_()

    def forward(self, rows: Tensor) -> Tensor:
        made: Tensor = self.linear(rows)
        return made


def far_from_zero(order: int) -> Iterator[Batch]:
    draw = torch.Generator().manual_seed(order)
    for _ in range(10):
        difference = torch.randn(16, generator=draw)
        base = 1000 + torch.rand(16, generator=draw)
        yield Batch(torch.stack([base + difference, base], 1), difference)


def test_bfloat16_is_refused_where_the_loss_needs_more_digits() -> None:
    program = Program(
        module=FarFromZero(),
        head=Head(Task("regression", "y")),
        loss=MeanSquaredError(),
        optimizer=SGD(1e-9),
    )
    state = program.first_state(torch.device("cpu"))
    with untouched(state.device):
        quality = Quality(Scratch(program, state), far_from_zero, [1e-9] * UPDATES, EAGER)
        assert not quality.accepts(Candidate("eager", Variant(number_format="bfloat16", threads=1)))


def test_the_judgement_is_the_same_every_time() -> None:
    program, state = training()
    curves = []
    for _ in range(2):
        with untouched(state.device):
            torch.manual_seed(len(curves))
            quality = Quality(Scratch(program, state), rows, [0.01] * UPDATES, EAGER)
            quality.accepts(REPLAY_IN_BFLOAT16)
            curves.append(quality._references)
    assert curves[0] == curves[1]
    assert len(curves[0]) == ORDERS
    assert all(len(curve) == UPDATES for curve in curves[0])


def test_orders_never_share_an_epoch() -> None:
    asked: list[int] = []

    def noted(order: int) -> Iterator[Batch]:
        asked.append(order)
        return rows(order)

    for order in range(ORDERS):
        batches = endless(noted, order)
        for _ in range(25):
            next(batches)
    assert len(set(asked)) == len(asked) == 3 * ORDERS


def test_a_variant_of_the_program_is_judged_not_the_program() -> None:
    program, state = training()
    with untouched(state.device):
        scratch = Scratch(replace(program, variant=Variant(layout="channels_first")), state)
        executor = scratch.executor(REPLAY_IN_BFLOAT16)
    assert executor.program.variant == REPLAY_IN_BFLOAT16.variant
