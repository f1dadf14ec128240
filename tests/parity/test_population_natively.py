"""A population in the native library: every member as the same model trained alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from ranvier.core.task import Task
from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.optim import SGD, Adam, AdamW, Optimizer
from ranvier.spec import BatchNorm, Conv, Dense, Dropout, Flatten, Network
from ranvier.step import Batch, Head, Program
from ranvier.step.executors import EXECUTORS
from ranvier.step.native import library
from ranvier.step.population import Member, Population
from ranvier.step.population.native import NativeMembers

pytestmark = pytest.mark.skipif(isinstance(library(), str), reason=str(library()))

CPU = torch.device("cpu")
PLAIN = Network(Dense(16, activation="relu"), BatchNorm(), Dense(3))
RATES = (0.003, 0.01, 0.02, 0.005, 0.008)
ROWS = Batch(
    torch.randn(200, 6, generator=torch.Generator().manual_seed(0)),
    torch.randint(0, 3, (200,), generator=torch.Generator().manual_seed(1)),
)


def program(k: int, network: Network = PLAIN, optimizer: Optimizer | None = None) -> Program:
    return Program(
        module=build(network, (6,), seed=k),
        head=Head(Task("classification", "y", ("a", "b", "c"))),
        loss=CrossEntropy(),
        optimizer=optimizer or AdamW(RATES[k], weight_decay=0.1),
    )


def orders(*, own: bool, steps: int = 70, short: bool = False) -> list[Tensor]:
    draw = torch.Generator().manual_seed(2)
    shape = (len(RATES), 24) if own else (24,)
    found = [torch.randint(0, 200, shape, generator=draw) for _ in range(steps)]
    return [*found, found[0][..., :7]] if short else found


def natives(population: Population) -> list[bool]:
    return [isinstance(each, NativeMembers) for each in population._natives.values()]


def assert_as_alone(
    population: Population, programs: Sequence[Program], order: Sequence[Tensor], rows: Batch = ROWS
) -> None:
    rates = [list(RATES)] * len(order)
    came = population.run_rows(rows, order, rates)
    for k, alone in enumerate(programs):
        state = alone.first_state(CPU)
        eager = EXECUTORS["eager"](alone, state)
        losses = []
        for index in order:
            own = index[k] if index.ndim > 1 else index
            losses.append(eager.run(Batch(rows.inputs[own], rows.targets[own]), RATES[k]).loss)
        torch.testing.assert_close(came.loss[:, k], torch.stack(losses), rtol=2e-3, atol=2e-4)
        for (name, tensor), wanted in zip(
            population.state(k).named().items(), state.named().values(), strict=True
        ):
            torch.testing.assert_close(tensor, wanted, rtol=5e-3, atol=2e-3, msg=name)


@pytest.mark.parametrize("own", [True, False], ids=["own rows", "shared rows"])
def test_every_member_is_what_it_is_alone(own: bool) -> None:
    members = [Member(program(k)) for k in range(len(RATES))]
    population = Population(members)
    order = orders(own=own, short=True)
    assert_as_alone(population, [program(k) for k in range(len(RATES))], order)
    # One form for whole batches, one for the short one.
    assert natives(population) == [True, True]
    assert population.step == len(order)


def test_convolutions_are_trained_natively_too() -> None:
    rows = Batch(ROWS.inputs.reshape(-1, 3, 2, 1), ROWS.targets)
    small = Network(Conv(4, kernel=2, activation="relu"), Flatten(), Dense(3))

    def made(k: int) -> Program:
        return Program(
            module=build(small, (3, 2, 1), seed=k),
            head=Head(Task("classification", "y", ("a", "b", "c"))),
            loss=CrossEntropy(),
            optimizer=Adam(RATES[k]),
        )

    population = Population([Member(made(k)) for k in range(len(RATES))])
    assert_as_alone(population, [made(k) for k in range(len(RATES))], orders(own=True), rows)
    assert natives(population) == [True]


def test_members_of_other_settings_have_a_tape_of_their_own() -> None:
    settings = [SGD(rate, momentum=0.1 * (k + 1)) for k, rate in enumerate(RATES)]
    population = Population([Member(program(k, optimizer=s)) for k, s in enumerate(settings)])
    alone = [program(k, optimizer=s) for k, s in enumerate(settings)]
    assert_as_alone(population, alone, orders(own=True))
    assert natives(population) == [True]


def test_those_that_stay_go_on_as_if_nobody_had_left() -> None:
    population = Population([Member(program(k)) for k in range(len(RATES))])
    first, second = orders(own=True)[:20], orders(own=True)[20:40]
    population.run_rows(ROWS, first, [list(RATES)] * 20)
    whole = Population([Member(program(k)) for k in range(len(RATES))])
    whole.run_rows(ROWS, [*first, *second], [list(RATES)] * 40)
    population.keep([1, 3])
    population.run_rows(ROWS, [i[[1, 3]] for i in second], [[RATES[1], RATES[3]]] * 20)
    for place, k in enumerate((1, 3)):
        left = population.state(place).named().values()
        for came, wanted in zip(left, whole.state(k).named().values(), strict=True):
            torch.testing.assert_close(came, wanted, rtol=1e-4, atol=1e-5)


def test_who_draws_random_numbers_or_wants_the_bits_runs_as_one_program() -> None:
    drawing = Network(Dense(8), Dropout(0.5), Dense(3))
    population = Population([Member(program(k, drawing), k) for k in range(3)])
    population.run_rows(ROWS, orders(own=False, steps=2))
    exact = Population([Member(program(k)) for k in range(3)], is_exact=True)
    exact.run_rows(ROWS, orders(own=False, steps=2))
    assert natives(population) == natives(exact) == [False]
