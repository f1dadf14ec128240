"""What a network is asked to do: the word every tier uses for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

TaskKind = Literal["classification", "multilabel", "regression"]


@dataclass(frozen=True)
class Task:
    """Predict `target`: one of `classes`, any number of them (multilabel), or a number.

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
    def is_multilabel(self) -> bool:
        """Whether each class holds or does not, whatever the others do."""
        return self.kind == "multilabel"

    @property
    def outputs(self) -> int:
        """Numbers the network gives per row: a logit per class, or one value."""
        return 1 if self.kind == "regression" else len(self.classes)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "target": self.target, "classes": list(self.classes)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Task:
        return cls(document["kind"], document["target"], tuple(document["classes"]))
