"""Rows that are texts, and how a text becomes tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranvier.core.errors import DataError
from ranvier.metrics.metric import Takes
from ranvier.metrics.rows import Floats, Rows, checked_weights

Tokens = list[str]


def words(text: str) -> Tokens:
    """What blanks divide a text into, signs and capitals left as they are.

    >>> words("The cat sat.")
    ['The', 'cat', 'sat.']
    """
    return text.split()


def bare_words(text: str) -> Tokens:
    """The words in lower case without signs, as the usual programs for ROUGE take them.

    >>> bare_words("The cat's mat.")
    ['the', 'cat', 's', 'mat']
    """
    return re.findall(r"[^\W_]+", text.lower())


@dataclass(frozen=True)
class Texts(Rows):
    """References of each row, one or more, the text that was predicted, and weights [N] above 0."""

    takes: ClassVar[Takes] = "texts"
    references: list[list[str]]
    predicted: list[str]
    weights: Floats
    tokenize: Callable[[str], Tokens]

    @classmethod
    def of(
        cls,
        references: Sequence[str | Sequence[str]],
        predicted: Sequence[str],
        *,
        weights: ArrayLike | None = None,
        tokenize: Callable[[str], Tokens] = words,
    ) -> Texts:
        """Rows from one reference per text, or from a list of them where any would be right.

        Raises:
            DataError: not one predicted text per row, a row without a reference, what is no text.
            ShapeError: not one weight per row.

        >>> Texts.of([["a cat", "the cat"], "a dog"], ["the cat", "dogs"]).exactly_right
        array([ True, False])
        """
        listed = [[row] if isinstance(row, str) else list(row) for row in references]
        given = list(predicted) if not isinstance(predicted, str) else [predicted]
        _require_texts(listed, given, is_one_text=isinstance(predicted, str))
        weights_N = checked_weights(weights, len(listed))
        kept = np.flatnonzero(weights_N)
        return cls([listed[i] for i in kept], [given[i] for i in kept], weights_N[kept], tokenize)

    @property
    def exactly_right(self) -> NDArray[np.bool_]:
        """Which predicted texts are one of their references, sign for sign, [N]."""
        pairs = zip(self.references, self.predicted)
        return np.array([text in references for references, text in pairs], dtype=np.bool_)

    @cached_property
    def reference_tokens(self) -> list[list[Tokens]]:
        """The tokens of every reference of every row."""
        return [[self.tokenize(text) for text in row] for row in self.references]

    @cached_property
    def predicted_tokens(self) -> list[Tokens]:
        """The tokens of the text predicted for every row."""
        return [self.tokenize(text) for text in self.predicted]


def _require_texts(references: list[list[str]], predicted: list[str], *, is_one_text: bool) -> None:
    if is_one_text or len(references) != len(predicted):
        came = "one text" if is_one_text else f"{len(predicted)} predicted texts"
        raise DataError(
            f"metrics of texts: got {came} for {len(references)} rows of references; expected "
            "a list with one text per row. Several references of one row go into a list of its own."
        )
    for index, row in enumerate(references):
        if not row:
            raise DataError(
                f"metrics of texts: row {index} has no reference; expected at least one. "
                "Give an empty text where silence would be right."
            )
        for text in (*row, predicted[index]):
            if not isinstance(text, str):
                raise DataError(
                    f"metrics of texts: row {index} holds {text!r}; expected texts. "
                    "Decode tokens into text first."
                )
