"""One pass over a delimited file's bytes that finds what a reader would paper over.

polars fills short lines with nulls and reports a bad byte without its place. This pass names the
line. It holds one block at a time and costs about a second per gigabyte.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError, SourceError

_BLOCK = 1 << 23
_QUOTE, _NEWLINE, _RETURN = 0x22, 0x0A, 0x0D


@dataclass(frozen=True)
class Scan:
    """What the pass saw: lines that hold nothing, and lines in all."""

    num_lines: int
    blank_lines: int


def scan(path: Path, separator: str) -> Scan:
    """Check encoding, quotes and the number of fields on every line.

    Raises:
        SourceError: bytes that are not UTF-8, with their line and offset.
        DataError: a line with more or fewer fields than the first, or a quote left open.
    """
    _check_encoding(path)
    state = _FieldCounter(path, ord(separator))
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.feed(np.frombuffer(block, dtype=np.uint8))
    return state.finish()


def _check_encoding(path: Path) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = lines = 0
    with path.open("rb") as file:
        start = file.read(4)
        if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise _wrong_encoding(path, "starts with the mark of UTF-16", "UTF-16")
        file.seek(0)
        while block := file.read(_BLOCK):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                place = offset - pending + error.start
                before = lines + block[: max(0, error.start - pending)].count(b"\n")
                byte = error.object[error.start]
                guess = _likely_encoding(block)
                what = f"byte 0x{byte:02x} at offset {place} (line {before + 1}) is not UTF-8"
                raise _wrong_encoding(path, what, guess) from None
            offset += len(block)
            lines += block.count(b"\n")
    if decoder.getstate()[0]:
        raise _wrong_encoding(path, f"the last character, at offset {offset}, is cut off", "UTF-8")


def _likely_encoding(block: bytes) -> str:
    """Bytes 0x80 to 0x9f are letters and dashes in Windows-1252 and never used in Latin-1."""
    has_windows_bytes = any(0x80 <= byte <= 0x9F for byte in set(block))
    return "WINDOWS-1252" if has_windows_bytes else "ISO-8859-1"


def _wrong_encoding(path: Path, what: str, guess: str) -> SourceError:
    return SourceError(
        f"{path}: {what}; expected text in UTF-8, with or without a byte order mark. It looks like "
        f"{guess}: convert it with `iconv -f {guess} -t UTF-8 {path.name} > utf8-{path.name}`."
    )


class _FieldCounter:
    """Counts separators per line, outside quotes, over blocks that split lines anywhere."""

    def __init__(self, path: Path, separator: int) -> None:
        self.path, self.separator = path, separator
        self.fields: int | None = None
        self.line = 0
        self.blank = 0
        self.carried = 0
        self.carried_bytes = 0
        self.in_quotes = 0
        self.quote_line = 0

    def feed(self, block: NDArray[np.uint8]) -> None:
        is_newline = block == _NEWLINE
        is_separator = block == self.separator
        newlines_seen = int(np.count_nonzero(is_newline))
        inside = self._inside_quotes(block)
        if inside is not None:
            is_newline &= ~inside
            is_separator &= ~inside
        ends = np.flatnonzero(is_newline)
        totals = np.searchsorted(np.flatnonzero(is_separator), ends)
        counts = np.diff(totals, prepend=0)
        lengths = np.diff(ends, prepend=-1) - 1
        if len(ends):
            counts[0] += self.carried
            lengths[0] += self.carried_bytes
            lengths -= self._ends_in_return(block, ends)
            self._check(counts, lengths, block, is_newline if inside is None else None)
            self.carried = int(np.count_nonzero(is_separator[ends[-1] + 1 :]))
            self.carried_bytes = len(block) - int(ends[-1]) - 1
        else:
            self.carried += int(np.count_nonzero(is_separator))
            self.carried_bytes += len(block)
        self.line += newlines_seen

    @staticmethod
    def _ends_in_return(block: NDArray[np.uint8], ends: NDArray[np.intp]) -> NDArray[np.int64]:
        return ((ends > 0) & (block[np.maximum(ends - 1, 0)] == _RETURN)).astype(np.int64)

    def _inside_quotes(self, block: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
        quotes = block == _QUOTE
        num_quotes = int(np.count_nonzero(quotes))
        if num_quotes == 0 and not self.in_quotes:
            return None
        if num_quotes and (num_quotes + self.in_quotes) % 2:
            last = int(np.flatnonzero(quotes)[-1])
            self.quote_line = self.line + int(np.count_nonzero(block[:last] == _NEWLINE)) + 1
        inside = (np.cumsum(quotes, dtype=np.int64) + self.in_quotes) % 2 == 1
        self.in_quotes = (self.in_quotes + num_quotes) % 2
        return inside

    def _check(
        self,
        counts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        block: NDArray[np.uint8],
        plain: NDArray[np.bool_] | None,
    ) -> None:
        is_blank = lengths <= 0
        self.blank += int(np.count_nonzero(is_blank))
        if self.fields is None:
            filled = np.flatnonzero(~is_blank)
            if len(filled) == 0:
                return
            self.fields = int(counts[filled[0]]) + 1
        wrong = np.flatnonzero((counts + 1 != self.fields) & ~is_blank)
        if len(wrong) == 0:
            return
        ends = np.flatnonzero(block == _NEWLINE)
        if plain is None:
            # Newlines inside quotes are lines of the file, though not rows: count them all.
            logical = self._logical_ends(block)
            line = self.line + int(np.searchsorted(ends, logical[wrong[0]])) + 1
        else:
            line = self.line + int(wrong[0]) + 1
        self._ragged(line, int(counts[wrong[0]]) + 1)

    def _logical_ends(self, block: NDArray[np.uint8]) -> NDArray[np.intp]:
        quotes = np.cumsum(block == _QUOTE, dtype=np.int64)
        # in_quotes now holds the parity after the block; the parity before it follows.
        before = (self.in_quotes - int(quotes[-1])) % 2
        return np.flatnonzero((block == _NEWLINE) & ((quotes + before) % 2 == 0))

    def _ragged(self, line: int, fields: int) -> None:
        raise DataError(
            f"{self.path}, line {line}: {_fields(fields)} where the header has {self.fields}. "
            "Every line must have as many fields as the header; put a field that holds "
            f"{chr(self.separator)!r} in double quotes."
        )

    def finish(self) -> Scan:
        if self.in_quotes:
            raise DataError(
                f"{self.path}, line {self.quote_line}: a double quote is opened and never closed. "
                'Close it, or write a quote that belongs to the value as "".'
            )
        if self.carried_bytes and self.fields not in (None, self.carried + 1):
            self._ragged(self.line + 1, self.carried + 1)
        return Scan(self.line + (1 if self.carried_bytes else 0), self.blank)


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
