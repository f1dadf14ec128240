"""How much memory a training takes, reckoned before it is taken."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.core.task import Task
from ranvier.losses import loss_from
from ranvier.optim import optimizer_from
from ranvier.step import Head, Program
from ranvier.step.memory import memory_available, memory_needed

INPUTS = torch.zeros(2, 10)


def program(optimizer: str = "sgd", **settings: object) -> Program:
    module = nn.Sequential(nn.Linear(10, 1000), nn.ReLU(), nn.Linear(1000, 1))
    task = Task("regression", "y", ())
    return Program(
        module=module,
        head=Head.fit(task, (1,), None),
        loss=loss_from("mean_squared_error"),
        optimizer=optimizer_from(optimizer),
        **settings,  # type: ignore[arg-type]
    )


PARAMETERS = 4 * (10 * 1000 + 1000 + 1000 + 1)


def test_plain_descent_needs_gradients_the_best_weights_and_what_layers_give() -> None:
    layers = 2 * 32 * 4 * (1000 + 1000 + 1)
    assert memory_needed(program(), INPUTS, rows=32) == 2 * PARAMETERS + layers


def test_adam_needs_two_numbers_a_weight_more() -> None:
    more = memory_needed(program("adam"), INPUTS, rows=32) - memory_needed(
        program(), INPUTS, rows=32
    )
    assert 2 * PARAMETERS <= more < 2.1 * PARAMETERS


def test_rows_in_parts_need_the_memory_of_one_part() -> None:
    whole = memory_needed(program(), INPUTS, rows=64)
    assert memory_needed(program(accumulate=4), INPUTS, rows=64) == memory_needed(
        program(), INPUTS, rows=16
    )
    assert memory_needed(program(accumulate=4), INPUTS, rows=64) < whole


def test_a_processor_says_how_much_is_free() -> None:
    free = memory_available(torch.device("cpu"))
    assert free is None or free > 2**20
