"""A network whose layers thaw one after another is the same network in every executor."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ranvier.core.task import Task
from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.optim import AdamW, patterns_from
from ranvier.spec import BatchNorm, Constrained, Conv, Dense, GlobalAveragePool, Network
from ranvier.step import Batch, Executor, Head, Program
from ranvier.step.capture import capture
from ranvier.step.executors import EXECUTORS

PHASES = ("dense_5 alone", "conv_2 too", "all")
STEPS = 8
GROUPS = {
    "conv_2": {"thaws_after": 1, "learning_rate_factor": 0.4, "l2": 0.01},
    "batch_norm_3": {"thaws_after": 1, "learning_rate_factor": 0.4},
    "conv_0": {"thaws_after": 2, "learning_rate_factor": 0.1, "weight_decay": 0.1},
    "batch_norm_1": {"thaws_after": 2, "learning_rate_factor": 0.1},
}


def program() -> Program:
    network = Network(
        Conv(4, 3, bias=False, padding="same", activation="relu"),
        BatchNorm(),
        Conv(6, 3, bias=False, padding="same", activation="relu"),
        BatchNorm(),
        GlobalAveragePool(),
        Dense(3),
    )
    return Program(
        module=build(network, (6, 6, 2)),
        head=Head(Task("classification", "y", ("a", "b", "c"))),
        loss=CrossEntropy(),
        optimizer=AdamW(0.01, weight_decay=0.01),
        clip_norm=1.0,
        average_decay=0.9,
        patterns=patterns_from(GROUPS),
    )


def batches() -> list[Batch]:
    draw = torch.Generator().manual_seed(1)
    return [
        Batch(torch.randn(16, 6, 6, 2, generator=draw), torch.randint(0, 3, (16,), generator=draw))
        for _ in range(STEPS)
    ]


def through_all_phases(name: str) -> tuple[Executor, dict[str, Tensor]]:
    own = program()
    executor = EXECUTORS[name](own, own.first_state(torch.device("cpu")))
    torch.manual_seed(0)
    norms = []
    for phase in range(len(PHASES)):
        own.wake(phase)
        norms += [executor.run(batch, 0.01).gradient_norms for batch in batches()]
    return executor, {**executor.state.named(), "norms": torch.stack(norms)}


@pytest.fixture(scope="module")
def eagerly() -> dict[str, Tensor]:
    return through_all_phases("eager")[1]


def test_a_replay_has_eager_s_bits_in_every_phase(eagerly: dict[str, Tensor]) -> None:
    executor, replayed = through_all_phases("replay")
    assert [name for name in eagerly if not torch.equal(eagerly[name], replayed[name])] == []
    assert not any(remark.is_fallback for remark in executor.remarks)
    assert sum("captured again" in remark.text for remark in executor.remarks) == 2


def test_the_native_library_gives_eager_s_numbers_in_every_phase(
    eagerly: dict[str, Tensor],
) -> None:
    executor, native = through_all_phases("native")
    assert not any(remark.is_fallback for remark in executor.remarks)
    for name, tensor in eagerly.items():
        torch.testing.assert_close(native[name], tensor, rtol=2e-3, atol=2e-4, msg=name)


def test_what_rests_has_a_gradient_of_0_that_nobody_computes(eagerly: dict[str, Tensor]) -> None:
    own = program()
    state = own.first_state(torch.device("cpu"))
    names = list(state.names)
    first, last = eagerly["norms"][0], eagerly["norms"][-1]
    assert [n for n, norm in zip(names, first, strict=True) if norm] == names[-2:]
    assert all(last[i] > 0 for i in range(len(names)))
    backward = []
    for phase in range(len(PHASES)):
        own.wake(phase)
        nodes = capture(own, state, batches()[0]).module.graph.nodes
        backward.append(sum("convolution_backward" in str(node.target) for node in nodes))
    assert backward == [0, 1, 2]


def test_more_phases_than_captures_are_kept_are_no_reason_to_give_up() -> None:
    network = Network(*(Dense(4, activation="tanh") for _ in range(12)), Dense(3))
    groups = {f"dense_{i}": {"thaws_after": 12 - i} for i in range(12)}
    own = Program(
        module=build(network, 5),
        head=Head(Task("classification", "y", ("a", "b", "c"))),
        loss=CrossEntropy(),
        optimizer=AdamW(0.01),
        patterns=patterns_from(groups),
    )
    executor = EXECUTORS["replay"](own, own.first_state(torch.device("cpu")))
    rows = Batch(torch.randn(8, 5), torch.randint(0, 3, (8,)))
    for phase in range(13):
        own.wake(phase)
        for _ in range(3):
            executor.run(rows, 0.01)
    assert not any(remark.is_fallback for remark in executor.remarks)


def test_a_layer_that_rests_is_not_brought_back_to_its_bounds() -> None:
    network = Network(Constrained(Dense(4), "non_negative"), Dense(3))
    own = Program(
        module=build(network, 5),
        head=Head(Task("classification", "y", ("a", "b", "c"))),
        loss=CrossEntropy(),
        optimizer=AdamW(0.01),
        patterns=patterns_from({"constrained_0": {"thaws_after": 1}}),
    )
    executor = EXECUTORS["eager"](own, own.first_state(torch.device("cpu")))
    rows = Batch(torch.randn(8, 5), torch.randint(0, 3, (8,)))
    weight = own.module.get_parameter("constrained_0.layer.weight")
    with torch.no_grad():
        weight.fill_(-1)
    own.wake(0)
    executor.run(rows, 0.01)
    assert torch.equal(weight, torch.full_like(weight, -1))
    own.wake(1)
    executor.run(rows, 0.01)
    assert float(weight.detach().min()) >= 0
