"""One writer a run: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ranvier.core.errors import RunError
from ranvier.runs.durable import write_failure


@contextmanager
def hold(path: Path, taken: str) -> Iterator[None]:
    """Hold the lock on the empty file `path`; `taken` says where it is if somebody else does.

    The file stays: what counts is the lock on it, so one left by `kill -9` is no obstacle.

    Raises:
        RunError: somebody else holds it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise write_failure(path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"{taken}. Wait for it to end, stop it, or choose another --out."
            ) from error
        except OSError as error:
            raise write_failure(path, error) from error
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock on the file `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that two who ask do not take each other for a writer.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
