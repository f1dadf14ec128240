"""A folder of pictures: a folder for each class, perhaps below `train`, `validation` and `test`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ranvier.core.errors import DataError
from ranvier.data.image.listing import PARTS, TO_SPLIT, TRAIN, Listing, Problem
from ranvier.data.image.problems import summary
from ranvier.data.image.suffixes import (
    PART_NAMES,
    is_picture_name,
    natural_order,
    shown,
    suffix,
)
from ranvier.data.image.walk import Walk

_WANTED = "expected a folder for each class with its pictures in it, as in cats/1.png, dogs/1.png"


def list_folder(root: Path, found: Walk, source: str, *, for_prediction: bool = False) -> Listing:
    """The pictures of `root`, each of the class that its folder is called after.

    The folders at the top are the classes, and what lies deeper belongs to them; where they are
    called `train`, `val` and `test` (in any case), the classes are the folders in those. Pictures
    in no class are left out of training; to predict, all are listed.

    Raises:
        SourceError: where there are no pictures at all.
        DataError: for training, where classes are missing; with all that was found.
    """
    parts = _part_folders(found.folders)
    problems = [*found.problems, *_other_files(found.others), *_same_but_case(found.pictures)]
    placed = [_place(name, parts) for name in found.pictures]
    if parts:
        problems += [*_outside_parts(found, parts), *_same_in_two_parts(found.pictures, parts)]
    is_labelled = [label is not None for _, label in placed]
    if for_prediction and not all(is_labelled):
        return _listing(root, source, found.pictures, [(TO_SPLIT, None)] * len(placed), problems)
    classes = _classes(found.folders, parts)
    counts = Counter(placed)
    if not for_prediction:
        problems += _without_class(found.pictures, is_labelled)
    errors, odd = _missing(classes, parts, counts)
    if len(classes) == 1 and not parts and any("/" in folder for folder in found.folders):
        errors += [f"folders lie in {min(classes)!r}: if they are the classes, give it as SOURCE."]
    problems += odd
    if errors and not for_prediction:
        told = [f"{source}: {error}" for error in errors]
        raise DataError("\n".join([*told, *filter(None, [summary(problems)])]))
    kept = [place for place, labelled in enumerate(is_labelled) if labelled]
    names = [found.pictures[place] for place in kept]
    return _listing(root, source, names, [placed[place] for place in kept], problems)


def _part_folders(folders: Iterable[str]) -> dict[str, int]:
    """The folders at the top that are parts, none where they are classes.

    `train` alone can be a class like car and bus are, so another part must stand beside it, or
    nothing else.
    """
    top = [folder for folder in folders if "/" not in folder]
    parts = {
        folder: PART_NAMES[folder.casefold()] for folder in top if folder.casefold() in PART_NAMES
    }
    numbers = set(parts.values())
    is_divided = len(parts) == len(top) or (TRAIN in numbers and len(numbers) > 1)
    return parts if is_divided else {}


def _place(name: str, parts: Mapping[str, int]) -> tuple[int, str | None]:
    """The part and the class of a picture, by the folders on its way."""
    folders = name.split("/")[:-1]
    part = TO_SPLIT
    if parts:
        part = parts.get(folders.pop(0), TO_SPLIT) if folders else TO_SPLIT
        if part == TO_SPLIT:
            return TO_SPLIT, None
    return part, shown(folders[0]) if folders else None


def _classes(folders: Iterable[str], parts: Mapping[str, int]) -> dict[str, set[int]]:
    """For every class the parts in which it has a folder, empty ones too."""
    classes: dict[str, set[int]] = {}
    for folder in folders:
        part, name = _place(f"{folder}/", parts)
        if name is not None:
            classes.setdefault(name, set()).add(part)
    return {name: classes[name] for name in natural_order(classes)}


def _missing(
    classes: Mapping[str, set[int]],
    parts: Mapping[str, int],
    counts: Counter[tuple[int, str | None]],
) -> tuple[list[str], list[Problem]]:
    """What makes training impossible, and what is merely odd, among the classes."""
    learned = TRAIN if parts else TO_SPLIT
    full = [name for name in classes if counts[learned, name]]
    errors = _impossible(classes, parts, full, counts)
    # A part without any class folder is told of once, not class by class.
    with_classes = {learned}.union(*classes.values())
    odd = [
        Problem(shown(folder), "empty part", "no pictures are in it", is_left_out=False)
        for folder, part in parts.items()
        if not any(counts[key] for key in counts if key[0] == part)
    ]
    for name, there in classes.items():
        in_use = [part for part in with_classes if counts[part, name]]
        for part in sorted(with_classes):
            inside = f"{PARTS[part]}/{name}" if parts else name
            if counts[part, name]:
                continue
            if part in there:
                kind, detail = "empty class folder", "no pictures are in it"
            else:
                kind, detail = "missing class folder", "other parts have one"
            if part == TRAIN and in_use:
                errors.append(
                    f"{inside}: {'an empty' if part in there else 'a missing'} class folder, while "
                    "other parts hold pictures of the class; expected some to train on. Add them, "
                    "or remove the class everywhere."
                )
            else:
                odd.append(Problem(inside, kind, detail, is_left_out=False))
    return errors, odd


def _impossible(
    classes: Mapping[str, set[int]],
    parts: Mapping[str, int],
    full: Sequence[str],
    counts: Counter[tuple[int, str | None]],
) -> list[str]:
    unlabelled = sum(number for (_, name), number in counts.items() if name is None)
    where = ", train" if parts else ""
    if parts and TRAIN not in parts.values():
        listed = ", ".join(map(repr, parts))
        return [
            f"folders {listed} and no 'train'; expected a part to train on. Add it, or give the "
            "folder that holds the classes."
        ]
    if not full:
        came = f"{unlabelled:,} pictures in no class folder" if unlabelled else "no pictures"
        return [f"{came}{where}; {_WANTED}. Sort the pictures, or give a table that names them."]
    if len(full) == 1 and len(classes) - len(full) == 0:
        count = sum(counts[part, full[0]] for part in {TO_SPLIT, TRAIN})
        return [
            f"one class only{where}, {full[0]!r} ({count:,} pictures); expected at least two. "
            "Add a folder with pictures of another class."
        ]
    if len(full) == 1:
        empty = ", ".join(repr(name) for name in classes if name not in full)
        return [
            f"pictures of one class only{where}, {full[0]!r}; the folders of {empty} are empty or "
            "missing there. Expected at least two classes. Put their pictures in."
        ]
    return []


def _without_class(names: Sequence[str], is_labelled: Sequence[bool]) -> list[Problem]:
    """One problem for each folder whose pictures lie in no class folder."""
    loose = [name for name, labelled in zip(names, is_labelled) if not labelled]
    counts = Counter(name.rpartition("/")[0] for name in loose)
    return [
        Problem(
            shown(folder) or "the top folder",
            "in no class folder",
            f"{count:,} {'picture lies' if count == 1 else 'pictures lie'} in no folder of a class",
        )
        for folder, count in sorted(counts.items())
    ]


def _outside_parts(found: Walk, parts: Mapping[str, int]) -> list[Problem]:
    top = [name for name in found.folders if "/" not in name and name not in parts]
    listed = ", ".join(map(repr, parts))
    return [
        Problem(shown(name), "in no part", f"neither of {listed}, so it was not gone into")
        for name in top
    ]


def _same_in_two_parts(names: Sequence[str], parts: Mapping[str, int]) -> list[Problem]:
    """One problem for each folder with names that stand in another part's folder too."""
    owner: dict[str, str] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    for name in names:
        part, _, inner = name.partition("/")
        if part in parts:
            first = owner.setdefault(inner, part)
            if first != part:
                folder, _, file = inner.rpartition("/")
                shared.setdefault((f"{part}/{folder}", f"{first}/{folder}"), []).append(file)
    return [
        Problem(
            shown(folder),
            "same name in two parts",
            f"{len(files):,} of its names, such as {shown(files[0])}, stand in {shown(other)} too",
            is_left_out=False,
        )
        for (folder, other), files in sorted(shared.items())
    ]


