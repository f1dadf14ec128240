"""How every verb speaks: its result, or one JSON document, on standard output; the rest beside it.

Without `--json` the result is words on standard output. With it the document stands there alone,
and the words go to standard error. `--quiet` leaves only what was asked for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Group, Parameter
from rich.console import Console, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from ranvier.cli.progress import TerminalProgress


class Words(Console):
    """A console for plain words: nothing in a column's name is taken for markup.

    A reader who leaves, as `head` does, silences it and ends nothing: training goes on.
    """

    def __init__(self, *, stderr: bool = False, quiet: bool = False) -> None:
        super().__init__(stderr=stderr, quiet=quiet, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> None:
        self.quiet = True


_GROUP = Group("Output", sort_key=90)


@Parameter(name="*", group=_GROUP)
@dataclass(frozen=True)
class Output:
    """The options that every verb takes."""

    json: Annotated[bool, Parameter(help="one JSON document; words go to standard error")] = False
    quiet: Annotated[bool, Parameter(help="nothing but the result and errors")] = False
    debug: Annotated[bool, Parameter(help="where a fault of Ranvier's own happened")] = False

    def words(self) -> Console:
        """Where what goes with a result is said to people."""
        return Words(stderr=self.json, quiet=self.quiet)

    def say(self, line: str) -> None:
        """Tell people, beside the result, what goes on."""
        words = Words(stderr=True, quiet=self.quiet)
        words.print(line, soft_wrap=not words.is_terminal)

    def result(self, words: RenderableType) -> None:
        """Print what was asked for, unless the document already says it.

        Text keeps the lines that it came in: a command that is cut in two cannot be copied.
        """
        if not self.json:
            Words().print(words, soft_wrap=isinstance(words, str | Text))

    def progress(self) -> AbstractContextManager[TerminalProgress | None]:
        """What shows training while it runs, or nothing under `--quiet`."""
        if self.quiet:
            return nullcontext()
        from ranvier.cli.progress import TerminalProgress

        return TerminalProgress(Words(stderr=True))

    def document(self, document: Mapping[str, Any]) -> None:
        """Print the one JSON document, where it was asked for."""
        if self.json:
            print_document(document)


def print_document(document: Mapping[str, Any]) -> None:
    """`document` as JSON on standard output; a number that is not finite becomes null."""
    plain = msgspec.json.decode(msgspec.json.encode(document, enc_hook=_plain))
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=not is_unicode) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "item"):  # a NumPy number
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in a JSON document")
