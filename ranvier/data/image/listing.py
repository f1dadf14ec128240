"""Which pictures there are, where each one is and what is said of it, before any is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

Label = str | int | float | bool | tuple[str, ...]
"""A class, a number to predict, or the classes that hold of a picture, where several may."""

# What `Listing.parts` holds.
TO_SPLIT, TRAIN, VALIDATION, TEST = -1, 0, 1, 2
PARTS = {TRAIN: "train", VALIDATION: "validation", TEST: "test"}


@dataclass(frozen=True)
class Problem:
    """A picture, file or folder that is not as it should be, and what was done about it.

    `kind` is a word or two that such problems are grouped by ("truncated", "not a picture", …),
    `detail` a sentence about this one. What `is_left_out` is not trained on.
    """

    name: str
    kind: str
    detail: str
    is_left_out: bool = True


@dataclass(frozen=True, eq=False)
class Listing:
    """The pictures of a source, in an order that depends on the source alone.

    Each has a name that people know it by: the path inside the source, or "picture 17". They are
    files, or `pixels` where the source holds arrays (`[N, H, W]` or `[N, H, W, C]`). `labels` is
    None where the source says nothing of its pictures, which is enough to predict. `parts` says for
    each picture to which part the source gives it; None where it says so of none. Pictures of one
    number in `groups` must come into one part (those of one patient, say), and `weights` say what a
    picture counts; None for neither.
    """

    source: str
    names: tuple[str, ...]
    paths: tuple[Path, ...] | None
    pixels: NDArray[Any] | None
    labels: tuple[Label, ...] | None
    target: str = "class"
    parts: NDArray[Any] | None = None
    problems: tuple[Problem, ...] = ()
    facts: Mapping[str, Any] | None = None
    groups: NDArray[Any] | None = None
    weights: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def only(self, rows: NDArray[Any]) -> Listing:
        """The same listing of the pictures at the positions `rows` alone."""

        def picked(values: tuple[Any, ...] | None) -> Any:
            return None if values is None else tuple(values[row] for row in rows.tolist())

        def taken(values: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if values is None else values[rows]

        return replace(
            self,
            names=picked(self.names),
            paths=picked(self.paths),
            pixels=taken(self.pixels),
            labels=picked(self.labels),
            parts=taken(self.parts),
            groups=taken(self.groups),
            weights=taken(self.weights),
        )
