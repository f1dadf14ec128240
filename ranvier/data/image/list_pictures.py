"""One way in for every source of pictures: which pictures it holds, and what it says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ranvier.core.errors import ConfigError, DataError, RanvierError, SourceError, nearest
from ranvier.data.image.array_files import is_array_file, list_array_file, list_array_folder
from ranvier.data.image.arrays import in_memory, is_array, list_arrays, named
from ranvier.data.image.folders import file_facts, list_folder
from ranvier.data.image.listing import PARTS, Listing, Problem
from ranvier.data.image.problems import summary
from ranvier.data.image.suffixes import (
    TABLE_SUFFIXES,
    is_picture_name,
    natural_order,
    shown,
    suffix,
)
from ranvier.data.image.tables import list_table, names_pictures
from ranvier.data.image.walk import Walk, walk
from ranvier.data.tabular.read import Table, read_source
from ranvier.runs.settings import TrainSettings

# Of more different labels than this, the report has no use for a count of each.
_MOST_COUNTED = 1_000


def list_pictures(source: Any, settings: TrainSettings, *, for_prediction: bool = False) -> Listing:
    """The pictures of `source`, with their labels and parts where it says them.

    A source is a folder with a folder for each class, perhaps in `train`, `validation` and `test`;
    a table of paths, or a folder with one in it; IDX, `.npz` or `.npy` files; arrays or tensors in
    memory, alone, as a pair (X, y) or by name; the name of a known set; and, `for_prediction`, any
    folder of pictures, one file, or a list of paths.

    Raises:
        SourceError: pictures that are not there or cannot be read.
        DataError: a source that cannot be trained on, with all that was found.
    """
    if isinstance(source, str | Path):
        listing = _list_named(source, settings, for_prediction)
    else:
        listing = _list_in_memory(source, settings, for_prediction)
    return replace(listing, facts={**(listing.facts or {}), **_counts(listing)})


def _list_named(source: str | Path, settings: TrainSettings, for_prediction: bool) -> Listing:
    from ranvier.data.known import data_set, get, is_known_pictures

    path = Path(source).expanduser()
    name = str(source)
    if path.is_dir():
        return _list_folder(path, name, settings, for_prediction)
    if path.exists():
        return _list_file(path, name, settings, for_prediction)
    if is_known_pictures(source):
        listing = list_array_folder(get(name), name, settings, for_prediction=for_prediction)
        assert listing is not None
        facts = {**(listing.facts or {}), "kind": "known set"}
        return replace(listing, target=data_set(name).target, facts=facts)
    raise SourceError(_not_there(path))


def _list_folder(root: Path, source: str, settings: TrainSettings, for_prediction: bool) -> Listing:
    arrays = list_array_folder(root, source, settings, for_prediction=for_prediction)
    if arrays is not None:
        return arrays
    found = walk(root)
    tables = _naming_tables(root, found, settings)
    if len(tables) == 1:
        (table,) = tables.values()
        listing = list_table(
            table, root, settings, for_prediction=for_prediction, kind="table in a folder"
        )
        return replace(listing, problems=(*found.problems, *listing.problems))
    if tables and not for_prediction:
        listed = ", ".join(map(repr, tables))
        raise DataError(
            f"{source}: {len(tables)} tables name pictures ({listed}); expected one. Give one of "
            "them as SOURCE, and others with --validation and --test."
        )
    if not found.pictures:
        raise SourceError(_no_pictures(source, found))
    if settings.target is not None and not for_prediction:
        raise ConfigError(
            f"--target {settings.target}: {source} holds no table that names its pictures; "
            "the folders are the classes. Leave --target out, or put a table beside the pictures."
        )
    return list_folder(root, found, source, for_prediction=for_prediction)


def _naming_tables(root: Path, found: Walk, settings: TrainSettings) -> dict[str, Table]:
    """The tables at the top of a folder that name pictures; one that cannot be read is a problem
    among others, as it may have nothing to do with them."""
    tables = {}
    for name in found.others:
        if "/" not in name and suffix(name) in TABLE_SUFFIXES:
            try:
                table = read_source(root / name)
            except RanvierError as error:
                found.problems.append(
                    Problem(shown(name), "unreadable table", str(error), is_left_out=False)
                )
                continue
            if names_pictures(table.frame, root, settings):
                tables[name] = table
    return tables


def _list_file(path: Path, source: str, settings: TrainSettings, for_prediction: bool) -> Listing:
    if is_array_file(path.name):
        return list_array_file(path, source, settings, for_prediction=for_prediction)
    if is_picture_name(path.name):
        if not for_prediction:
            raise DataError(
                f"{source}: one picture; expected many to learn from. Give the folder with a "
                "folder for each class."
            )
        return _list_paths([path], source)
    table = read_source(path)
    return list_table(
        replace(table, source=source), path.parent, settings, for_prediction=for_prediction
    )


def _list_in_memory(source: Any, settings: TrainSettings, for_prediction: bool) -> Listing:
    where = f"{type(source).__name__} in memory"
    if is_array(source):
        arrays = [in_memory("images", source)]
        return list_arrays(arrays, where, settings, for_prediction=for_prediction)
    if isinstance(source, tuple) and len(source) == 2 and is_array(source[0]):
        arrays = [in_memory("images", source[0]), in_memory("labels", source[1])]
        return list_arrays(arrays, "(X, y)", settings, for_prediction=for_prediction)
    if isinstance(source, Mapping) and any(map(_holds_arrays, source.values())):
        return list_arrays(named(source), where, settings, for_prediction=for_prediction)
    if isinstance(source, tuple) and len(source) == 2 and is_list_of_paths(source[0]):
        source = {"path": list(map(str, source[0])), "label": source[1]}
    if is_list_of_paths(source):
        if not for_prediction:
            raise DataError(
                f"{len(source):,} paths without labels; expected a label for each to learn from. "
                "Give the pair (paths, labels), or a table."
            )
        return _list_paths([Path(path).expanduser() for path in source], "paths")
    table = read_source(source)
    return list_table(table, Path.cwd(), settings, for_prediction=for_prediction)


def _holds_arrays(value: Any) -> bool:
    """Whether a value of a mapping is pictures, or a pair of pictures and labels."""
    first = value[0] if isinstance(value, tuple | list) and len(value) == 2 else value
    return is_array(first) and len(first.shape) in (3, 4)


def is_list_of_paths(source: Any) -> bool:
    """Whether `source` is a list of the paths of picture files."""
    return (
        isinstance(source, list | tuple)
        and bool(source)
        and all(isinstance(path, str | Path) and is_picture_name(str(path)) for path in source)
    )


def _list_paths(paths: Sequence[Path], source: str) -> Listing:
    is_there = [path.is_file() for path in paths]
    there = [path for path, found in zip(paths, is_there, strict=True) if found]
    problems = tuple(
        Problem(shown(str(path)), "missing file", "there is no such file")
        for path, found in zip(paths, is_there, strict=True)
        if not found
    )
    if not there:
        raise SourceError(f"{source}: none of the files is there.\n{summary(problems)}")
    names = tuple(shown(str(path)) for path in there)
    facts = file_facts("paths", names)
    return Listing(source, names, tuple(there), None, None, problems=problems, facts=facts)


def _counts(listing: Listing) -> dict[str, Any]:
    """How many pictures there are, of each class and in each part."""
    facts: dict[str, Any] = {"pictures": len(listing)}
    if listing.labels is not None:
        each = Counter[Any]()
        for label in listing.labels:
            each.update(label if isinstance(label, tuple) else (label,))
        if len(each) <= _MOST_COUNTED and not any(isinstance(label, float) for label in each):
            facts["classes"] = {str(name): each[name] for name in natural_order(each)}
    if listing.parts is not None:
        there = Counter(listing.parts.tolist())
        facts["parts"] = {PARTS[part]: there[part] for part in sorted(there) if part in PARTS}
    return facts


def _no_pictures(source: str, found: Walk) -> str:
    endings = Counter(suffix(name) or "no ending" for name in found.others)
    came = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common(5))
    told = f"\n{summary(found.problems)}" if found.problems else ""
    return (
        f"{source}: a folder without pictures ({came or 'no files at all'}); expected a folder for "
        "each class with its pictures in it, IDX or NumPy files, or a table of paths. Give the "
        f"folder that holds them.{told}"
    )


def _not_there(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"{path}: no such file or folder; there is no folder {folder} either. Mend the path."
    close = nearest(path.name, [entry.name for entry in folder.iterdir()])
    hint = f"Did you mean {str(folder / close)!r}?" if close else "Mend the path."
    return f"{path}: no such file or folder. {hint}"
