"""Small experiments on a copy of the network: does a row see others, can it learn sixteen rows?"""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor, nn

from ranvier.diagnose.evidence import ProbeFacts
from ranvier.diagnose.preflight.wiring import LossFunction, copied, untouched
from ranvier.optim import Adam

OVERFIT_ROWS = 16
MOST_UPDATES = 300
SECONDS = 2.0
LEARNING_RATES = (1e-3, 1e-2, 5e-2)
# A loss this far down has learnt its rows.
LEARNT = 0.05
# Of fewer updates that were not enough nothing can be said.
FEWEST_UPDATES = 20


def probe_facts(
    module: nn.Module,
    loss: LossFunction | None,
    inputs: Tensor,
    targets: Tensor,
    *,
    most_updates: int = MOST_UPDATES,
) -> ProbeFacts:
    """Cross-talk between rows, and what sixteen rows come to in at most two seconds."""
    cross_talk = _cross_talk(module, inputs)
    if loss is None or not most_updates:
        return ProbeFacts(cross_talk=cross_talk)
    few = inputs[:OVERFIT_ROWS], targets[:OVERFIT_ROWS]
    with torch.random.fork_rng():
        learnt = _overfit(module, loss, *few, most_updates)
    if learnt is None:
        return ProbeFacts(cross_talk=cross_talk)
    first, last, accuracy, updates = learnt
    if updates < FEWEST_UPDATES and not 0 <= last < LEARNT * first:
        return ProbeFacts(cross_talk=cross_talk)
    return ProbeFacts(
        cross_talk=cross_talk,
        overfit_from=first,
        overfit_loss=last,
        overfit_accuracy=accuracy,
        overfit_updates=updates,
    )


@torch.no_grad()
def _cross_talk(module: nn.Module, inputs: Tensor) -> float | None:
    """By how much a row's output changes, over its own scale, where the other rows change.

    Of the first row and the last: what runs along the rows may see only those before it.
    """
    if len(inputs) < 8:
        return None
    # Other rows, not the same in another order: a mean over rows would not tell.
    few, others = inputs[:4], inputs[4:8]
    with untouched(module):
        one = module(few)
        if one.shape[:1] != few.shape[:1]:
            return 1.0  # rows do not even come out as they went in
        behind = module(torch.cat([few[:1], others[1:]]))
        ahead = module(torch.cat([others[:3], few[3:]]))
    scale = one.double().abs().max().clamp(min=1e-12)
    changes = torch.stack([(one[0] - behind[0]).abs().max(), (one[3] - ahead[3]).abs().max()])
    change = float(changes.double().max() / scale)
    return change if math.isfinite(change) else None


def _overfit(
    module: nn.Module, loss: LossFunction, inputs: Tensor, targets: Tensor, most_updates: int
) -> tuple[float, float, float | None, int] | None:
    """The loss before and after, the share of rows answered right, and how many updates it took.

    With Adam, at the first of three learning rates that learns the rows, or the best of them.
    """
    until = time.process_time() + SECONDS
    found: list[tuple[float, float, float | None, int]] = []
    for learning_rate in LEARNING_RATES:
        twin = copied(module)
        if twin is None or time.process_time() > until:
            break
        found.append(_descended(twin, loss, inputs, targets, learning_rate, most_updates))
        if 0 <= found[-1][1] < LEARNT * found[-1][0]:
            break
    return min(found, key=lambda each: (math.isnan(each[1]), each[1]), default=None)


def _descended(
    twin: nn.Module,
    loss: LossFunction,
    inputs: Tensor,
    targets: Tensor,
    learning_rate: float,
    most_updates: int,
) -> tuple[float, float, float | None, int]:
    twin.train()
    for each in twin.modules():
        if "dropout" in type(each).__name__.lower():
            each.eval()
    parameters: list[Tensor] = [p for p in twin.parameters() if p.requires_grad]
    # Not torch's, whose first optimiser in a process imports its compiler for more than a second.
    adam = Adam(learning_rate)
    slots = adam.slots(parameters)
    until = time.process_time() + SECONDS
    first = last = math.nan
    updates = 0
    outputs = inputs
    with torch.enable_grad():
        while updates < most_updates and time.process_time() < until:
            outputs = twin(inputs)
            value = torch.as_tensor(loss(outputs, targets)).mean()
            last = float(value.detach())
            first = last if updates == 0 else first
            gradients = torch.autograd.grad(
                value, parameters, allow_unused=True, materialize_grads=True
            )
            adam.update(
                parameters, list(gradients), slots, learning_rate=learning_rate, weight_decay=0.0
            )
            updates += 1
            if 0 <= last < LEARNT * first:
                break
    return first, last, _accuracy(outputs.detach(), targets), updates


def _accuracy(outputs: Tensor, targets: Tensor) -> float | None:
    if targets.is_floating_point() or outputs.ndim != 2 or outputs.shape[1] < 2:
        return None
    if targets.shape != outputs.shape[:1]:
        return None
    return float((outputs.argmax(1) == targets).double().mean())
