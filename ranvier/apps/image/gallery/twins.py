"""Near-duplicates, those first that spoil a measurement or contradict one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ranvier.apps.image.gallery.thumbnails import thumbnails
from ranvier.apps.image.gallery.words import known_as, label_of
from ranvier.core.task import Task
from ranvier.data.image import PictureData, Pictures

MOST_GROUPS, MOST_OF_EACH = 24, 4
TWIN_BYTES = 160_000

Place = tuple[str, int]
"""A picture: its part, and its row there."""


def twins(
    task: Task, parts: Mapping[str, Pictures], groups: Iterable[Sequence[int]]
) -> dict[str, Any] | None:
    """The record of pictures that are there more than once; None where there are none.

    `groups` hold the numbers of pictures that look the same. Shown first are those with different
    labels, then those that reach over parts, then the larger ones.
    """
    place_of: dict[int, Place] = {}
    for split, part in parts.items():
        numbers = [int(number) for number in part.numbers]
        # A part from another source counts its own pictures.
        if place_of.keys().isdisjoint(numbers):
            place_of |= {number: (split, row) for row, number in enumerate(numbers)}
    placed = [[place_of[number] for number in group if number in place_of] for group in groups]
    found = [group for group in placed if len(group) > 1]
    if not found:
        return None
    unlike = [_labels(task, parts, group) > 1 for group in found]
    across = [len({split for split, _ in group}) > 1 for group in found]
    order = sorted(range(len(found)), key=lambda i: (-unlike[i], -across[i], -len(found[i])))
    shown = [_spread(found[index]) for index in order[:MOST_GROUPS]]
    encoded = iter(thumbnails([parts[split].pixels[row] for group in shown for split, row in group],
                              most_bytes=TWIN_BYTES))  # fmt: skip
    items = [
        {
            "size": len(found[index]),
            "pictures": [
                {"png": next(encoded), **known_as(parts[split], row), "part": split,
                 "label": label_of(task, parts[split].truth[row])}
                for split, row in group
            ],
        }
        for index, group in zip(order, shown, strict=False)
    ]  # fmt: skip
    return {"what": "twins", "groups": len(found), "unlike_labels": sum(unlike),
            "across_parts": sum(across), "items": items}  # fmt: skip


def _labels(task: Task, parts: Mapping[str, Pictures], group: Iterable[Place]) -> int:
    """How many labels there are in a group; numbers to be predicted are not held to be labels."""
    if not task.classes:
        return 1
    return len({str(label_of(task, parts[split].truth[row])) for split, row in group})


def _spread(group: Sequence[Place]) -> list[Place]:
    """A few of a group, of every part one before a second of any."""
    seen: dict[str, int] = {}
    ranked = []
    for split, row in group:
        ranked.append((seen.get(split, 0), split, row))
        seen[split] = seen.get(split, 0) + 1
    return [(split, row) for _, split, row in sorted(ranked, key=lambda each: each[0])][
        :MOST_OF_EACH
    ]


def groups_of(data: PictureData) -> list[list[int]]:
    """The numbers of pictures that look the same, as reading the data found them."""
    found = data.profile.get("twins") or {}
    return [[int(number) for number in group] for group in found.get("groups") or ()]
