"""What a run recorded, put together from its events."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ranvier.core.errors import UnknownNameError, suggestion
from ranvier.runs.events import read_events

# What the clock says, what was captured when, and what memory was free differs from one run to the
# next; everything else is a function of the seed.
_TIMED_KINDS = frozenset({"timing", "executor", "preflight"})
_TIMED_KEYS = frozenset({"seconds", "rows_per_second"})


class History:
    """The records of a run; two are equal where they agree in everything but time.

    >>> history = History([
    ...     {"kind": "window", "step": 2, "loss": [0.9, 0.7]},
    ...     {"kind": "epoch", "epoch": 1, "step": 2, "validation": {"accuracy": 0.8}},
    ...     {"kind": "timing", "epoch": 1, "step": 2, "seconds": 0.1},
    ... ])
    >>> history.series("loss"), history.series("validation.accuracy")
    ([0.9, 0.7], [0.8])
    """

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self._by_kind: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            payload = {key: value for key, value in record.items() if key != "kind"}
            self._by_kind.setdefault(record["kind"], []).append(payload)

    @classmethod
    def read(cls, events: str | Path) -> History:
        """The history that the folder of events holds so far.

        Raises:
            DamagedError: a record is not what was written, or is missing.
            FormatError: a newer Ranvier wrote it.
        """
        return cls(read_events(events))

    def with_record(self, kind: str, record: Mapping[str, Any]) -> History:
        """This history and one more record."""
        found = History([{"kind": kind, **record}])
        for other, records in self._by_kind.items():
            found._by_kind[other] = [*records, *found._by_kind.get(other, ())]
        return found

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The records of one kind in order, none if there are none."""
        return list(self._by_kind.get(kind, ()))

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """One mapping an epoch: scores on training and validation rows."""
        return self.of("epoch")

    @property
    def windows(self) -> list[dict[str, Any]]:
        """Stretches of steps with what was measured at each."""
        return self.of("window")

    def series(self, name: str) -> list[Any]:
        """A number for each step (`loss`, `gradient_norm`), or for each epoch (`validation.loss`).

        Raises:
            UnknownNameError: nothing of that name was recorded.
        """
        per_step = {key for window in self.windows for key, value in window.items() if _long(value)}
        if name in per_step:
            return [value for window in self.windows for value in window.get(name, ())]
        rows = [_flat(epoch) for epoch in self.epochs]
        per_epoch = {key for row in rows for key in row}
        if name in per_epoch:
            return [row.get(name) for row in rows]
        known = sorted(per_step | per_epoch)
        raise UnknownNameError(f"no series {name!r} was recorded. {suggestion(name, known)}")

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """All records by kind."""
        return {kind: list(records) for kind, records in self._by_kind.items()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return _untimed(self._by_kind) == _untimed(other._by_kind)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(rows)} {kind}" for kind, rows in self._by_kind.items())
        return f"History({counts or 'empty'})"


def _long(value: Any) -> bool:
    return isinstance(value, list | array)


def _flat(epoch: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in epoch.items():
        if isinstance(value, Mapping):
            flat.update({f"{key}.{inner}": entry for inner, entry in value.items()})
        else:
            flat[key] = value
    return flat


def _untimed(by_kind: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    lasting = {
        kind: [
            {k: v for k, v in row.items() if k not in _TIMED_KEYS}
            for row in rows
            if not _was_live(kind, row)
        ]
        for kind, rows in by_kind.items()
        if kind not in _TIMED_KINDS
    }
    return {kind: rows for kind, rows in lasting.items() if rows}


def _was_live(kind: str, row: Mapping[str, Any]) -> bool:
    """Whether it is a finding made while training went, which is when there was time for it."""
    return kind == "finding" and "step" in row
