"""From a history to findings: every rule is asked, then the answers are judged together."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ranvier.core.finding import Finding, grouped
from ranvier.diagnose import rules  # noqa: F401  # which registers every rule
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.judge import RANK, judged
from ranvier.diagnose.symptom import RULES
from ranvier.runs.history import History

# Too few epochs: that a training was too short can be said once it is over.
AT_THE_END = frozenset({43})


def diagnose(history: History, *, numbers: Iterable[int] | None = None) -> list[Finding]:
    """What is wrong with a training, the primary cause first; nothing if all is well.

    `history` is that of a run, of a recorder, or of a run that is still going; `numbers` asks only
    for these symptoms of the catalogue. Findings that were recorded while data was read come along.
    """
    evidence = Evidence(history)
    asked = RULES if numbers is None else {number: RULES[number] for number in numbers}
    # Infinities are evidence too: what is reckoned with them is NaN, and says nothing.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # A statistic that was not recorded is NaN throughout, and so is its median.
        warnings.filterwarnings("ignore", "All-NaN|Mean of empty|Degrees of", RuntimeWarning)
        found = [finding for each in asked.values() for finding in each.look(evidence)]
    recorded = [Finding.from_json(record) for record in history.of("finding") if _stands(record)]
    return judged(grouped(_each_once(recorded, found)))


def _stands(record: Mapping[str, Any]) -> bool:
    """Whether a recorded finding is about the data: one of a step was true there, and is asked for
    anew."""
    return "step" not in record


def _each_once(recorded: list[Finding], found: list[Finding]) -> list[Finding]:
    """What was recorded and what rules found; of one symptom only those who say it more severely.

    On a tie what was recorded stays, as its words are about the source's own rows and columns.
    """
    worst = {number: min(ranks) for number, ranks in _ranks(recorded).items()}
    again = {number: min(ranks) for number, ranks in _ranks(found).items()}
    return [
        *(each for each in recorded if not _outdone(each, worst, again, on_tie=False)),
        *(each for each in found if not _outdone(each, again, worst, on_tie=True)),
    ]


def _ranks(findings: list[Finding]) -> dict[int, list[int]]:
    ranks: dict[int, list[int]] = {}
    for each in findings:
        if each.number:
            ranks.setdefault(each.number, []).append(RANK[each.severity])
    return ranks


def _outdone(
    finding: Finding, own: Mapping[int, int], other: Mapping[int, int], *, on_tie: bool
) -> bool:
    """Whether the other side says this symptom more severely, or as severely `on_tie`."""
    number = finding.number
    if number not in other or number not in own:
        return False
    return other[number] < own[number] or (on_tie and other[number] == own[number])
