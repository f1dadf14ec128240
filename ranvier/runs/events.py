"""Records that grow while a run lives: append-only, checksummed, readable while written.

A folder of segments, `000001.jsonl` and on; a resumed run begins the next. Each line is

    crc32 of the JSON, 8 hexadecimal digits · one space · the JSON · newline

First comes the segment's head (`kind` "segment"): its format, the record it `follows` in an
earlier segment, and the size and SHA-256 of the segment `before` it, so that what a crash left
there is bound too. The records count on by `n`, so none can be missing or change places. A
segment that was closed ends with the SHA-256 of all its bytes before.

A record is one `write`; `position` syncs, and so a checkpoint that holds a position never knows
more than the disk does.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ranvier.core.errors import DamagedError, FormatError, RunError
from ranvier.runs.documents import newer, plain
from ranvier.runs.durable import write_all, write_failure, write_file

FORMAT = 1
HEAD, CLOSED = "segment", "closed"
_OWN_KEYS = ("n", "kind")
_NAME = re.compile(r"(\d{6,})\.jsonl")
_encode = msgspec.json.Encoder(enc_hook=plain).encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def segment_path(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / f"{number:06d}.jsonl"


def segment_numbers(folder: Path) -> list[int]:
    """The segments there are, oldest first."""
    try:
        return sorted(
            int(match[1]) for name in os.listdir(folder) if (match := _NAME.fullmatch(name))
        )
    except FileNotFoundError:
        return []


def _line(record: Mapping[str, Any]) -> bytes:
    body = _encode(record)
    return b"%08x %b\n" % (zlib.crc32(body), body)


def _body(line: bytes) -> bytes | None:
    """The JSON of a line without its newline, or None if the checksum does not fit."""
    body = line[9:]
    return body if line[:9] == b"%08x " % zlib.crc32(body) else None


class Place(msgspec.Struct, frozen=True):
    """The end of a record: so many bytes into a segment."""

    segment: int
    offset: int


class Before(msgspec.Struct, frozen=True):
    """The bytes of the segment before, as a resumed run found them."""

    bytes: int
    sha256: str


class Head(msgspec.Struct, frozen=True):
    """The first line of a segment; `first` is the number of the record after it."""

    format: int
    segment: int
    first: int
    follows: Place | None
    before: Before | None


@dataclass(frozen=True)
class Record:
    """A line of a segment that was found whole, and where it ends."""

    content: dict[str, Any]
    end: int

    @property
    def kind(self) -> str:
        return self.content["kind"]


def scan(path: Path) -> Iterator[Record]:
    """Every whole line of a segment, head and end mark included; a torn tail is left out.

    Raises:
        DamagedError: a line is not what was written, is missing, or stands in another's place.
        FormatError: a newer Ranvier wrote it.
    """
    end = expected = 0
    before = hashlib.sha256()
    closed = False
    with _opened(path) as file:
        for line in file:
            where = f"{path}: the record at byte {end}"
            if not line.endswith(b"\n") and not closed and _body(line[:-1]) is None:
                break  # a crash cut this write short; a whole line with another last byte is damage
            content = _content(where, line)
            if closed:
                raise _damaged(where, "stands after the end")
            if end == 0:
                expected = _head_of(path, content).first
            elif content.get("n") != expected:
                raise _damaged(where, f"is number {content.get('n')}, not {expected}")
            else:
                expected += 1
            closed = content["kind"] == CLOSED
            if closed and content.get("sha256") != before.hexdigest():
                raise _damaged(f"{path}: this file")
            before.update(line)
            end += len(line)
            yield Record(content, end)
    if end == 0:
        raise _damaged(f"{path}: this file", "has no head")


def _content(where: str, line: bytes) -> dict[str, Any]:
    body = _body(line[:-1]) if line.endswith(b"\n") else None
    if body is None:
        raise _damaged(where)
    try:
        content = _decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _damaged(where) from error
    if not isinstance(content.get("kind"), str):
        raise _damaged(where, "has no kind")
    return content


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise DamagedError(
            f"{path}: this file of the run's events is missing. Restore it from a copy; "
            "the checkpoints and the model do not depend on it."
        ) from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}).") from error


def _head_of(path: Path, content: Mapping[str, Any]) -> Head:
    if content.get("kind") != HEAD:
        raise _damaged(f"{path}: the record at byte 0", "is not the head of a segment")
    if isinstance(content.get("format"), int) and content["format"] > FORMAT:
        raise FormatError(newer(path, content["format"], FORMAT))
    try:
        head = msgspec.convert(content, Head)
    except msgspec.ValidationError as error:
        raise _damaged(f"{path}: the record at byte 0", f"is not a head: {error}") from error
    if head.segment != int(path.stem) or (head.follows and head.follows.segment >= head.segment):
        raise _damaged(f"{path}: this file", f"is segment {head.segment}")
    return head


def _damaged(where: str, why: str = "is not what was written") -> DamagedError:
    return DamagedError(
        f"{where} {why}. Restore the file from a copy; "
        "the checkpoints and the model do not depend on it."
    )


def _head(path: Path) -> Head:
    for record in scan(path):
        return _head_of(path, record.content)
    raise _damaged(f"{path}: this file", "has no head")


def _plan(folder: Path) -> list[tuple[Path, int | None]]:
    """The segments that make the history, oldest first, each with the byte it counts up to."""
    plan: list[tuple[Path, int | None]] = []
    numbers = segment_numbers(folder)
    number, until = (numbers[-1] if numbers else None), None
    while number is not None:
        path = segment_path(folder, number)
        plan.append((path, until))
        place = _head(path).follows
        number, until = (place.segment, place.offset) if place else (None, None)
    return plan[::-1]


def read_events(folder: str | Path) -> Iterator[dict[str, Any]]:
    """The records of a run in order, `{"kind": …, **payload}`, also while they are written.

    What a resumed run superseded is left out, and so is a tail that a crash tore.

    Raises:
        DamagedError: a record is not what was written, or is missing.
        FormatError: a newer Ranvier wrote it.
    """
    for path, until in _plan(Path(folder)):
        for record in _up_to(path, until):
            if record.kind not in (HEAD, CLOSED):
                yield {key: value for key, value in record.content.items() if key != "n"}


def _up_to(path: Path, until: int | None) -> Iterator[Record]:
    """The records of a segment up to byte `until`, where one must end, and nothing after it."""
    end = 0
    for record in scan(path):
        end = record.end
        if until is None or end <= until:
            yield record
        if until is not None and end >= until:
            break
    if until is not None and end != until:
        raise _damaged(f"{path}: the record up to byte {until}", "is missing")


def _last(records: Iterator[Record]) -> Record | None:
    newest = deque(records, maxlen=1)
    return newest[0] if newest else None


def check_events(folder: Path) -> list[str]:
    """What is wrong with the segments.

    The newest is read through. Each before it must be, byte for byte, what the next one found; its
    records count as far as the next one follows them, since a power loss may leave anything after.
    """
    problems: list[str] = []
    newest = max(segment_numbers(folder), default=0)
    for number in range(1, newest + 1):
        path = segment_path(folder, number)
        try:
            if number == newest:
                _last(scan(path))
            _check_links(folder, _head(path))
        except RunError as error:
            problems.append(str(error))
    return problems


def check_closed(folder: Path) -> None:
    """Raise DamagedError unless the newest segment was closed, as a run that is done leaves it."""
    path = segment_path(folder, max(segment_numbers(folder), default=1))
    last = _last(scan(path))
    if last is None or last.kind != CLOSED:
        raise _damaged(f"{path}: the end of this file", "is missing")


def _check_links(folder: Path, head: Head) -> None:
    """Whether what a head says of the segments before it is so."""
    if head.before is not None:
        path = segment_path(folder, head.segment - 1)
        if head.before != _sealed(path):
            raise _damaged(f"{path}: this file")
    if head.follows is not None:
        _next_number(folder, head.follows)


def check_position(folder: Path, follows: Mapping[str, int]) -> None:
    """Raise DamagedError unless a record ends at `follows`, a writer's `position()`."""
    _next_number(folder, _place(follows))


