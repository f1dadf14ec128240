"""Looks inside the network, as tables: one row a look, one column a parameter or a layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Looks:
    """Statistics over K looks of P places, `steps` the update of each look.

    Shapes: steps `[K]`, each statistic `[K, P]`, NaN where it was not recorded.
    """

    names: tuple[str, ...]
    steps: np.ndarray
    statistics: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, statistic: str) -> np.ndarray:
        """The statistic `[K, P]`; NaN throughout if it was never recorded."""
        missing = np.full((len(self.steps), len(self.names)), math.nan)
        return self.statistics.get(statistic, missing)

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]], names: Sequence[str]) -> Looks:
        """From records that hold under each statistic a list in the order of `names`.

        A record of another number of places, as after a layer was added, is left out.
        """
        kept = [r for r in records if _places(r) == len(names)]
        found = dict.fromkeys(key for r in kept for key, value in r.items() if _is_list(value))
        nothing = [math.nan] * len(names)
        return cls(
            names=tuple(names),
            steps=np.array([r["step"] for r in kept], dtype=np.int64),
            statistics={key: _table([r.get(key, nothing) for r in kept]) for key in found},
        )


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _places(record: Mapping[str, Any]) -> int:
    return next((len(value) for value in record.values() if _is_list(value)), 0)


def _table(rows: list[list[float | None]]) -> np.ndarray:
    return np.array([[math.nan if v is None else v for v in row] for row in rows], dtype=np.float64)
