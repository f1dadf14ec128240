"""What a network is asked to do: the word every tier uses for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

TaskKind = Literal["classification", "regression"]


@dataclass(frozen=True)
class Task:
    """Predict `target`: one of `classes` (classification) or a number (regression).

    `classes` holds the labels as the data spells them, in the order of the network's outputs.

    >>> Task("classification", "species", ("setosa", "virginica")).outputs
    2
    """

    kind: TaskKind
    target: str
    classes: tuple[str | int | float | bool, ...] = ()

    @property
    def is_classification(self) -> bool:
        return self.kind == "classification"

    @property
    def outputs(self) -> int:
        """Numbers the network gives per row: a logit per class, or one value."""
        return len(self.classes) if self.is_classification else 1

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "target": self.target, "classes": list(self.classes)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Task:
        return cls(document["kind"], document["target"], tuple(document["classes"]))
