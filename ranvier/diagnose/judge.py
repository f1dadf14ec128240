"""Which finding is the cause, and which only follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ranvier.core.finding import Category, Finding, Severity
from ranvier.diagnose.symptom import RULES, Stage

RANK: dict[Severity, int] = {"error": 0, "warning": 1, "information": 2}
# What a cause of an earlier stage brings about. What lies in the data or in how well a network does
# on other rows stands for itself.
FOLLOWING = frozenset(
    {
        Stage.INITIALISATION,
        Stage.REGULARISATION,
        Stage.LEARNING_RATE,
        Stage.SIGNAL_FLOW,
        Stage.LEARNING,
        Stage.OUTCOME,
    }
)
# Where a cause of this category lies, for a symptom that another category brings about as a rule.
STAGES: dict[Category, Stage] = {
    "data": Stage.DATA,
    "labels": Stage.DATA,
    "preprocessing": Stage.DATA,
    "architecture": Stage.WIRING,
    "loss": Stage.WIRING,
    "optimizer": Stage.WIRING,
    "initialisation": Stage.INITIALISATION,
    "learning_rate": Stage.LEARNING_RATE,
    "activation": Stage.SIGNAL_FLOW,
    "regularisation": Stage.REGULARISATION,
    "epochs": Stage.LEARNING,
}


def judged(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with the primary cause first, and what follows from it folded under it.

    The primary cause is the error whose stage comes first: data → wiring → initialisation →
    regularisation → learning rate → signal flow → learning → outcome → generalisation. Later errors
    and warnings about how the training went are consequences: they stay in the list, as information
    that names the cause.
    """
    ordered = sorted(findings, key=_order)
    if not ordered or ordered[0].severity != "error":
        return ordered
    cause = ordered[0]
    folded = [cause, *(_folded(each, cause) for each in ordered[1:])]
    return [cause, *sorted(folded[1:], key=_order)]


def _folded(finding: Finding, cause: Finding) -> Finding:
    stage = stage_of(finding)
    if stage not in FOLLOWING or stage < stage_of(cause) or finding.number == cause.number:
        return finding
    return replace(finding, severity="information", because=cause.symptom)


def _order(finding: Finding) -> tuple[int, Stage, int]:
    return RANK[finding.severity], stage_of(finding), finding.number


def stage_of(finding: Finding) -> Stage:
    """The stage of the finding's symptom, or that of the cause that it names where that is earlier.

    What is not in the catalogue is about data.
    """
    known = RULES.get(finding.number)
    if known is None:
        return Stage.DATA
    symptom = known.symptom
    is_usual = finding.category == symptom.category or symptom.stage is Stage.OUTCOME
    return symptom.stage if is_usual else min(symptom.stage, STAGES[finding.category])
