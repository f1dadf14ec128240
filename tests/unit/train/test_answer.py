"""Running statistics follow the weights that predict."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ranvier.step.state import State, named_trainable
from ranvier.train.answer import answer_of
from ranvier.train.batches import Batches, Part


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 2))


def rows() -> Part:
    inputs = torch.randn(100, 4, generator=torch.Generator().manual_seed(1))
    targets = torch.zeros(100, dtype=torch.int64)
    return Part(inputs, targets, targets.numpy())


def state_of(module: nn.Module, answer: list[torch.Tensor] | None) -> State:
    named = named_trainable(module)
    return State(
        names=tuple(named),
        parameters=list(named.values()),
        buffers=dict(module.named_buffers()),
        groups=(),
        slots=[],
        average=None,
        device=torch.device("cpu"),
        answer=answer,
    )


def test_without_other_weights_the_network_predicts_as_it_is() -> None:
    module = network()
    batches = Batches(rows(), batch_size=20, seed=0)
    assert answer_of(module, state_of(module, None), batches) is None


def test_statistics_are_those_that_torch_takes_anew_for_averaged_weights() -> None:
    module, part = network(), rows()
    averaged = copy.deepcopy(module)
    with torch.no_grad():
        for parameter in averaged.parameters():
            parameter.mul_(3.0)
    batches = Batches(part, batch_size=20, seed=0)
    answer = answer_of(module, state_of(module, list(averaged.parameters())), batches)
    torch.optim.swa_utils.update_bn([batch.inputs for batch in batches.epoch(0)], averaged)
    assert answer is not None
    assert answer.keys() == averaged.state_dict().keys()
    for name, expected in averaged.state_dict().items():
        torch.testing.assert_close(answer[name], expected)
    assert not torch.allclose(answer["1.running_var"], module[1].running_var)


def test_the_network_and_the_random_state_are_left_as_they_were() -> None:
    module, part = network(), rows()
    before = copy.deepcopy(module.state_dict())
    random = torch.get_rng_state()
    answer_of(
        module.train(),
        state_of(module, list(module.parameters())),
        Batches(part, batch_size=20, seed=0),
    )
    assert all(torch.equal(before[name], own) for name, own in module.state_dict().items())
    assert module.training
    assert module[1].momentum == 0.1
    assert torch.equal(torch.get_rng_state(), random)
