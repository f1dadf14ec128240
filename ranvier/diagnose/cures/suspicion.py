"""What a healing acts on at the end of a training though no rule is sure of a cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ranvier.core.finding import Finding
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.evidence.series import blocks
from ranvier.diagnose.judge import stage_of
from ranvier.diagnose.symptom import RULES, Stage

# A rule must not cry wolf, and says nothing where much speaks for a fault and not all; a cure that
# was tried in vain is undone and costs time alone. So a healing asks for less.
ENOUGH_UPDATES = 100
LEARNT, LITTLE_LEARNT, STILL_FALLING = 0.95, 0.5, 0.97
EXPLAINED = 0.02
_TOO_FEW, _CHANCE = 43, 13
_OF_TRAINING = frozenset({Stage.LEARNING_RATE, Stage.SIGNAL_FLOW, Stage.LEARNING})


def suspected(evidence: Evidence, found: Sequence[Finding]) -> Iterator[Finding]:
    """That nothing was learnt, or little and not for want of a warning, or that the training ended
    in the middle of its fall.

    Next to nothing is learnt where the loss is above 0.95 times that of the best constant answer,
    or the last R² is at most 0.02. Little is learnt above 0.5 times: then what is `found` of how
    the training went is taken for an error where it is a warning. Of fewer than 100 updates the
    fall is unfinished where the last third of them has a mean loss below 0.97 times that of the
    third before.
    """
    if evidence.updates >= ENOUGH_UPDATES:
        left = _left(evidence)
        if left > LEARNT or not evidence.is_learning or _explains_nothing(evidence):
            numbers = {"loss": evidence.last_loss, "trivial": evidence.trivial_loss}
            yield RULES[_CHANCE].symptom.found("error", "the training loss", evidence=numbers)
        elif left > LITTLE_LEARNT:
            warnings = (each for each in found if each.severity == "warning")
            odd = (each for each in warnings if stage_of(each) in _OF_TRAINING)
            yield from (replace(each, severity="error") for each in odd)
        return
    parts = blocks(evidence.losses, count=3)
    if len(parts) == 3 and parts[2] < STILL_FALLING * parts[1]:
        numbers = {"updates": evidence.updates, "last_over_before": float(parts[2] / parts[1])}
        yield RULES[_TOO_FEW].symptom.found("error", "the training loss", evidence=numbers)


def _left(evidence: Evidence) -> float:
    """The loss at the end, in those of the best constant answer; 0 where that is not known."""
    trivial = evidence.trivial_loss
    return evidence.last_loss / trivial if trivial is not None and trivial > 0 else 0.0


def _explains_nothing(evidence: Evidence) -> bool:
    explained = evidence.scores("validation", "r2")
    explained = explained[np.isfinite(explained)]
    return len(explained) > 0 and float(explained[-1]) <= EXPLAINED
