"""The average of the weights over the updates: one that forgets, or one that counts all alike."""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.step.state import State

AVERAGED = "average.updates"


def decay_average_(state: State, decay: float) -> None:
    """θ̄ ← β·θ̄ + (1 − β)·θ: an exponential moving average (EMA).

    Reference: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging (1992).
    """
    assert state.average is not None
    torch._foreach_lerp_(state.average, state.parameters, 1 - decay)


def equal_average_(state: State, after: int) -> None:
    """θ̄ ← θ̄ + (θ − θ̄)/max(1, t − after): the mean of θ over the updates t > `after` (SWA).

    Up to there it is θ itself. The count is a tensor of the state, so that a captured update counts
    at every replay.

    Reference: Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization
    (2018), algorithm 1, with an average after every update.
    """
    assert state.average is not None
    (count,) = state.shared[AVERAGED]
    count.add_(1)
    share = 1 / (count - after).clamp(min=1)
    shares: list[Tensor] = [share.to(tensor.dtype) for tensor in state.average]
    torch._foreach_lerp_(state.average, state.parameters, shares)
