"""How surprised a language model was by the text that came.

Dimensions: N tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ranvier.core.errors import DataError, ShapeError
from ranvier.metrics.metric import Takes, metric
from ranvier.metrics.rows import Floats, Rows, counted, weighted_mean

# A logarithm taken in float32 may come out this much above 0.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class Likelihoods(Rows):
    """log p of every true token [N], the characters it spells [N], and weights [N] above 0."""

    takes: ClassVar[Takes] = "token log-likelihoods"
    log_likelihoods: Floats
    num_characters: Floats
    weights: Floats

    @classmethod
    def of(
        cls,
        log_likelihoods: ArrayLike,
        *,
        num_characters: ArrayLike = 1,
        weights: ArrayLike | None = None,
    ) -> Likelihoods:
        """Rows from natural logarithms; padding is left out by a weight of 0.

        Shapes: log_likelihoods of any shape, one per token; num_characters and weights the same, or
        one number of characters for all: 1 where the tokens are characters.

        Raises:
            ShapeError: arrays that do not belong together.
            DataError: a logarithm above 0, which no probability has; a negative length.
        """
        logs_N = np.asarray(log_likelihoods, dtype=np.float64)
        lengths_N = np.asarray(num_characters, dtype=np.float64)
        if lengths_N.ndim and lengths_N.shape != logs_N.shape:
            raise ShapeError(
                f"metrics of token log-likelihoods: got lengths of shape {lengths_N.shape} for "
                f"tokens of shape {logs_N.shape}; expected the same shape, or one number. "
                "Say of every token how many characters it spells."
            )
        lengths_N = np.broadcast_to(lengths_N, logs_N.shape).ravel()
        flat_weights = None if weights is None else np.ravel(np.asarray(weights))
        weights_N, (logs_N, lengths_N) = counted(flat_weights, logs_N.ravel(), lengths_N)
        if (logs_N > _ROUNDING).any() or (lengths_N < 0).any():
            raise DataError(
                f"metrics of token log-likelihoods: got logarithms up to {logs_N.max()} and "
                f"lengths from {lengths_N.min()}; expected logarithms of at most 0 and lengths of "
                "at least 0. Give log p of each token; a loss is its negative."
            )
        return cls(np.minimum(logs_N, 0.0), lengths_N, weights_N)

    @property
    def is_scorable(self) -> bool:
        # Minus infinity is a token held to be impossible: infinitely perplexing, but no mistake.
        return len(self.weights) > 0 and not np.isnan(self.log_likelihoods).any()


@metric("perplexity", "token log-likelihoods", better="lower", other_spellings=("ppl",))
def perplexity(rows: Likelihoods) -> float:
    """exp of the mean of −log p: among how many equally likely tokens the model had to guess.

    Reference: Jelinek et al., Perplexity: a Measure of the Difficulty of Speech Recognition Tasks
    (1977).
    """
    with np.errstate(over="ignore"):
        return float(np.exp(-weighted_mean(rows.log_likelihoods, rows.weights)))


@metric(
    "bits_per_character",
    "token log-likelihoods",
    better="lower",
    other_spellings=("bpc", "bits_per_byte", "bpb"),
)
def bits_per_character(rows: Likelihoods) -> float:
    """Bits to write the text down with the model's help: −Σ log₂ p over the characters spelt.

    Unlike `perplexity` it compares models that cut text into different tokens. NaN where the tokens
    spell nothing.
    """
    characters = rows.weights @ rows.num_characters
    surprise = -(rows.weights @ rows.log_likelihoods)
    return float(surprise / math.log(2) / characters) if characters else math.nan