def _sealed(path: Path) -> Before:
    with _opened(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Before(bytes=file.tell(), sha256=digest)


class EventWriter:
    """Appends the records of a run, from its start or from what a checkpoint remembers.

    `follows` is the `position()` that the checkpoint holds; records after it are superseded. Hold
    the run's lock meanwhile.

    Raises:
        RunError: the folder cannot be written, or the disk is full.
        DamagedError: the record that `follows` names is not there.
    """

    def __init__(self, folder: str | Path, *, follows: Mapping[str, int] | None = None) -> None:
        folder = Path(folder)
        newest = max(segment_numbers(folder), default=0)
        self._segment = newest + 1
        self._path = segment_path(folder, self._segment)
        place = _place(follows) if follows else None
        self._next = _next_number(folder, place) if place else 0
        before = _sealed(segment_path(folder, newest)) if newest else None
        head = _line(
            {
                "kind": HEAD,
                **msgspec.to_builtins(Head(FORMAT, self._segment, self._next, place, before)),
            }
        )
        write_file(self._path, [head])
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._offset = len(head)
        self._digest = hashlib.sha256(head)

    def append(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Add a record; numbers that are not finite become null.

        Raises:
            RunError: the disk is full; the records before this one are untouched.
        """
        if kind in (HEAD, CLOSED) or any(key in payload for key in _OWN_KEYS):
            raise ValueError(f"{kind}: a record's payload may not set {' or '.join(_OWN_KEYS)}")
        self._write({"n": self._next, "kind": kind, **payload})

    def position(self) -> dict[str, int]:
        """Where the next record will stand; every record before it is on the disk by then."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise write_failure(self._path, error) from error
        return {"segment": self._segment, "offset": self._offset}

    def close(self) -> dict[str, int]:
        """Mark the end, so that a lost tail shows too; gives the last position. No-op if closed."""
        if self._file >= 0:
            self._write({"n": self._next, "kind": CLOSED, "sha256": self._digest.hexdigest()})
            self.position()
            os.close(self._file)
            self._file = -1
        return {"segment": self._segment, "offset": self._offset}

    def _write(self, record: Mapping[str, Any]) -> None:
        line = _line(record)
        try:
            write_all(self._file, line)
        except OSError as error:
            os.ftruncate(self._file, self._offset)
            kept = "The records before are untouched."
            raise write_failure(self._path, error, kept=kept) from error
        self._digest.update(line)
        self._offset += len(line)
        self._next += 1


def _place(position: Mapping[str, int]) -> Place:
    try:
        return msgspec.convert(position, Place)
    except msgspec.ValidationError as error:
        raise DamagedError(f"{position!r} is not a place in a run's events: {error}.") from error


def _next_number(folder: Path, place: Place) -> int:
    """The number of the record after `place`."""
    path = segment_path(folder, place.segment)
    last = _last(_up_to(path, place.offset))
    if last is None:
        raise _damaged(f"{path}: the record up to byte {place.offset}", "is missing")
    return last.content["first"] if last.kind == HEAD else last.content["n"] + 1
