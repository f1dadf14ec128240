"""How much an update computes is counted from the description, and guessed without one."""

from __future__ import annotations

import torch
from torch import nn

from ranvier.nn import build
from ranvier.spec import Conv, Dense, Flatten, Network
from ranvier.step.choice.operations import multiply_adds
from tests.parity.updates import Update
from tests.unit.step.capture.test_guard import batch


def test_a_convolution_counts_at_every_place() -> None:
    network = Network(Conv(4, kernel=3, bias=False), Flatten(), Dense(3, bias=False))
    module = build(network, (8, 8, 1))
    update = Update(lambda: module, [batch()])
    state = update.program().first_state(torch.device("cpu"))
    forward = 6 * 6 * 4 * 3 * 3 + 144 * 3
    assert forward > sum(p.numel() for p in module.parameters())
    assert multiply_adds(module, state, 10) == 3 * 10 * forward


def test_of_a_module_without_a_description_each_weight_counts_once() -> None:
    module = nn.Linear(5, 3)
    state = Update(lambda: module, [batch()]).program().first_state(torch.device("cpu"))
    assert multiply_adds(module, state, 10) == 3 * 10 * 18
