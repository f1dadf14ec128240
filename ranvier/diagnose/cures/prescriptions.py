"""Which cures are tried for which symptom, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ranvier.core.errors import RanvierError
from ranvier.diagnose.cures import optimising, regularising, rewiring  # noqa: F401  # register
from ranvier.diagnose.cures.cure import CURES, Case, Cure
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network

# Whatever shows in how training goes, what is far from usual is suspected first.
_FAR_FROM_USUAL = ("less_dropout", "less_decay", "usual_momentum", "usual_epsilon", "initialise")
_IN_TRAINING = frozenset({*range(1, 15), 18, 19, 42, 43, 44, 50, 52})
# For what shows only that nothing is learnt: whatever stands out is put back to what is usual.
_NOTHING_LEARNT = (
    "logits",
    "usual_optimizer",
    "relu",
    "normalise",
)
# Updates that move weights by more, or by less, are themselves a likely cause.
_MOST, _LEAST = 3e-2, 1e-4

PRESCRIBED: dict[int, tuple[str, ...]] = {
    1: ("lower_and_clip", "usual_learning_rate", "initialise", "usual_optimizer", "normalise"),
    2: ("clip", "lower_and_clip", "initialise", "normalise", "usual_optimizer"),
    3: ("relu", "normalise", "residual", "initialise", "usual_optimizer"),
    4: ("initialise", "lower_learning_rate", "leaky_relu", "normalise", "usual_optimizer"),
    5: ("initialise", "standardise", "lower_learning_rate", "normalise", "relu"),
    6: ("lower_learning_rate", "lower_and_clip", "usual_learning_rate", "usual_optimizer"),
    7: ("raise_learning_rate", "usual_learning_rate", "usual_optimizer"),
    8: ("schedule", "usual_optimizer"),
    9: ("lower_learning_rate", "larger_batches", "schedule", "usual_optimizer"),
    10: ("lower_and_clip", "schedule", "usual_learning_rate", "usual_optimizer"),
    11: ("lower_learning_rate", "weight_decay", "usual_optimizer"),
    12: _NOTHING_LEARNT,
    13: _NOTHING_LEARNT,
    14: _NOTHING_LEARNT,
    18: ("clip", "lower_learning_rate"),
    19: ("larger_batches",),
    21: ("usual_optimizer",),
    22: ("initialise",),
    23: ("initialise", "normalise"),
    24: ("standardise",),
    25: ("standardise",),
    27: ("usual_learning_rate", "lower_and_clip"),
    28: ("linear_head",),
    29: ("initialise", "standardise", "normalise"),
    30: ("logits", "initialise", "standardise"),
    33: ("balance",),
    40: ("regularise", "stop_early", "weight_decay"),
    41: ("stop_early",),
    42: _NOTHING_LEARNT,
    43: ("more_epochs", "raise_learning_rate"),
    44: ("usual_optimizer",),
    45: ("regularise",),
    46: ("larger_batches",),
    47: ("logits", "cross_entropy"),
    48: ("activation",),
    51: ("relu", "normalise", "initialise", "residual"),
    52: ("normalise", "residual", "lower_learning_rate"),
}


@dataclass(frozen=True)
class Proposal:
    """A cure applied: what the training would be under it.

    `keeps_weights` and `stands_out` are the cure's.
    """

    cure: str
    words: str
    keeps_weights: bool
    stands_out: bool
    settings: TrainSettings
    network: Network


def cures_for(case: Case) -> tuple[Cure, ...]:
    """The cures of the case's finding, in the order in which they are to be tried.

    A finding may name one that its symptom's list does not have; it comes last.
    """
    finding = case.finding
    names = [*PRESCRIBED.get(finding.number, ())]
    if finding.cure in CURES and finding.cure not in names:
        names.append(finding.cure)
    if finding.number in _IN_TRAINING:
        names = [*_FAR_FROM_USUAL, *(name for name in names if name not in _FAR_FROM_USUAL)]
    moved = case.measured("update_to_weight")
    if finding.number in (12, 13, 14, 42):
        too_fast, too_slow = ["lower_learning_rate"], ["raise_learning_rate"]
        if moved is not None and moved > _MOST:
            names = [*too_fast, *names, *too_slow]
        elif moved is not None and moved < _LEAST:
            names = [*too_slow, *names, *too_fast]
        else:
            names = [*names, *too_fast, *too_slow]
    return tuple(CURES[name] for name in names)


def proposals(case: Case) -> Iterator[Proposal]:
    """What can be tried for the case, one change at a time."""
    for cure in cures_for(case):
        try:
            changed = cure.apply(case)
        except RanvierError:
            continue  # a network that cannot be written so
        if changed is not None and changed != (case.settings, case.network):
            yield Proposal(cure.name, cure.words, cure.keeps_weights, cure.stands_out, *changed)
