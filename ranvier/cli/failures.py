"""What the command line says, and the code it leaves with, when a command does not succeed."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence

from cyclopts import CycloptsError, UnusedCliTokensError

from ranvier.cli.output import print_document
from ranvier.core.errors import RanvierError


def exit_code_of(error: BaseException) -> int:
    """2 for what the caller can mend, 128 + the signal for an interruption, 1 for our own fault."""
    if isinstance(error, RanvierError):
        return error.exit_code
    if isinstance(error, CycloptsError):
        return 2
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, BrokenPipeError):
        return 141
    return 1


def print_failure(error: BaseException, arguments: Sequence[str]) -> None:
    """Say what went wrong: words on standard error and, under `--json`, a document as well."""
    if isinstance(error, BrokenPipeError):
        _forget_standard_output()
        return
    message = _message(error, debug="--debug" in arguments)
    print(f"ranvier: {message}", file=sys.stderr)  # noqa: T201
    if "--json" in arguments:
        kind = "UsageError" if isinstance(error, CycloptsError) else type(error).__name__
        print_document({"error": {"kind": kind, "message": message}})


def _message(error: BaseException, *, debug: bool) -> str:
    if isinstance(error, RanvierError):
        return str(error)
    if isinstance(error, UnusedCliTokensError):
        unused = " ".join(error.unused_tokens or ())
        return f"{unused}: not expected here. See ranvier {_command(error)}--help."
    if isinstance(error, CycloptsError):
        return f"{error} See ranvier {_command(error)}--help."
    if isinstance(error, KeyboardInterrupt):
        return "interrupted."
    return _own_fault(error, debug=debug)


def _command(error: CycloptsError) -> str:
    return "".join(f"{name} " for name in error.command_chain or ())


def _own_fault(error: BaseException, *, debug: bool) -> str:
    text = "".join(traceback.format_exception(error))
    first_line = (str(error).splitlines() or [""])[0]
    what = f"a fault of Ranvier's own, {type(error).__name__}: {first_line}"
    if debug:
        return f"{what}\n{text}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="ranvier-fault-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError:
        return f"{what}\nThe same command with --debug shows where."
    return f"{what}\nWhere it happened stands in {file.name}; please send it with a report."


def _forget_standard_output() -> None:
    # What is still buffered would raise once more when Python leaves.
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
