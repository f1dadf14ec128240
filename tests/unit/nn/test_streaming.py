"""Sequences in pieces."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ranvier.core.errors import NetworkError
from ranvier.nn.streaming import Streams, streaming


class RunningSum(Streams):
    """The sum of all that came, place by place."""

    def forward(self, input: Tensor) -> Tensor:
        total = input.cumsum(1)
        if self.carry is not None:
            if self.carry.state is not None:
                total = total + self.carry.state
            self.carry.state = total[:, -1:].detach()
        return total


def test_pieces_give_what_the_whole_gives():
    module, rows = nn.Sequential(RunningSum(), RunningSum()), torch.arange(6.0).reshape(1, 6)
    with streaming(module):
        pieces = [module(rows[:, :2]), module(rows[:, 2:5]), module(rows[:, 5:])]
    assert torch.equal(torch.cat(pieces, 1), module(rows))


def test_nothing_is_carried_into_the_next_stream():
    module, rows = RunningSum(), torch.ones(1, 3)
    with streaming(module):
        module(rows)
    with streaming(module):
        assert torch.equal(module(rows), torch.tensor([[1.0, 2.0, 3.0]]))
    assert module.carry is None


def test_layers_that_look_ahead_are_refused_together():
    class Ahead(Streams):
        looks_ahead = True

    network = nn.Sequential(Ahead(), RunningSum(), Ahead())
    with pytest.raises(NetworkError, match=r"(?s)0: got a layer that reads later.*\n2: "):
        with streaming(network):
            pass


def test_what_meets_one_place_at_a_time_remembers_nothing():
    class Ahead(Streams):
        looks_ahead = True

    class Apart(Streams):
        takes_apart = True

        def __init__(self) -> None:
            super().__init__()
            self.inside = Ahead()

    module = nn.Sequential(Apart(), RunningSum())
    with streaming(module):
        assert module[0].inside.carry is None
        assert module[1].carry is not None
