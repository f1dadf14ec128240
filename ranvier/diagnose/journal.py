"""The records of a hand-written loop, in memory and in a folder, and what could not be recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ranvier.core.errors import ConfigError, RanvierError
from ranvier.core.finding import Finding
from ranvier.diagnose.diagnosis import diagnose
from ranvier.diagnose.preflight.losses import said
from ranvier.diagnose.symptom import RULES
from ranvier.runs.events import EventWriter
from ranvier.runs.history import History

Done = TypeVar("Done")


class Journal:
    """Keeps records; with a folder, writes them there too, as long as it takes them."""

    def __init__(self, folder: str | Path | None) -> None:
        self._records: list[dict[str, Any]] = []
        self._noted: set[str] = set()
        self._writer = None if folder is None else _writer(folder)

    @property
    def is_written(self) -> bool:
        """Whether records go into a folder as well."""
        return self._writer is not None

    def append(self, kind: str, record: dict[str, Any]) -> None:
        """Add a record."""
        self._records.append({"kind": kind, **record})
        if self._writer is None:
            return
        try:
            self._writer.append(kind, record)
        except (RanvierError, OSError, TypeError, ValueError) as error:
            self._writer = None
            self.note("writing", error)

    def tried(self, what: str, deed: Callable[[], Done]) -> Done | None:
        """Do it; an exception becomes a note, since the loop around it is somebody else's."""
        try:
            return deed()
        except Exception as error:
            self.note(what, error)
            return None

    def note(self, what: str, error: Exception | str) -> None:
        """Record that something could not be measured, once for each `what`."""
        if what not in self._noted:
            self._noted.add(what)
            text = error if isinstance(error, str) else said(error)
            self.append("note", {"what": what, "text": text})

    def drop(self, is_unwanted: Callable[[dict[str, Any]], bool]) -> None:
        """Forget records, in memory only: what is written stays."""
        self._records = [record for record in self._records if not is_unwanted(record)]

    def last(self, kind: str) -> dict[str, Any] | None:
        """The newest record of a kind."""
        return next((each for each in reversed(self._records) if each["kind"] == kind), None)

    def count(self, kind: str) -> int:
        """How many records there are of a kind."""
        return sum(each["kind"] == kind for each in self._records)

    def diagnosed(self, history: History) -> list[Finding]:
        """What is wrong by these records; a rule that fails does not take the others with it."""
        try:
            return diagnose(history)
        except Exception as error:
            self.note("diagnosis", error)
        return [finding for number in RULES for finding in self._by_rule(number, history)]

    def _by_rule(self, number: int, history: History) -> list[Finding]:
        found = self.tried(f"rule {number}", lambda: diagnose(history, numbers=[number]))
        return found or []

    @property
    def history(self) -> History:
        """All records."""
        return History(self._records)


def _writer(folder: str | Path) -> EventWriter:
    try:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        return EventWriter(path)
    except TypeError:
        raise ConfigError(
            f"rv.Recorder: out is a {type(folder).__name__}; expected the path of a folder."
        ) from None
    except (OSError, RanvierError) as error:
        raise ConfigError(
            f"rv.Recorder: out={str(folder)!r} cannot be written ({error}); expected a folder, or "
            "the path of one to make. Name another, or leave it out."
        ) from error
