"""Which weights of a network that starts from others rest, how long, and how fast each moves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from ranvier.apps.starting import head_path
from ranvier.core.shapes import Shape
from ranvier.spec import Network, Node

# How much slower a stage learns than the one above it (Howard and Ruder 2018, 3.2).
SLOWER = 2.6
MOST_STAGES = 4
# Shares of the training for which the head is alone, and after which everything is trained.
HEAD_ALONE, ALL_THAWED = 0.2, 0.5
# Below so many pictures to train on, weights that are there already know more than these can tell.
FEW = 5000


@dataclass(frozen=True)
class Freezing:
    """What is said of the parameters (the setting `parameter_groups`), and that in words."""

    groups: dict[str, dict[str, Any]]
    words: str


def default_freeze(rows: int) -> tuple[str, str]:
    """What rests where nobody says so, and why."""
    if rows < FEW:
        return "gradual", f"{rows:,} pictures are few: the head first, then layers from the top"
    return "none", f"{rows:,} pictures are enough to train all layers at once"


def freezing(network: Network, shape: Shape, freeze: str, *, epochs: int) -> Freezing:
    """What rests and how fast the rest moves, of a network whose last layer alone is new.

    With "backbone" all but the head stays as it came. With "none" all is trained at once, each
    stage slower than the one above it. With "gradual" so too, but the head is alone at first, and
    the stages thaw one after another from the top.

    Reference: Howard and Ruder, Universal Language Model Fine-tuning for Text Classification
    (2018), 3.2 and 3.3: discriminative fine-tuning, gradual unfreezing.
    """
    stages = _stages(network, shape)
    if not stages:
        return Freezing({}, "below the head nothing has weights")
    if freeze == "backbone":
        groups: dict[str, dict[str, Any]] = {
            path: {"frozen": True} for stage in stages for path in stage
        }
        return Freezing(groups, "all but the head stays as it came")
    thaws = _thaws(len(stages), epochs) if freeze == "gradual" else [0] * len(stages)
    groups = {}
    for below, (stage, thaws_after) in enumerate(zip(stages, thaws, strict=True), start=1):
        for path in stage:
            groups[path] = {"learning_rate_factor": round(SLOWER**-below, 4)}
            if thaws_after:
                groups[path]["thaws_after"] = thaws_after
    slower = f"each stage learns at 1/{SLOWER} of the rate of the one above it"
    if not any(thaws):
        return Freezing(groups, slower)
    parts = ", ".join(
        f"{_span(stage)} from epoch {thaws_after + 1}"
        for stage, thaws_after in zip(stages, thaws, strict=True)
    )
    return Freezing(groups, f"the head alone at first, {parts}; {slower}")


def _thaws(stages: int, epochs: int) -> list[int]:
    """After how many epochs each stage thaws, from the top down."""
    first = min(max(1, round(HEAD_ALONE * epochs)), epochs - 1)
    last = max(first, round(ALL_THAWED * epochs))
    return [first + round(i * (last - first) / max(1, stages - 1)) for i in range(stages)]


def _stages(network: Network, shape: Shape) -> list[list[str]]:
    """The paths of what has weights below the head, in a few stages from the top down."""
    head = head_path(network)
    units = _units(network.trace(input=shape), head)
    count = min(MOST_STAGES, len(units))
    # Rounded up, so that a stage of more layers is one at the bottom, which moves least.
    bounds = [-(-len(units) * i // count) for i in range(count + 1)] if count else []
    return [list(chain(*units[first:last])) for first, last in pairwise(bounds)][::-1]


def _units(node: Node, head: str) -> list[list[str]]:
    """What has weights inside a row, from the bottom up: a layer with the norms that follow it."""
    units: list[list[str]] = []
    for child in node.children:
        if child.path == head or not any(inner.parameters for inner in child.walk()):
            continue
        if head.startswith(f"{child.path}.") or child.layer.form == "repeat":
            units += _units(child, head)
        elif child.layer.family == "normalisation" and units:
            units[-1].append(child.path)
        else:
            units.append([child.path])
    return units


def _span(stage: list[str]) -> str:
    return stage[0] if len(stage) == 1 else f"{stage[0]} to {stage[-1]}"
