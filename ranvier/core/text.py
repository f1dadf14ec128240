"""Texts as bytes in rows, and 64-bit hashes of them: the meaning that tensor operations follow.

    mix(h)      h ← (h ⊕ h≫30) · A, h ← (h ⊕ h≫27) · B, h ⊕ h≫31      (splitmix64)
    hash(s)     mix(Σ_i s_i p_i),  p_i = mix((i + 1) φ) | 1,  φ = 2⁶⁴ / golden ratio
    joined      mix(h φ + k), to go on from a hash h with k

All arithmetic is modulo 2⁶⁴. A byte 0 adds nothing, so padding does not change a hash.

Reference: Steele, Lea & Flood 2014 (splitmix); Lemire & Kaser 2014, arXiv:1202.4961 (multilinear).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ranvier.core.errors import DataError

if TYPE_CHECKING:
    import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_ALL = 2**64 - 1


def encode_text(strings: Iterable[str], length: int) -> np.ndarray:
    """Strings as rows of UTF-8 bytes, zeros behind; what is longer is cut between characters.

    >>> encode_text(["abc", "é"], 2)
    array([[ 97,  98],
           [195, 169]], dtype=uint8)

    Shapes: -> [strings, length].

    Raises:
        DataError: for what is no string, with its row.
    """
    # Descriptions of networks hash words too, and need no NumPy.
    import numpy as np

    rows = list(strings)
    codes = np.zeros((len(rows), length), dtype=np.uint8)
    for row, text in enumerate(rows):
        if not isinstance(text, str):
            raise DataError(
                f"row {row}: got {text!r}; expected a string. Turn it into one, or leave it out."
            )
        found = text.encode("utf-8", "replace")[:length].decode("utf-8", "ignore").encode("utf-8")
        codes[row, : len(found)] = np.frombuffer(found, dtype=np.uint8)
    return codes


def mix(value: int) -> int:
    """Every bit of a 64-bit number spread over all others."""
    value &= _ALL
    value = (value ^ (value >> 30)) * FIRST & _ALL
    value = (value ^ (value >> 27)) * SECOND & _ALL
    return value ^ (value >> 31)


def place_weight(place: int) -> int:
    """What a byte at this place is multiplied with."""
    return mix((place + 1) * GOLDEN) | 1


def hash_bytes(text: bytes) -> int:
    """The 64-bit hash of a byte string."""
    return mix(sum(byte * place_weight(place) for place, byte in enumerate(text)))


def join_hashes(hashes: Iterable[int]) -> int:
    """One hash of several, in order; one alone stays as it is."""
    first, *rest = hashes
    for each in rest:
        first = mix(first * GOLDEN + each)
    return first


def signed(value: int) -> int:
    """The 64 bits as torch's int64 reads them.

    >>> signed(2**64 - 1), signed(5)
    (-1, 5)
    """
    value &= _ALL
    return value - 2**64 if value >> 63 else value
