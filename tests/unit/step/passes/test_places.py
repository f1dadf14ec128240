"""What an update does away from its device is made constant once, or refused by name."""

from __future__ import annotations

import pytest
import torch
from torch import fx
from torch._subclasses.fake_tensor import FakeTensorMode

from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.spec import Dense, Network
from ranvier.step.capture import CaptureError, capture
from ranvier.step.interpreters import python_function
from ranvier.step.passes import PASSES, simplified, with_copied_constants_once
from ranvier.step.passes.places import refuse_other_places
from tests.parity.test_replay import batches
from tests.parity.updates import CPU, Update

aten = torch.ops.aten
GPU = torch.device("cuda", 0)


def graph_of(operation: object, *, at: str, to: str, size: int) -> fx.Graph:
    """One operation on one input of so many numbers, and where the two lie."""
    graph = fx.Graph()
    given = graph.placeholder("given")
    made = graph.call_function(operation, (given,))
    with FakeTensorMode():
        shape = (size,) if size else ()
        given.meta["val"] = torch.empty(shape, device=at)
        made.meta["val"] = torch.empty(shape, device=to)
    graph.output((made,))
    return graph


def test_weights_of_classes_are_made_once() -> None:
    loss = CrossEntropy(class_weights=(1.0, 2.0, 0.5))
    update = Update(lambda: build(Network(Dense(3)), 5), batches(1, 8), loss=loss)
    program = update.program()
    state = program.first_state(CPU)
    (batch,) = update.batches
    captured = capture(program, state, batch)
    plain, once = simplified(captured), simplified(captured, (*PASSES, with_copied_constants_once))
    copies = [
        [node for node in each.module.graph.nodes if node.target is aten.lift_fresh_copy.default]
        for each in (plain, once)
    ]
    assert (len(copies[0]), len(copies[1])) == (1, 0)
    results = []
    for each in (plain, once):
        tensors = [tensor.detach().clone() for tensor in state.named().values()]
        rate = torch.tensor(0.01, dtype=torch.float64)
        told = python_function(each.module)(*tensors, batch.inputs, batch.targets, rate)
        results.append([*tensors, *told])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_copy_that_is_written_to_stays() -> None:
    graph = fx.Graph()
    module = torch.nn.Module()
    module.register_buffer("table", torch.zeros(2))
    made = graph.call_function(aten.clone.default, (graph.get_attr("table"),))
    graph.output((graph.call_function(aten.add_.Scalar, (made, 1)),))
    whole = fx.GraphModule(module, graph)
    with_copied_constants_once(whole.graph)
    whole.recompile()
    assert [whole()[0].tolist() for _ in range(2)] == [[1.0, 1.0]] * 2


@pytest.mark.parametrize(
    ("at", "to", "size", "words"),
    [
        ("cpu", "cuda", 3, r"_to_copy \(_to_copy_default\) works on cpu, not on cuda alone"),
        ("cuda", "cpu", 3, "works on cpu, not on cuda alone"),
        ("cpu", "cuda", 0, "works on cpu, not on cuda alone"),
        ("cpu", "cpu", 0, "works on cpu, not on cuda alone"),
    ],
)
def test_copies_to_and_from_the_host_are_refused(at: str, to: str, size: int, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        refuse_other_places(graph_of(aten._to_copy.default, at=at, to=to, size=size), GPU)


def test_work_on_the_device_and_a_number_from_the_host_may_stay() -> None:
    refuse_other_places(graph_of(aten.sin.default, at="cuda", to="cuda", size=3), GPU)
    refuse_other_places(graph_of(aten.sin.default, at="cpu", to="cuda", size=0), GPU)
