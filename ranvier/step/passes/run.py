"""All passes, in order."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import fx

from ranvier.step.capture import Captured
from ranvier.step.passes.aliases import without_aliases
from ranvier.step.passes.constants import with_constants_once
from ranvier.step.passes.dead import without_dead
from ranvier.step.passes.repeated import without_repeated

Pass = Callable[[fx.Graph], None]

PASSES: tuple[Pass, ...] = (
    without_aliases,
    without_dead,
    with_constants_once,
    without_repeated,
    without_dead,
)


def simplified(captured: Captured, passes: tuple[Pass, ...] = PASSES) -> Captured:
    """The same update after `passes`, bit for bit; what came stays as it is."""
    module = fx.GraphModule(captured.module, copy.deepcopy(captured.module.graph))
    for change in passes:
        change(module.graph)
    module.graph.lint()
    module.recompile()
    return Captured(module, captured.names, captured.has_weights)
