"""A population is its members: each as the same model trained alone, in eager mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from ranvier.core.task import Task
from ranvier.losses import CrossEntropy, Loss
from ranvier.nn import build
from ranvier.optim import OPTIMIZERS, SGD, Adam, AdamW, Lookahead, Muon, Optimizer
from ranvier.spec import (
    LSTM,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    MaxPool,
    MultiHeadAttention,
    Network,
    Residual,
)
from ranvier.step import Batch, Head, Program, State, executor_for
from ranvier.step.population import Member, Population

STEPS = 20
ROWS = 24
HEAD = Head(Task("classification", "y", ("a", "b", "c")))
LOSS = CrossEntropy()
RATES = (0.003, 0.01, 0.02)


class Case(NamedTuple):
    """A network of member k, and the shape of a sample; class indices where `words` is set."""

    network: Callable[[int], Network]
    shape: tuple[int, ...]
    words: int = 0


NETWORKS = {
    "dense": Case(lambda k: Network(Dense(16, activation="relu"), Dense(3)), (5,)),
    "tanh_in_a_residual": Case(
        lambda k: Network(Dense(8, activation="tanh"), Residual(Dense(8)), Dense(3)), (5,)
    ),
    "batch_norm": Case(
        lambda k: Network(Dense(8), BatchNorm(momentum=0.1 + 0.1 * k), Dense(3)), (5,)
    ),
    "dropout": Case(
        lambda k: Network(Dense(16, activation="gelu"), Dropout(0.1 + 0.2 * k), Dense(3)), (5,)
    ),
    "layer_norm": Case(lambda k: Network(Dense(8), LayerNorm(), Dense(3)), (5,)),
    "conv": Case(
        lambda k: Network(
            Conv(4, kernel=3, activation="relu"), BatchNorm(), MaxPool(2), Flatten(), Dense(3)
        ),
        (6, 6, 1),
    ),
    "embedding": Case(lambda k: Network(Embedding(11, 4), Flatten(), Dense(3)), (5,), words=11),
    "lstm": Case(lambda k: Network(LSTM(6), Flatten(), Dense(3)), (4, 3)),
    "attention": Case(
        lambda k: Network(Embedding(11, 8), MultiHeadAttention(heads=2), Flatten(), Dense(3)),
        (5,),
        words=11,
    ),
}


def program_of(
    case: Case, k: int, optimizer: Optimizer, loss: Loss = LOSS, **options: Any
) -> Program:
    module = build(case.network(k), case.shape, seed=k)
    return Program(module=module, head=HEAD, loss=loss, optimizer=optimizer, **options)


def rows_of(case: Case) -> Batch:
    generator = torch.Generator().manual_seed(7)
    if case.words:
        inputs = torch.randint(0, case.words, (ROWS, *case.shape), generator=generator)
    else:
        inputs = torch.randn(ROWS, *case.shape, generator=generator)
    return Batch(inputs, torch.randint(0, 3, (ROWS,), generator=generator))


def orders(rows: int = 8) -> list[Tensor]:
    """What each of three members reads in each step."""
    generator = torch.Generator().manual_seed(8)
    return [
        torch.stack([torch.randperm(ROWS, generator=generator)[:rows] for _ in RATES])
        for _ in range(STEPS)
    ]


def alone(
    program: Program, seed: int, rows: Batch, order: Sequence[Tensor], rate: float
) -> tuple[list[Tensor], State, Tensor]:
    """Losses and the state of one model after training in eager mode, and the random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = program.first_state(torch.device("cpu"))
        executor = executor_for("eager", program, state)
        losses = [
            executor.run(Batch(rows.inputs[index], rows.targets[index]), rate).loss
            for index in order
        ]
        return losses, state, torch.get_rng_state()


