"""What Ranvier has to say about data or a run: one sentence with its evidence and its mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

Severity = Literal["information", "warning", "error"]
Category = Literal[
    "data",
    "labels",
    "preprocessing",
    "architecture",
    "activation",
    "initialisation",
    "loss",
    "optimizer",
    "learning_rate",
    "epochs",
    "regularisation",
]


@dataclass(frozen=True)
class Finding:
    """A symptom, where it shows, the numbers it shows in, and what to do about it.

    `number` is the symptom's in the catalogue of the doctor, or 0 for one that is not in it.
    `cure` names a change that Ranvier can apply itself, where one exists. `because` names the
    symptom that brought this one about, where another is the cause. `meaning` is a sentence on what
    the symptom is.
    """

    severity: Severity
    symptom: str
    category: Category
    where: str
    advice: str
    number: int = 0
    evidence: dict[str, Any] = field(default_factory=dict)
    cure: str | None = None
    because: str | None = None
    meaning: str | None = None

    def __str__(self) -> str:
        return f"{self.severity}: {self.symptom} ({self.where}). {self.advice}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Finding:
        """The finding of a record; what else the record says, such as its step, is left out."""
        return cls(**{name: document[name] for name in _NAMES if name in document})


_NAMES = tuple(each.name for each in fields(Finding))


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that say the same of several places as one that names them all, in order.

    >>> same = [Finding("warning", "never varies", "data", f"column {name!r}", "") for name in "ab"]
    >>> [finding.where for finding in grouped(same)]
    ["column 'a', column 'b'"]
    """
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.severity, finding.symptom, finding.advice, str(finding.evidence))
        alike.setdefault(key, []).append(finding)
    return [replace(group[0], where=_places(group)) for group in alike.values()]


def _places(group: list[Finding]) -> str:
    shown = ", ".join(dict.fromkeys(finding.where for finding in group[:MOST_PLACES]))
    more = len(group) - MOST_PLACES
    return f"{shown} and {more} more" if more > 0 else shown


MOST_PLACES = 8
