"""From a name or `{kind, options}` to an optimiser or a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.core.kinds import from_spec
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer
from ranvier.optim.schedule import SCHEDULES, Schedule


def optimizer_from(spec: Optimizer | Mapping[str, Any] | str) -> Optimizer:
    """The optimiser that `spec` is, names, or holds the `to_json` of.

    Raises:
        UnknownNameError: no optimiser of that name; the nearest is offered.
        ConfigError: an unknown option, or a value that it cannot take.

    >>> optimizer_from({"kind": "sgd", "learning_rate": 0.5, "momentum": 0.9})
    SGD(learning_rate=0.5, weight_decay=0.0, momentum=0.9, dampening=0.0, nesterov=False)
    """
    return from_spec(OPTIMIZERS, spec)


def schedule_from(spec: Schedule | Mapping[str, Any] | str) -> Schedule:
    """The schedule that `spec` is, names, or holds the `to_json` of.

    Raises:
        UnknownNameError: no schedule of that name; the nearest is offered.
        ConfigError: an unknown option, or a value that it cannot take.
    """
    return from_spec(SCHEDULES, spec)
