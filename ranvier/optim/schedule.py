"""The learning rate over a run, as a pure function of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ranvier.core.kinds import check_ranges, to_document
from ranvier.core.registry import Registry


@dataclass(frozen=True)
class Schedule:
    """What the learning rate is multiplied by at each step.

    A duration is a number of steps where it is whole (`warmup=500`), a share of the run where it
    has a fraction (`warmup=0.05`). It holds no state: a resumed run asks for its step and goes on.
    """

    kind: ClassVar[str]

    def factor(self, step: int, *, total_steps: int, scores: Sequence[float] = ()) -> float:
        """The multiplier of step `step`, the first being 0, in a run of `total_steps`.

        `scores` are the monitored validation values so far, lower being better.
        """
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """The schedule as `{kind, options}`; `schedule_from` reads it back."""
        return to_document(self)


SCHEDULES: Registry[type[Schedule]] = Registry("schedule")


def steps_of(duration: float, total_steps: float) -> float:
    """A duration in steps: whole numbers are steps already, fractions a share of the run.

    >>> steps_of(500, 10_000), steps_of(0.05, 10_000)
    (500, 500.0)
    """
    return duration if isinstance(duration, int) else duration * total_steps


def check_durations(schedule: Schedule, **durations: float) -> None:
    """Refuse durations that are neither steps nor a share from 0 to 1."""
    wanted = "a number of steps, or a share of the run from 0.0 to 1.0"
    check_ranges(
        schedule,
        **{
            name: (duration >= 0 and (isinstance(duration, int) or duration <= 1), wanted)
            for name, duration in durations.items()
        },
    )


def linear_warmup(step: int, warmup_steps: float) -> float:
    """(step + 1)/w while it is below 1: step 0 moves already, and step w − 1 is at the peak."""
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps > 0 else 1.0


def cosine_anneal(start: float, end: float, progress: float) -> float:
    """From `start` to `end` along half a cosine as progress goes from 0 to 1."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, max(0.0, progress))))
