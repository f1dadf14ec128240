"""What Ranvier has to say about data or a run: one sentence with its evidence and its mend."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
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
    `cure` names a change that Ranvier can apply itself, where one exists.
    """

    severity: Severity
    symptom: str
    category: Category
    where: str
    advice: str
    number: int = 0
    evidence: dict[str, Any] = field(default_factory=dict)
    cure: str | None = None

    def __str__(self) -> str:
        return f"{self.severity}: {self.symptom} ({self.where}). {self.advice}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Finding:
        return cls(**document)
