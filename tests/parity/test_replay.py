"""The captured update gives the numbers that eager gives, whatever is in it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ranvier.nn import build
from ranvier.optim import (
    LBFGS,
    OPTIMIZERS,
    SAM,
    SGD,
    AdamW,
    Lookahead,
    Muon,
    Optimizer,
    patterns_from,
)
from ranvier.spec import BatchNorm, Dense, Dropout, LayerNorm, Network, Residual
from ranvier.step import Batch
from tests.parity.updates import Update, differing

NETWORK = Network(
    Dense(16, activation="relu"),
    BatchNorm(),
    Dropout(0.2),
    Residual(Dense(16, activation="gelu")),
    LayerNorm(),
    Dense(3),
)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"clip_norm": 0.5, "l2": 1e-3, "average_decay": 0.9},
    {"clip_each_norm": 0.1},
    {"clip_value": 0.01, "l1": 1e-3},
    {"clip_adaptive": 0.1, "orthogonal": 0.01},
    {"accumulate": 3},
    {"average_after": 4},
    {"patterns": patterns_from({"dense_0": {"learning_rate_factor": 0.1}})},
]
EVERY: list[tuple[Optimizer, dict[str, Any]]] = [
    *((AdamW(0.01), options) for options in OPTIONS),
    (SGD(0.01, momentum=0.9), {"average_decay": 0.9, "clip_norm": 0.5}),
    (SAM(Lookahead(Muon(0.01), steps=2)), {"clip_norm": 0.5, "average_decay": 0.9}),
    *((kind(), {"clip_norm": 0.5}) for kind in OPTIMIZERS.values() if kind.capturable),
]


def batches(count: int, rows: int, features: int = 5, classes: int = 3) -> list[Batch]:
    draw = torch.Generator().manual_seed(0)
    return [
        Batch(
            torch.randn(rows, features, generator=draw),
            torch.randint(0, classes, (rows,), generator=draw),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize(("optimizer", "options"), EVERY, ids=str)
def test_a_replayed_update_gives_the_bits_of_eager(
    optimizer: Optimizer, options: dict[str, Any]
) -> None:
    update = Update(lambda: build(NETWORK, 5), batches(5, 8), optimizer, options)
    _, wanted = update.run("eager")
    replayed, came = update.run("replay")
    assert replayed.remarks == []
    assert differing(came, wanted) == []


def test_an_optimizer_that_looks_at_values_runs_eagerly_and_says_so() -> None:
    update = Update(lambda: build(NETWORK, 5), batches(5, 8), LBFGS())
    _, wanted = update.run("eager", steps=4)
    replayed, came = update.run("replay", steps=4)
    (remark,) = replayed.remarks
    assert remark.is_fallback
    assert remark.text == "replay: runs eagerly, as lbfgs looks at values to decide what runs next"
    assert differing(came, wanted) == []


def test_a_short_last_batch_is_captured_on_its_own() -> None:
    short = [*batches(3, 8), *batches(1, 5)]
    update = Update(lambda: build(NETWORK, 5), short)
    _, wanted = update.run("eager")
    replayed, came = update.run("replay")
    (remark,) = replayed.remarks
    assert not remark.is_fallback
    assert remark.text == (
        "replay: captured again, as inputs [8, 5] float32 on cpu became [5, 5] float32 on cpu, "
        "targets [8] int64 on cpu became [5] int64 on cpu"
    )
    assert differing(came, wanted) == []


def test_weighted_rows_and_plain_ones_take_turns() -> None:
    plain = batches(2, 8)
    weighted = [Batch(b.inputs, b.targets, torch.rand(8)) for b in plain]
    update = Update(lambda: build(NETWORK, 5), [*plain, *weighted])
    _, wanted = update.run("eager")
    _, came = update.run("replay")
    assert differing(came, wanted) == []


def test_gradients_are_those_of_eager() -> None:
    update = Update(lambda: build(NETWORK, 5), batches(1, 8))
    eager, _ = update.run("eager")
    replayed, _ = update.run("replay")
    torch.manual_seed(3)
    _, wanted = eager.run_observed(update.batches[0], 0.01)
    torch.manual_seed(3)
    _, came = replayed.run_observed(update.batches[0], 0.01)
    assert all(map(torch.equal, came, wanted))


def test_how_updates_are_put_into_calls_changes_nothing() -> None:
    (rows,) = batches(1, 60)
    bounds, rates = [*range(0, 60, 8), 60], [0.01 / (1 + step) for step in range(8)]
    left = []
    for calls in ([8], [1, 2, 5]):
        update = Update(lambda: build(NETWORK, 5), [rows])
        executor = update.executor("replay")
        torch.manual_seed(0)
        done = 0
        for steps in calls * 3:
            done = 0 if done == 8 else done
            here = slice(done, done + steps)
            executor.run_rows(rows, bounds[done : done + steps + 1], rates[here])
            done += steps
        left.append(executor.state.tensors())
    assert differing(*left) == []
