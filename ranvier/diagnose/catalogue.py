"""The catalogue of symptoms as a value: what is looked for, in the order of its numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ranvier.diagnose import rules  # noqa: F401  # which registers every rule
from ranvier.diagnose.symptom import RULES, Symptom


def symptoms() -> tuple[Symptom, ...]:
    """Every symptom that a rule looks for.

    >>> [symptom.name for symptom in symptoms()][39]
    'overfitting'
    """
    return tuple(RULES[number].symptom for number in sorted(RULES))


def document_of(symptom: Symptom) -> dict[str, Any]:
    """A symptom for a JSON document."""
    return {**asdict(symptom), "stage": stage_words(symptom)}


def stage_words(symptom: Symptom) -> str:
    """Where its cause lies.

    >>> stage_words(symptoms()[5])
    'learning rate'
    """
    return symptom.stage.name.lower().replace("_", " ")
