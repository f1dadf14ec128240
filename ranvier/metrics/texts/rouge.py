"""ROUGE: how much of the references a summary has, and how much of the summary they have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import numpy as np

from ranvier.core.errors import ConfigError, suggestion
from ranvier.metrics.metric import metric
from ranvier.metrics.rows import weighted_mean
from ranvier.metrics.texts.sequences import longest_common_subsequence, ngrams
from ranvier.metrics.texts.texts import Texts, Tokens

Measure = Literal["precision", "recall", "f1"]
Overlap = tuple[float, int, int]
"""What predicted and reference share, and how much there is in the prediction and the reference."""


def rouge_n(texts: Texts, *, n: int, measure: Measure = "f1") -> float:
    """Runs of n tokens that a text and its reference share, mean over the texts, 0 to 1.

    `recall` is their share of the reference's, `precision` of the text's, and `f1` both in one.
    0 for a text that shares none; of several references the one with the best f1 counts.

    Raises:
        ConfigError: another measure.

    Reference: Lin, ROUGE: A Package for Automatic Evaluation of Summaries (2004).
    """

    def overlap(predicted: Tokens, reference: Tokens) -> Overlap:
        found, wanted = ngrams(predicted, n), ngrams(reference, n)
        return (found & wanted).total(), found.total(), wanted.total()

    return _mean_of_best(texts, overlap, measure)


def rouge_l(texts: Texts, *, measure: Measure = "f1") -> float:
    """As `rouge_n`, of the tokens that stand in the same order in both, others between or not.

    Reference: Lin, ROUGE: A Package for Automatic Evaluation of Summaries (2004).
    """

    def overlap(predicted: Tokens, reference: Tokens) -> Overlap:
        return longest_common_subsequence(predicted, reference), len(predicted), len(reference)

    return _mean_of_best(texts, overlap, measure)


def _mean_of_best(
    texts: Texts, overlap: Callable[[Tokens, Tokens], Overlap], measure: Measure
) -> float:
    if measure not in get_args(Measure):
        raise ConfigError(
            f"rouge: unknown measure {measure!r}. {suggestion(measure, get_args(Measure))}"
        )
    best = [
        max((_measures(*overlap(predicted, reference)) for reference in references), key=_f1)
        for predicted, references in zip(texts.predicted_tokens, texts.reference_tokens)
    ]
    return weighted_mean(np.array([measures[measure] for measures in best]), texts.weights)


def _f1(measures: dict[str, float]) -> float:
    return measures["f1"]


def _measures(shared: float, predicted: int, reference: int) -> dict[str, float]:
    return {
        "precision": shared / predicted if predicted else 0.0,
        "recall": shared / reference if reference else 0.0,
        "f1": 2 * shared / (predicted + reference) if predicted + reference else 0.0,
    }


metric("rouge_1", "texts", better="higher", other_spellings=("rouge1", "rouge"))(
    partial(rouge_n, n=1)
)
metric("rouge_2", "texts", better="higher", other_spellings=("rouge2",))(partial(rouge_n, n=2))
metric("rouge_l", "texts", better="higher", other_spellings=("rougeL", "rougel"))(rouge_l)
