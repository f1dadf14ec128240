"""What short trainings with one thing changed came to, beside what the training itself came to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ranvier.diagnose.evidence.facts import TrialFacts

AS_IT_IS = "as it is"
# Losses count as equal within this share of the loss before training.
FLOOR = 0.05
# A trial this many times as good has found something; less is within what batches and draws do.
CLEAR = 1.5
# A cause explains at least this share (of the logarithm) of what the best trial gained.
SHARE = 0.6


@dataclass(frozen=True)
class Trials:
    """The trials, and `reached`, the loss that the training itself ended with, on training rows.

    `updates` is how many the training had. A gain is by how many times the loss of a trial is
    lower, both raised by 5 % of the least loss that any of them began with.
    """

    facts: Sequence[TrialFacts]
    reached: float
    updates: int

    @cached_property
    def _after(self) -> dict[str, float]:
        return {t.name: math.inf if t.after is None else t.after for t in self.facts}

    @cached_property
    def _floor(self) -> float:
        known = [abs(t.before) for t in self.facts if t.before is not None]
        return FLOOR * min(known, default=1.0) + 1e-30

    def __bool__(self) -> bool:
        return bool(self.facts)

    def gain(self, name: str) -> float:
        """How many times as good as the training the trial is; 1 if it is no better, or unknown."""
        return max(1.0, self._times(self.reached, self._after.get(name, math.inf)))

    def _times(self, worse: float, better: float) -> float:
        if math.isinf(better) or math.isnan(better):
            return 0.0
        if not math.isfinite(worse):
            return math.inf
        # Losses below zero have no ratio: what counts is the difference.
        low = min(worse, better, 0.0)
        return (worse - low + self._floor) / (better - low + self._floor)

    def of_change(self, name: str) -> float:
        """What the change itself gains: over the training, and over the trial without a change."""
        unchanged = self._times(
            self._after.get(AS_IT_IS, self.reached), self._after.get(name, math.inf)
        )
        return max(1.0, min(self.gain(name), unchanged))

    @cached_property
    def best(self) -> str | None:
        """The change that gained most, None if none gained clearly."""
        names = [name for name in self._after if name != AS_IT_IS]
        best = max(names, key=self.of_change, default=None)
        return best if best is not None and self.of_change(best) > CLEAR else None

    def first_of(self, names: Sequence[str]) -> str | None:
        """The best of these changes where it explains what went wrong: its gain is clear, and the
        larger part of what any trial gained over the training, the one without a change too."""
        known = [name for name in names if name in self._after]
        if not known or self.best is None:
            return None
        name = max(known, key=self.of_change)
        gain, most = self.of_change(name), max(map(self.gain, self._after))
        if gain <= CLEAR:
            return None
        explains = math.isinf(gain) or math.log(gain) >= SHARE * math.log(min(most, 1e6))
        return name if explains else None

    @property
    def loop_is_at_fault(self) -> bool:
        """Whether the same network, loss and optimiser come clearly further in a plain loop, in no
        more updates than the training had."""
        if not self.facts or self.updates < self.facts[0].updates:
            return False
        return self.gain(AS_IT_IS) > CLEAR

    @property
    def was_cut_short(self) -> bool:
        """Whether the same in a plain loop came clearly further by having more updates."""
        if not self.facts or self.updates >= self.facts[0].updates:
            return False
        if not math.isfinite(self.reached):
            return False  # more updates mend no number that is none
        return self.gain(AS_IT_IS) > CLEAR

    def numbers(self, name: str) -> dict[str, float | str | int | None]:
        """The evidence of a trial: what was changed, what it came to, and the training."""
        found = next(t for t in self.facts if t.name == name)
        return {
            "trial": name,
            "trial_loss": found.after,
            "trial_updates": found.updates,
            "loss": self.reached,
        }
