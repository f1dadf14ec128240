"""BLEU: how much of a translation is found, in runs of up to four words, in its references."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ranvier.core.errors import ConfigError
from ranvier.metrics.metric import metric
from ranvier.metrics.rows import Floats
from ranvier.metrics.texts.sequences import NGrams, ngrams
from ranvier.metrics.texts.texts import Texts

Smoothing = Literal["none", "add_one", "floor", "exponential"]


def bleu(texts: Texts, *, max_n: int = 4, smoothing: Smoothing = "none") -> float:
    """Agreement in runs of 1 to `max_n` tokens over the whole corpus, 0 to 1.

        BLEU = b · exp( Σ_n log p_n / N ),  b = min(1, exp(1 − r / h))

    p_n is the share of the predicted n-grams found in a reference, an n-gram counting at most as
    often as the reference that has most of it; h is the length of the predicted texts and r that of
    the references nearest to them in length, the shorter where two are level. NaN where every
    reference is empty.

    A corpus that lacks a match for some n scores 0. Single sentences often do, so for them a
    `smoothing` is chosen: `add_one` counts one match and one n-gram more for n above 1; `floor`
    takes 0.1 for 0 matches; `exponential` takes ½, ¼, … for the first, second, … n without a match.

    Raises:
        ConfigError: an unknown smoothing, or a `max_n` below 1.

    Reference: Papineni et al., BLEU: a Method for Automatic Evaluation of Machine Translation
    (2002); Lin and Och, ORANGE (2004) for `add_one`; Chen and Cherry, A Systematic Comparison of
    Smoothing Techniques for Sentence-Level BLEU (2014), methods 1 and 3, for the others.
    """
    if smoothing not in _SMOOTHINGS or max_n < 1:
        raise ConfigError(
            f"bleu: got smoothing = {smoothing!r} and max_n = {max_n}; expected one of "
            f"{', '.join(map(repr, _SMOOTHINGS))} and at least 1."
        )
    predicted_length, reference_length = _lengths(texts)
    if not reference_length:
        return math.nan
    if not predicted_length:
        return 0.0
    matches, total = _counts(texts, max_n)
    precision = _SMOOTHINGS[smoothing](matches, total)
    if not precision.all():
        return 0.0
    brevity = min(1.0, math.exp(1 - reference_length / predicted_length))
    return brevity * math.exp(float(np.log(precision).mean()))


def _lengths(texts: Texts) -> tuple[float, float]:
    predicted_length = reference_length = 0.0
    rows = zip(texts.predicted_tokens, texts.reference_tokens, texts.weights)
    for predicted, references, weight in rows:
        length = len(predicted)
        nearest = min((abs(len(tokens) - length), len(tokens)) for tokens in references)[1]
        predicted_length += weight * length
        reference_length += weight * nearest
    return predicted_length, reference_length


def _counts(texts: Texts, max_n: int) -> tuple[Floats, Floats]:
    """The weight of the n-grams that match and of all that were predicted, [max_n] each."""
    matches, total = np.zeros(max_n), np.zeros(max_n)
    rows = zip(texts.predicted_tokens, texts.reference_tokens, texts.weights)
    for predicted, references, weight in rows:
        for n in range(1, max_n + 1):
            found = ngrams(predicted, n)
            most = NGrams()
            for tokens in references:
                most |= ngrams(tokens, n)
            matches[n - 1] += weight * (found & most).total()
            total[n - 1] += weight * found.total()
    return matches, total


def _share(matches: Floats, total: Floats) -> Floats:
    return np.divide(matches, total, out=np.zeros_like(total), where=total > 0)


def _add_one(matches: Floats, total: Floats) -> Floats:
    more = np.append(0.0, np.ones(len(total) - 1))
    return _share(matches + more, total + more)


def _floor(matches: Floats, total: Floats) -> Floats:
    return _share(np.where(matches > 0, matches, 0.1), total)


def _exponential(matches: Floats, total: Floats) -> Floats:
    is_none = matches == 0
    return _share(np.where(is_none, 0.5 ** np.cumsum(is_none), matches), total)


_SMOOTHINGS = {
    "none": _share,
    "add_one": _add_one,
    "floor": _floor,
    "exponential": _exponential,
}

metric("bleu", "texts", better="higher", other_spellings=("corpus_bleu", "sacrebleu"))(bleu)
