"""A symptom of the catalogue, and the rule that looks for it: one text for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from ranvier.core.finding import Category, Finding, Severity

if TYPE_CHECKING:
    from ranvier.diagnose.evidence import Evidence


class Stage(IntEnum):
    """Where a cause lies, in the order in which causes are looked for.

    What comes first brings about what comes later: unscaled inputs saturate units, not the other
    way round. `OUTCOME` is how a training goes that something else has spoilt.
    """

    DATA = 1
    WIRING = 2
    INITIALISATION = 3
    REGULARISATION = 4
    LEARNING_RATE = 5
    SIGNAL_FLOW = 6
    LEARNING = 7
    OUTCOME = 8
    GENERALISATION = 9


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """One row of the catalogue, in words for people: its page in the documentation is made of it.

    `number` is the row's. `statistic` has the equation and the threshold of what is measured,
    `looks` how it shows in the curves, `remedy` what to do.
    """

    number: int
    name: str
    stage: Stage
    category: Category
    meaning: str
    statistic: str
    looks: str
    remedy: str
    references: tuple[str, ...] = ()

    def found(
        self,
        severity: Severity,
        where: str,
        *,
        evidence: Mapping[str, Any],
        advice: str | None = None,
        category: Category | None = None,
        cure: str | None = None,
    ) -> Finding:
        """The finding that says that this symptom is there, with the numbers that show it."""
        return Finding(
            severity=severity,
            symptom=self.name,
            category=category or self.category,
            where=where,
            advice=advice or self.remedy,
            number=self.number,
            evidence=dict(evidence),
            cure=cure,
            meaning=self.sentence,
        )

    @property
    def sentence(self) -> str:
        """Its meaning up to the first full stop that ends a sentence."""
        sentence, stop, _ = self.meaning.partition(". ")
        return sentence + "." if stop else sentence


Look = Callable[["Evidence"], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """A symptom and the pure function that finds it in recorded evidence."""

    symptom: Symptom
    look: Look


RULES: dict[int, Rule] = {}


def rule(symptom: Symptom) -> Callable[[Look], Look]:
    """Register the function as the one that looks for the symptom."""

    def register(look: Look) -> Look:
        assert symptom.number not in RULES, symptom.number
        RULES[symptom.number] = Rule(symptom, look)
        return look

    return register