def assert_each_is_as_alone(
    make: Callable[[int], Program],
    rows: Batch,
    *,
    tolerance: float = 2e-4,
    is_exact: bool = False,
) -> Population:
    """Three members, each with rows and a learning rate of its own, against three runs alone."""
    order = orders()
    population = Population([Member(make(k), seed=k) for k in range(3)], is_exact=is_exact)
    scalars = population.run_rows(rows, order, [RATES] * STEPS)
    assert population.remarks == []
    for k, rate in enumerate(RATES):
        losses, state, random = alone(make(k), k, rows, [index[k] for index in order], rate)
        own = population.tensors_of(k)
        assert torch.equal(own.pop("random/cpu"), random)
        assert own.keys() == state.named().keys()
        if is_exact:
            assert torch.equal(scalars.loss[:, k], torch.stack(losses))
        torch.testing.assert_close(scalars.loss[:, k], torch.stack(losses), rtol=1e-4, atol=1e-5)
        for name, tensor in state.named().items():
            if is_exact:
                assert torch.equal(own[name], tensor), name
            torch.testing.assert_close(
                own[name], tensor, rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
            )
    return population


@pytest.mark.parametrize("is_exact", [False, True], ids=["", "exact"])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_member_is_as_it_is_alone(name: str, is_exact: bool) -> None:
    case = NETWORKS[name]
    assert_each_is_as_alone(
        lambda k: program_of(case, k, SGD(0.01, momentum=0.5 + 0.1 * k)),
        rows_of(case),
        is_exact=is_exact,
    )


OPTIONS: dict[str, Callable[[int], dict[str, Any]]] = {
    "weight_decay": lambda k: {"optimizer": AdamW(weight_decay=0.1 * k)},
    "betas": lambda k: {"optimizer": AdamW(beta1=0.8 + 0.05 * k, beta2=0.99 + 0.003 * k)},
    "decay_as_penalty": lambda k: {"optimizer": Adam(weight_decay=0.1 * k)},
    "clip_norm": lambda k: {"optimizer": AdamW(), "clip_norm": 0.1 + 0.2 * k},
    "clip_value": lambda k: {"optimizer": SGD(), "clip_value": 0.01 + 0.02 * k},
    "clip_adaptive": lambda k: {"optimizer": SGD(), "clip_adaptive": 0.01 + 0.02 * k},
    "penalties": lambda k: {"optimizer": SGD(), "l1": 0.01 + 0.01 * k, "l2": 0.02 + 0.01 * k},
    "label_smoothing": lambda k: {
        "optimizer": SGD(),
        "loss": CrossEntropy(label_smoothing=0.1 + 0.1 * k),
    },
    "class_weights": lambda k: {
        "optimizer": SGD(),
        "loss": CrossEntropy(class_weights=(1.0, 2.0, 1.0 + k)),
    },
    "average_decay": lambda k: {"optimizer": AdamW(), "average_decay": 0.5 + 0.2 * k},
    "average_after": lambda k: {"optimizer": AdamW(), "average_after": 2 + k},
    "accumulate": lambda k: {"optimizer": AdamW(), "accumulate": 3},
    "muon": lambda k: {"optimizer": Muon(momentum=0.8 + 0.05 * k)},
    "lookahead": lambda k: {"optimizer": Lookahead(SGD(), pull=0.3 + 0.2 * k)},
}


@pytest.mark.parametrize(
    "is_exact", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["", "exact"]
)
@pytest.mark.parametrize("name", OPTIONS)
def test_members_may_differ_in_any_number(name: str, is_exact: bool) -> None:
    case = NETWORKS["tanh_in_a_residual"]
    assert_each_is_as_alone(
        lambda k: program_of(case, k, **OPTIONS[name](k)), rows_of(case), is_exact=is_exact
    )


CAPTURABLE = [name for name, kind in OPTIMIZERS.items() if kind.capturable]


@pytest.mark.parametrize("name", CAPTURABLE)
def test_every_optimizer_moves_each_member_as_alone(name: str) -> None:
    case = NETWORKS["tanh_in_a_residual"]
    # Some make full steps of what rounding leaves of a gradient: more than others may differ.
    assert_each_is_as_alone(
        lambda k: program_of(case, k, OPTIMIZERS[name]()), rows_of(case), tolerance=2e-3
    )
