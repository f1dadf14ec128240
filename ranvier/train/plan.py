"""What the loop is to do, every choice made."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.optim import Schedule

# Updates between looks inside the network, where an update takes long enough.
LOOK_EVERY = 64
# Monitored, it keeps the last epoch, whatever the validation part says of it.
LAST = "last"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A training in numbers: how long, how fast, when to stop, how often to look and to save.

    `monitor` is `loss`, a metric of the validation part, or `last`; `patience` counts evaluations
    without gain, 0 never stops early.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: Schedule
    seed: int = 0
    patience: int = 0
    monitor: str = "loss"
    checkpoint_seconds: float = 30.0
    statistics_every: int = LOOK_EVERY
