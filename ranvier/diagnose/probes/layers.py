"""What layers give for a few rows: of any network, also where an activation is only a function."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ranvier.diagnose.preflight.calls import (
    ACTIVATION,
    NORMALISATION,
    WEIGHTS,
    Call,
    calls_and_head,
)
from ranvier.diagnose.preflight.wiring import (
    DEAD_BELOW,
    MOST_NUMBERS,
    per_unit_most,
    saturated_share,
)
from ranvier.diagnose.untouched import untouched
from ranvier.step.probes import effective_rank

LOOKED_AT = (WEIGHTS, ACTIVATION, NORMALISATION)
# So many rows have to say that a unit is dead.
ROWS_TO_BE_DEAD = 1024
# So many units of a layer have to seem dead for it to be worth a look at more rows.
SUSPICIOUS = 0.25
NAMES = ("mean", "variance", "max", "mean_abs", "dead", "saturated", "rank")


@dataclass(frozen=True)
class Layer:
    """What a layer gave: its name, the function, the tensor, the axis of its units."""

    name: str
    function: str
    output: Tensor
    axis: int
    is_output: bool = False


def looked_at(module: nn.Module, inputs: Tensor) -> list[Layer]:
    """Every layer that computes, in order, in evaluation mode.

    A module that is called is named by its path; a function that a module calls itself by path and
    function, as `block.relu`, and from the second time on `block.relu 2`.
    """
    with untouched(module):
        _, calls, head = calls_and_head(module, inputs)
    leaves = {
        path for path, each in module.named_modules() if not any(True for _ in each.children())
    }
    counts: Counter[str] = Counter()
    found = []
    for place, call in enumerate(calls):
        output = call.output
        if call.role not in LOOKED_AT or output is None or not output.is_floating_point():
            continue
        name = _name(call, leaves)
        counts[name] += 1
        name = name if counts[name] == 1 else f"{name} {counts[name]}"
        found.append(Layer(name, call.name, output, call.axis, is_output=place == head))
    return found


def _name(call: Call, leaves: set[str]) -> str:
    if call.path and call.path in leaves:
        return call.path
    return f"{call.path}.{call.name}" if call.path else call.name


@torch.no_grad()
def statistics(module: nn.Module, rows: Tensor) -> dict[str, dict[str, float | None]]:
    """Per layer, by name: mean, variance, max |a|, mean |a|, dead, saturated, effective rank.

    What the network gives at last is not saturated, however near to 0 and 1 it lies: it is an
    answer.
    """
    return {layer.name: _statistics(layer) for layer in looked_at(module, rows)}


def seems_dead(statistic: dict[str, float | None]) -> bool:
    """Whether so many units were silent that more rows should be asked."""
    return (statistic["dead"] or 0.0) > SUSPICIOUS


@torch.no_grad()
def dead_shares(module: nn.Module, rows: Tensor) -> dict[str, float]:
    """The share of dead units of each layer, on as many of the rows as can be held at once."""
    numbers = sum(layer.output.numel() for layer in looked_at(module, rows[:2])) // 2
    fitting = rows[: max(4, MOST_NUMBERS // max(1, numbers))]
    return {layer.name: _dead(layer) for layer in looked_at(module, fitting)}


def _statistics(layer: Layer) -> dict[str, float | None]:
    output = layer.output.float()
    magnitude = output.abs()
    mean, variance, most, size = torch.stack(
        [output.mean(), output.var(unbiased=False), magnitude.amax(), magnitude.mean()]
    ).tolist()
    return {
        "mean": mean,
        "variance": variance,
        "max": most,
        "mean_abs": size,
        "dead": _dead(layer),
        "saturated": None if layer.is_output else saturated_share(output, layer.function),
        "rank": effective_rank(output) if math.isfinite(size) else None,
    }


def _dead(layer: Layer) -> float:
    most = per_unit_most(layer.output.abs(), layer.axis)
    return float((most < DEAD_BELOW).float().mean())
