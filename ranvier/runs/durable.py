"""Files and folders that appear whole or not at all, whatever happens meanwhile.

A file is written beside its place, synced, renamed into it, and its folder synced: after a crash
or a power loss there is the old file or the new one, never a mixture, and what was reported as
written is on the disk. A folder is built the same way.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ranvier.core.errors import RunError

# A hidden name with this in it is work that a crash interrupted: no reader looks at it.
UNFINISHED = ".tmp-"
# Where a folder stands for the moment in which its successor takes its name.
REPLACED = ".replaced"

Bytes = bytes | bytearray | memoryview
Found = TypeVar("Found")

_WHY = {
    errno.ENOSPC: ("the disk is full", "Free some space, then try again."),
    errno.EDQUOT: ("your share of the disk is used up", "Free some space, then try again."),
    errno.EFBIG: ("the file would be larger than allowed", "Raise the limit (see ulimit -f)."),
    errno.EACCES: ("you may not write there", "Choose another place, or change its permissions."),
    errno.EPERM: ("you may not write there", "Choose another place, or change its permissions."),
    errno.EROFS: ("that file system can only be read", "Choose another place."),
    errno.ENOTDIR: ("a file stands where a folder is needed", "Choose another place."),
    errno.ENOENT: ("there is no such folder", "Was the run moved or deleted meanwhile?"),
}


def write_failure(path: Path, error: OSError, *, kept: str = "") -> RunError:
    """What to raise for an operating system's refusal to write `path`; `kept` is what is safe."""
    why, mend = _WHY.get(error.errno or 0, (error.strerror or str(error), "Mend it and try again."))
    failure = RunError(" ".join(filter(None, [f"{path}: cannot write: {why}.", kept, mend])))
    failure.errno = error.errno
    return failure


def sync_folder(path: Path) -> None:
    """Have the names in this folder on the disk before returning."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: Bytes) -> None:
    """Write every byte, or raise what stopped it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}{UNFINISHED}{os.getpid()}-{secrets.token_hex(3)}")


def write_file(path: Path, chunks: Iterable[Bytes]) -> None:
    """Put the file `path` in its place whole, or leave what was there untouched.

    Raises:
        RunError: the disk is full, a limit is reached, or the place may not be written.
    """
    beside = _unfinished(path)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            for chunk in chunks:
                write_all(descriptor, chunk)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(beside, path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            kept = "What was there before is untouched." if os.path.exists(path) else ""
            raise write_failure(path, error, kept=kept) from error
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A hidden folder to fill, which becomes `path` when the block ends without an error.

    No system call swaps two full folders everywhere, so an old `path` first steps aside to a name
    that `published` knows: at every moment one of the two is there, whole.
    """
    building = _unfinished(path)
    try:
        building.mkdir()
        yield building
        aside = path.with_name(path.name + REPLACED)
        if path.exists():
            if aside.exists():
                discard_folder(aside)
            os.rename(path, aside)
        os.rename(building, path)
        sync_folder(path.parent)
    except BaseException as error:
        shutil.rmtree(building, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, RunError):
            raise write_failure(path, error) from error
        raise
    if aside.exists():
        discard_folder(aside)


def published(path: Path) -> Path:
    """Where the folder `path` is to be read: its place, or where a crash left it aside."""
    aside = path.with_name(path.name + REPLACED)
    return aside if not path.exists() and aside.exists() else path


def read_published(path: Path, look: Callable[[Path], Found]) -> Found:
    """What `look` finds in the folder `path`; it looks again if that was replaced meanwhile."""
    while True:
        folder = published(path)
        seen = _identity(folder)
        try:
            return look(folder)
        except RunError:
            if _identity(published(path)) == seen:
                raise


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def discard_folder(path: Path) -> None:
    """Delete a folder so that no crash leaves half of it under its name."""
    hidden = _unfinished(path)
    try:
        os.rename(path, hidden)
    except FileNotFoundError:
        return
    shutil.rmtree(hidden, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Delete what interrupted writers left in `folder`. For the one writer of a run only."""
    with os.scandir(folder) as entries:
        litter = [e for e in entries if e.name.startswith(".") and UNFINISHED in e.name]
    for entry in litter:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            Path(entry.path).unlink(missing_ok=True)
