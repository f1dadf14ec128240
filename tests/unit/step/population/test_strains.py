"""Members parted into those that can be trained as one."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.core.task import Task
from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.optim import SGD, AdamW, Optimizer
from ranvier.spec import Dense, Dropout, Network
from ranvier.step import Batch, Head, Program
from ranvier.step.population import Member, Population, strains

HEAD = Head(Task("classification", "y", ("a", "b", "c")))
BATCH = Batch(torch.linspace(-1, 1, 20).view(4, 5), torch.tensor([0, 1, 2, 0]))


def member(optimizer: Optimizer, *, width: int = 4, rate: float = 0.1, **options: Any) -> Member:
    network = Network(Dense(width, activation="relu"), Dropout(rate), Dense(3))
    module = build(network, 5)
    program = Program(module=module, head=HEAD, loss=CrossEntropy(), optimizer=optimizer, **options)
    return Member(program)


def test_numbers_do_not_part_members() -> None:
    members = [
        member(AdamW(weight_decay=0.0)),
        member(AdamW(weight_decay=0.1), rate=0.5),
        member(AdamW(beta1=0.5, epsilon=1e-6)),
    ]
    assert strains(members, BATCH) == [[0, 1, 2]]


def test_what_is_left_out_at_zero_and_other_shapes_part_members() -> None:
    members = [
        member(SGD()),
        member(SGD(momentum=0.9)),
        member(SGD(), clip_norm=1.0),
        member(SGD(), width=8),
        member(SGD(momentum=0.5)),
        member(SGD(), clip_norm=0.3),
    ]
    parts = strains(members, BATCH)
    assert parts == [[0], [1, 4], [2, 5], [3]]
    for part in parts:
        population = Population([members[k] for k in part])
        population.run(BATCH, 0.1)
        assert population.remarks == []


def test_members_are_left_as_they_were() -> None:
    members = [member(SGD()), member(SGD())]
    before = [p.detach().clone() for m in members for p in m.program.module.parameters()]
    random = torch.get_rng_state()
    strains(members, BATCH)
    after = [p for m in members for p in m.program.module.parameters()]
    assert all(map(torch.equal, before, after))
    assert torch.equal(torch.get_rng_state(), random)
