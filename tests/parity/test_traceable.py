"""The update is one program: traced once, it gives the numbers that eager gives."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.core.task import Task
from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.optim import (
    OPTIMIZERS,
    SAM,
    SGD,
    AdamW,
    Lookahead,
    Muon,
    Optimizer,
    patterns_from,
)
from ranvier.spec import BatchNorm, Dense, LayerNorm, Network, Residual
from ranvier.step import Batch, Head, Program, State, executor_for

NETWORK = Network(
    Dense(16, activation="relu"),
    BatchNorm(),
    Residual(Dense(16, activation="gelu")),
    LayerNorm(),
    Dense(3),
)
Traced = Callable[[list[Tensor], Tensor, Tensor], Tensor]


def program_of(optimizer: Optimizer, **options: Any) -> tuple[Program, State]:
    settings: dict[str, Any] = {"clip_norm": 0.5, "l2": 1e-3, "average_decay": 0.9, **options}
    program = Program(
        module=build(NETWORK, 5),
        head=Head(Task("classification", "y", ("a", "b", "c"))),
        loss=CrossEntropy(),
        optimizer=optimizer,
        **settings,
    )
    return program, program.first_state(torch.device("cpu"))


def tensors_of(state: State) -> list[Tensor]:
    """All that an update writes, in one order."""
    every = [*state.slots, state.shared]
    slots = [t for group in every for tensors in group.values() for t in tensors]
    return [*state.parameters, *state.buffers.values(), *slots, *(state.average or ())]


def with_tensors(state: State, tensors: list[Tensor]) -> State:
    """The state over other tensors."""
    rest = iter(tensors)
    parameters = [next(rest) for _ in state.parameters]
    buffers = {name: next(rest) for name in state.buffers}
    *slots, shared = [
        {slot: [next(rest) for _ in group] for slot, group in groups.items()}
        for groups in [*state.slots, state.shared]
    ]
    average = None if state.average is None else [next(rest) for _ in state.average]
    return State(
        state.names,
        parameters,
        buffers,
        state.groups,
        slots,
        average,
        state.device,
        shared=shared,
    )


def traced(program: Program, state: State, batch: Batch) -> Traced:
    def step(tensors: list[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        over = with_tensors(state, tensors)
        named = dict(zip(state.names, over.parameters, strict=True)) | over.buffers

        def forward(rows: Tensor) -> Tensor:
            return functional_call(program.module, named, (rows,))

        scalars, _ = program.update(forward, over, Batch(inputs, targets), 0.01)
        return scalars.loss

    example = [t.detach().clone().requires_grad_(t.requires_grad) for t in tensors_of(state)]
    return make_fx(step)(example, batch.inputs, batch.targets)


EVERY: list[tuple[Optimizer, dict[str, Any]]] = [
    (AdamW(0.01), {}),
    (SGD(0.01, momentum=0.9), {}),
    (AdamW(0.01), {"accumulate": 3}),
    (AdamW(0.01), {"average_decay": 0.0, "average_after": 2}),
    (AdamW(0.01), {"clip_norm": 0.0, "clip_adaptive": 0.1, "orthogonal": 0.01}),
    (AdamW(0.01), {"patterns": patterns_from({"dense_0": {"learning_rate_factor": 0.1}})}),
    (SAM(Lookahead(Muon(0.01), steps=2)), {}),
    *((kind(), {"average_decay": 0.0}) for kind in OPTIMIZERS.values() if kind.capturable),
]


@pytest.mark.parametrize(("optimizer", "options"), EVERY, ids=str)
def test_a_traced_update_gives_the_bits_of_eager(
    optimizer: Optimizer, options: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    batches = [Batch(torch.randn(8, 5), torch.randint(0, 3, (8,))) for _ in range(5)]
    program, state = program_of(optimizer, **options)
    replayed = [t.detach().clone() for t in tensors_of(state)]
    graph = traced(copy.deepcopy(program), state, batches[0])
    executor = executor_for("eager", program, state)
    for batch in batches:
        loss = executor.run(batch, 0.01).loss
        assert torch.equal(loss, graph(replayed, batch.inputs, batch.targets))
    for eager, other in zip(tensors_of(state), replayed, strict=True):
        assert torch.equal(eager, other)
