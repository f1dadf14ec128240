"""How blocks are laid in a row: equal neighbours are repeated, so that drawings stay readable."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ranvier.core.errors import NetworkError
from ranvier.spec import Layer, Repeat

Row = tuple[Layer, ...]


def in_a_row(blocks: Sequence[Row]) -> list[Layer]:
    """The layers of the blocks one after the other; equal neighbours as one `Repeat`."""
    layers: list[Layer] = []
    for block, equal in groupby(blocks):
        times = len(list(equal))
        layers += [Repeat(*block, times=times)] if times > 1 else block
    return layers


def rising(highest: float, count: int) -> list[float]:
    """`count` shares from 0 to `highest`, evenly: what each depth drops.

    >>> rising(0.2, 3)
    [0.0, 0.1, 0.2]
    """
    return [highest * i / max(1, count - 1) for i in range(count)]


def check_variant(where: str, value: object, known: Sequence[object]) -> None:
    """Refuse a variant that no paper has.

    Raises:
        NetworkError: with all that are known.
    """
    if value not in known:
        listed = ", ".join(map(repr, known))
        raise NetworkError(
            f"{where}: got {value!r}; expected one of {listed}. Name one of them and change its "
            "dimensions with the other arguments."
        )
