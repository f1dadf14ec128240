"""Metrics of what it would take to mend a text. Of several references the nearest counts."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from ranvier.metrics.metric import metric
from ranvier.metrics.rows import Floats, weighted_mean
from ranvier.metrics.texts.sequences import levenshtein
from ranvier.metrics.texts.texts import Texts


def _edits(
    predicted: Iterable[Sequence[Hashable]], references: Iterable[Sequence[Sequence[Hashable]]]
) -> tuple[Floats, Floats]:
    """Of each row, the distance to its nearest reference and the length of that reference, [N]."""
    nearest = [
        # Of references that are level the longest, whose errors are the smallest share.
        min((levenshtein(text, reference), -len(reference)) for reference in row)
        for text, row in zip(predicted, references)
    ]
    distance, negative_length = np.array(nearest, dtype=np.float64).reshape(-1, 2).T
    return distance, -negative_length


def _rate(texts: Texts, distance: Floats, length: Floats) -> float:
    total = texts.weights @ length
    return float(texts.weights @ distance / total) if total else math.nan


@metric("edit_distance", "texts", better="lower", other_spellings=("levenshtein",))
def edit_distance(texts: Texts) -> float:
    """Mean number of characters to insert, delete or replace to make a text its reference."""
    distance, _ = _edits(texts.predicted, texts.references)
    return weighted_mean(distance, texts.weights)


@metric("character_error_rate", "texts", better="lower", other_spellings=("cer",))
def character_error_rate(texts: Texts) -> float:
    """Characters to mend in all texts over the characters of all references; may be above 1.

    NaN where every reference is empty.
    """
    return _rate(texts, *_edits(texts.predicted, texts.references))


@metric("word_error_rate", "texts", better="lower", other_spellings=("wer",))
def word_error_rate(texts: Texts) -> float:
    """Tokens to mend in all texts over the tokens of all references; may be above 1.

    NaN where every reference is empty.
    """
    return _rate(texts, *_edits(texts.predicted_tokens, texts.reference_tokens))
