"""How far two sequences are apart, and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

NGrams = Counter[tuple[Hashable, ...]]


def ngrams(tokens: Sequence[Hashable], n: int) -> NGrams:
    """How often each run of n tokens occurs.

    >>> ngrams("abab", 2)
    Counter({('a', 'b'): 2, ('b', 'a'): 1})
    """
    return Counter(zip(*(tokens[start:] for start in range(n))))


def _shorter_and_longer(
    left: Sequence[Hashable], right: Sequence[Hashable]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both as whole numbers, equal tokens as equal ones; both measures here are symmetric."""
    codes: dict[Hashable, int] = {}
    encoded = [
        np.array([codes.setdefault(token, len(codes)) for token in tokens], dtype=np.int64)
        for tokens in (left, right)
    ]
    shorter, longer = sorted(encoded, key=len)
    return shorter, longer


def levenshtein(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Fewest tokens to insert, delete or replace to make one sequence the other.

    Row i of the table of d(i, j), the distance of the first i from the first j tokens, is had at
    once from the row above: where a row enters by a step down or aslant costs c_j, and from there
    steps to the right cost 1 each, so d(i, j) = j + min_{k ≤ j} (c_k − k).

    Reference: Levenshtein, Binary Codes Capable of Correcting Deletions, Insertions and Reversals
    (1966); Wagner and Fischer, The String-to-String Correction Problem (1974).

    >>> levenshtein("kitten", "sitting"), levenshtein("the cat".split(), "a cat".split())
    (3, 1)
    """
    shorter, longer = _shorter_and_longer(left, right)
    place = np.arange(len(longer) + 1)
    distance = place
    for index, token in enumerate(shorter, start=1):
        entry = np.minimum(distance[1:] + 1, distance[:-1] + (longer != token))
        distance = np.minimum.accumulate(np.append(index, entry) - place) + place
    return int(distance[-1])


def longest_common_subsequence(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Most tokens that both sequences hold in the same order, with others between them or not.

    Reference: Wagner and Fischer, The String-to-String Correction Problem (1974).

    >>> longest_common_subsequence("police killed the gunman".split(), "police kill gunman".split())
    2
    """
    shorter, longer = _shorter_and_longer(left, right)
    length = np.zeros(len(longer) + 1, dtype=np.int64)
    for token in shorter:
        entry = np.maximum(length[1:], length[:-1] + (longer == token))
        length = np.maximum.accumulate(np.append(0, entry))
    return int(length[-1])
