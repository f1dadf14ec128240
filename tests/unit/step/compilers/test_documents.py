"""A graph written down as plain data is the same graph when it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.optim import SGD, AdamW, Optimizer
from ranvier.spec import BatchNorm, Dense, Dropout, LayerNorm, Network
from ranvier.step.capture import CaptureError, capture
from ranvier.step.compilers.documents import LARGEST_CONSTANT, document_of, module_from
from tests.parity.test_replay import batches
from tests.parity.updates import CPU, Update

NETWORK = Network(Dense(8, activation="gelu"), BatchNorm(), Dropout(0.2), LayerNorm(), Dense(3))


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (AdamW(0.01), {"clip_norm": 0.5, "average_decay": 0.9}),
        (SGD(0.01, momentum=0.9), {"accumulate": 2, "l2": 1e-3}),
    ],
    ids=str,
)
def test_a_graph_that_was_read_gives_the_same_bits(
    optimizer: Optimizer, options: dict[str, Any]
) -> None:
    loss = CrossEntropy(class_weights=(1.0, 2.0, 0.5))
    update = Update(lambda: build(NETWORK, 5), batches(1, 8), optimizer, options, loss)
    program = update.program()
    state = program.first_state(CPU)
    (batch,) = update.batches
    module = capture(program, state, batch).module
    read = module_from(json.loads(json.dumps(document_of(module))))
    results = []
    for each in (module, read):
        tensors = [tensor.detach().clone() for tensor in state.named().values()]
        torch.manual_seed(0)
        with torch.no_grad():
            rate = torch.tensor(0.01, dtype=torch.float64)
            told = each(*tensors, batch.inputs, batch.targets, rate)
        results.append([*tensors, *told])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert not torch.equal(results[1][0], state.parameters[0])


def test_the_forms_of_what_comes_are_kept() -> None:
    update = Update(lambda: build(NETWORK, 5), batches(1, 8))
    program = update.program()
    module = capture(program, program.first_state(CPU), update.batches[0]).module
    read = module_from(document_of(module))
    for before, after in zip(module.graph.nodes, read.graph.nodes, strict=True):
        assert before.op == after.op
        if before.op == "placeholder":
            one, other = before.meta["val"], after.meta["val"]
            assert (one.shape, one.stride(), one.dtype) == (
                other.shape,
                other.stride(),
                other.dtype,
            )


def test_infinite_numbers_and_kinds_of_numbers_are_kept() -> None:
    graph = torch.fx.Graph()
    given = graph.placeholder("given")
    given.meta["val"] = torch.empty(2)
    low = graph.call_function(torch.ops.aten.clamp.default, (given, float("-inf"), 1.5))
    as_double = graph.call_function(
        torch.ops.aten._to_copy.default, (low,), {"dtype": torch.float64}
    )
    graph.output((as_double,))
    module = torch.fx.GraphModule(torch.nn.Module(), graph)
    read = module_from(json.loads(json.dumps(document_of(module))))
    (came,) = read(torch.tensor([-3.0, 3.0]))
    assert came.tolist() == [-3.0, 1.5]
    assert came.dtype == torch.float64


def test_operations_of_others_and_large_constants_are_refused_by_name() -> None:
    graph = torch.fx.Graph()
    graph.output((graph.call_function(torch.sin, (graph.get_attr("table"),)),))
    root = torch.nn.Module()
    root.register_buffer("table", torch.zeros(2))
    with pytest.raises(CaptureError, match="sin.* is no operation of PyTorch itself"):
        document_of(torch.fx.GraphModule(root, graph))
    root.register_buffer("table", torch.zeros(LARGEST_CONSTANT + 1))
    with pytest.raises(CaptureError, match="the constant table is too large to be written down"):
        document_of(torch.fx.GraphModule(root, graph))
