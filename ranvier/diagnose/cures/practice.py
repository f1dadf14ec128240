"""The doctor as a healing asks it: what is wrong now, what was still good, what can be tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ranvier.core.finding import Finding
from ranvier.diagnose.cures.cure import Case
from ranvier.diagnose.cures.prescriptions import Proposal, proposals
from ranvier.diagnose.cures.suspicion import suspected
from ranvier.diagnose.diagnosis import diagnose
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.evidence.evidence import FEWEST_UPDATES
from ranvier.diagnose.judge import stage_of
from ranvier.diagnose.rules.rate import moves
from ranvier.diagnose.symptom import RULES, Stage
from ranvier.runs.history import History
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network

# What can only be said of a training that is over: while it goes on, a loss that falls is no
# shortage of epochs, and one that rises may stop by itself, with the best weights kept.
_AT_THE_END = frozenset({40, 41, 43, 45, 53})

# A healing must take the same way again after it was killed: what a clock had a say in is left out.
_BY_THE_CLOCK = frozenset({42, 54})
_TIMED_FACTS = frozenset(
    {"overfit_from", "overfit_loss", "overfit_accuracy", "overfit_updates", "memory_available"}
)
# Where something was brought nearer to where it should be, which further steps may be better.
_DOWN, _UP = "lower_learning_rate", "raise_learning_rate"
_FURTHER: dict[str, tuple[str, ...]] = {
    "lower_learning_rate": (_DOWN, _UP),
    "lower_and_clip": (_DOWN, _UP),
    "raise_learning_rate": (_DOWN, _UP),
    "usual_learning_rate": (_DOWN, _UP),
    "usual_optimizer": (_DOWN, _UP),
    "usual_momentum": (_DOWN, _UP),
    "usual_epsilon": (_DOWN, _UP),
    "relu": (_DOWN, _UP),
    "initialise": (_DOWN, _UP),
    "less_decay": ("no_decay",),
    "less_dropout": ("no_dropout",),
}
# Below this pace a higher rate is tried before a lower one.
_SLOW = 2e-3
# Weights that move too far or let nothing through are not worth going on from.
_SPOILT_BY = frozenset({Stage.LEARNING_RATE, Stage.SIGNAL_FLOW})


@dataclass(frozen=True)
class Practice:
    """Reads histories and proposes cures; `usual` are the settings that the data would get."""

    usual: TrainSettings

    def findings(self, history: History, *, is_over: bool) -> list[Finding]:
        """What is wrong with the training, the primary cause first."""
        left_out = _BY_THE_CLOCK if is_over else _BY_THE_CLOCK | _AT_THE_END
        history = _without_clocks(history)
        found = diagnose(history, numbers=[number for number in RULES if number not in left_out])
        evidence = Evidence(history)
        if is_over and not any(each.severity == "error" for each in found):
            found = [*suspected(evidence, found), *found]
        # By how much updates move weights says how far a learning rate is off, whatever is wrong.
        pace = self.pace(history)
        known = {} if pace is None else {"update_to_weight": pace}
        return [replace(each, evidence={**known, **each.evidence}) for each in found]

    def pace(self, history: History) -> float | None:
        """How far an update moves weights, relative to them, if that was recorded."""
        moved = moves(Evidence(history))
        return None if moved is None else moved[0]

    def is_good(self, history: History) -> bool:
        """Whether what was learnt by the end of the history is worth going on from."""
        evidence = Evidence(history)
        if evidence.updates < FEWEST_UPDATES or not evidence.is_learning:
            return False
        return not any(
            each.severity == "error"
            or (each.severity == "warning" and stage_of(each) in _SPOILT_BY)
            for each in self.findings(history, is_over=False)
        )

    def proposals(
        self, finding: Finding, settings: TrainSettings, network: Network
    ) -> Iterator[Proposal]:
        """What can be tried for the finding, one change at a time, the first choice first."""
        return proposals(Case(finding, settings, network, self.usual))

    def refinements(
        self, cure: str, pace: float | None, settings: TrainSettings, network: Network
    ) -> Iterator[Proposal]:
        """Another step, of the learning rate as a rule, after a cure that helped.

        Where weights move slowly a higher rate is tried first, else a lower one.
        """
        steps = _FURTHER.get(cure, ())
        if pace is not None and pace < _SLOW:
            steps = steps[::-1]
        for step in steps:
            bare = Finding("information", "", "learning_rate", "", "", cure=step)
            for proposal in proposals(Case(bare, settings, network, self.usual)):
                yield replace(proposal, keeps_weights=False)


def _without_clocks(history: History) -> History:
    """The history without what preflight's experiments found in the time that they had."""
    return History(
        {"kind": kind, **(_untimed(record) if kind == "preflight" else record)}
        for kind, records in history.to_json().items()
        for record in records
    )


def _untimed(facts: Mapping[str, Any]) -> dict[str, Any]:
    probes = facts.get("probes") or {}
    kept = {name: value for name, value in probes.items() if name not in _TIMED_FACTS}
    return {**facts, "probes": kept or None, "seconds": None}
