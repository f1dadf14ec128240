"""What is in a run directory, by name; what is in a folder of it, its own module names."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ranvier.core.errors import RunError, nearest
from ranvier.runs.durable import UNFINISHED, sweep, write_failure
from ranvier.runs.lock import hold, is_held

_LOCK = ".lock"


@dataclass(frozen=True)
class RunFolder:
    """A run directory by its path; make one with `create`, `create_next` or `open`."""

    path: Path

    @property
    def run(self) -> Path:
        """Settings, choices, data, environment, command: what was asked, and of whom."""
        return self.path / "run.json"

    @property
    def network(self) -> Path:
        """The description of the network."""
        return self.path / "network.json"

    @property
    def events(self) -> Path:
        """The folder of records that grow while the run lives."""
        return self.path / "events"

    @property
    def checkpoints(self) -> Path:
        """The folder of states to go on from."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The folder of all that prediction needs."""
        return self.path / "model"

    @property
    def summary(self) -> Path:
        """How it ended; there once the run is done."""
        return self.path / "summary.json"

    @property
    def report(self) -> Path:
        """The report, one offline file."""
        return self.path / "report.html"

    @classmethod
    def create(cls, path: str | Path) -> RunFolder:
        """A new run at `path`, which is absent, empty, or holds a run that never began.

        Raises:
            RunError: something else is there, or the place may not be written.
        """
        run = cls(Path(path))
        _refuse_what_is_there(run.path)
        _make_folder(run.path)
        _make_folder(run.events)
        _make_folder(run.checkpoints)
        return run

    @classmethod
    def create_next(cls, source: str, *, parent: str | Path = "runs") -> RunFolder:
        """A new run at the next free `parent/<source>-<n>`.

        Raises:
            RunError: the place may not be written.
        """
        stem = re.sub(r"[^a-z0-9]+", "-", Path(source).stem.lower()).strip("-")[:40] or "run"
        parent = Path(parent)
        _make_folder(parent)
        pattern = re.compile(re.escape(stem) + r"-(\d+)")
        taken = [int(match[1]) for name in os.listdir(parent) if (match := pattern.fullmatch(name))]
        number = max(taken, default=0) + 1
        while True:
            path = parent / f"{stem}-{number}"
            try:
                path.mkdir()
            except FileExistsError:  # another run took this number in between
                number += 1
                continue
            except OSError as error:
                raise write_failure(path, error) from error
            return cls.create(path)

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The run that is at `path`.

        Raises:
            RunError: there is no run; the message offers the nearest one.
        """
        run = cls(Path(path))
        if run.run.is_file():
            return run
        what = "there is no such folder" if not run.path.exists() else "this is not a run"
        if run.path.is_dir():
            what += f" (it holds no {run.run.name})"
        raise RunError(f"{path}: {what}. {_offer(run.path)}")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one writer of this run; what interrupted writers left is deleted.

        Raises:
            RunError: another process is writing it.
        """
        with hold(self.path / _LOCK, f"{self.path}: another process is writing this run"):
            for folder in (self.path, self.events, self.checkpoints):
                if folder.is_dir():
                    sweep(folder)
            yield

    def is_being_written(self) -> bool:
        """Whether a process is writing this run."""
        return is_held(self.path / _LOCK)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (FileExistsError, NotADirectoryError) as error:
        in_the_way = next((p for p in (path, *path.parents) if p.is_file()), path)
        raise RunError(
            f"{path}: cannot make this folder: {in_the_way} is a file. Choose another --out."
        ) from error
    except OSError as error:
        raise write_failure(path, error) from error


def _refuse_what_is_there(path: Path) -> None:
    if not path.is_dir():
        return
    if RunFolder(path).run.is_file():
        raise RunError(
            f"{path}: there is a run here already. Go on with it (ranvier resume {path}), "
            "or choose another --out."
        )
    never_began = {_LOCK, RunFolder(path).events.name, RunFolder(path).checkpoints.name}
    if (path / _LOCK).exists():  # ours, killed before it wrote run.json
        never_began.add(RunFolder(path).network.name)
    foreign = sorted(
        name for name in os.listdir(path) if name not in never_began and UNFINISHED not in name
    )
    begun = [name for name in ("events", "checkpoints") if _has_entries(path / name)]
    if foreign or begun:
        names = (foreign or begun)[:3]
        more = len(foreign or begun) - len(names)
        held = ", ".join(names) + (f" and {more} more" if more else "")
        raise RunError(
            f"{path}: this folder is not empty (it holds {held}) and is not a run. "
            "Choose another --out, or empty it first."
        )


def _has_entries(path: Path) -> bool:
    return path.exists() and (not path.is_dir() or bool(os.listdir(path)))


def _runs_in(folder: Path) -> dict[str, Path]:
    try:
        return {p.name: p for p in sorted(folder.iterdir()) if RunFolder(p).run.is_file()}
    except OSError:
        return {}


def _offer(path: Path) -> str:
    around = next((p for p in path.parents if RunFolder(p).run.is_file()), None)
    if around is not None:
        return f"Did you mean the run it is in, {around}?"
    for folder in (path, path.parent, Path("runs")):
        if known := _runs_in(folder):
            close = nearest(path.name, known)
            if close is not None:
                return f"Did you mean {known[close]}?"
            names = list(known.values())[:5]
            return f"Runs in {folder}: {', '.join(map(str, names))}."
    return "Give the folder that ranvier train wrote (its --out)."