def _same_but_case(names: Sequence[str]) -> list[Problem]:
    folded: dict[str, str] = {}
    found = []
    for name in names:
        first = folded.setdefault(name.casefold(), name)
        if first != name:
            detail = f"only upper and lower case tell it from {shown(first)}"
            found.append(Problem(shown(name), "same name but for case", detail, is_left_out=False))
    return found


def _other_files(names: Sequence[str]) -> list[Problem]:
    """One problem for each ending, as there may be a file of it beside every picture."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(suffix(name), []).append(name)
    return [
        Problem(
            shown(group[0]),
            "other file",
            f"{len(group):,} file{'s' * (len(group) > 1)} ending in {ending or 'nothing'!r}, "
            "which is no picture's ending",
            is_left_out=False,
        )
        for ending, group in sorted(groups.items())
    ]


def _listing(
    root: Path,
    source: str,
    names: Sequence[str],
    placed: Sequence[tuple[int, str | None]],
    problems: Sequence[Problem],
) -> Listing:
    parts = np.array([part for part, _ in placed], dtype=np.int8)
    labels = [label for _, label in placed if label is not None]
    return Listing(
        source=source,
        names=tuple(map(shown, names)),
        paths=tuple(root / name for name in names),
        pixels=None,
        labels=tuple(labels) if labels and len(labels) == len(names) else None,
        parts=parts if (parts != TO_SPLIT).any() else None,
        problems=tuple(problems),
        facts=file_facts("folder", names),
    )


def file_facts(kind: str, names: Iterable[str]) -> dict[str, object]:
    """What the report says of picture files: the kind of source and how often each ending comes."""
    endings = Counter(suffix(name) for name in names if is_picture_name(name))
    return {"kind": kind, "suffixes": dict(endings.most_common())}
