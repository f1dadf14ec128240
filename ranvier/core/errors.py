"""Everything Ranvier raises on purpose, as one tree.

    RanvierError
    ├── ConfigError          (ValueError)         an option, a configuration file, an argument
    ├── UnknownNameError     (KeyError)           a name that no registry or table holds
    ├── NetworkError         (ValueError)         a description that cannot be
    │   └── ShapeError                            a shape that does not fit the layer it meets
    ├── DataError            (ValueError)         what the caller's data holds
    │   └── SourceError      (FileNotFoundError)  data that is not there or cannot be read
    ├── RunError             (OSError)            a run directory
    │   ├── DamagedError                          bytes that are not the bytes that were written
    │   └── FormatError                           written by a newer Ranvier
    ├── PreflightError       (ValueError)         what would spoil a training from its first update
    ├── DivergedError        (ArithmeticError)    training met a number that is not finite
    ├── MissingExtraError    (ImportError)        an optional dependency that is not installed
    └── StoppedError         (RuntimeError)       a signal asked for a stop; a checkpoint was saved

A message says, in this order: where, what came, what was wanted, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RanvierError(Exception):
    """Something the caller can mend. The command line prints it without a traceback and exits 2."""

    exit_code = 2

    def __str__(self) -> str:
        # KeyError quotes its argument; a message is for people, so it is printed as it stands.
        return str(self.args[0]) if self.args else ""


class ConfigError(RanvierError, ValueError):
    """An option, a configuration file or an argument that cannot be used."""


class UnknownNameError(RanvierError, KeyError):
    """A name that is not known where it was used."""


class NetworkError(RanvierError, ValueError):
    """A description of a network that cannot be built."""


class ShapeError(NetworkError):
    """A shape that does not fit the layer it meets."""


class DataError(RanvierError, ValueError):
    """Data that cannot be trained on or predicted from as it stands."""


class SourceError(DataError, FileNotFoundError):
    """Data that is not there, or that cannot be read."""


class RunError(RanvierError, OSError):
    """A run directory that cannot be used."""


class DamagedError(RunError):
    """A file of a run whose bytes are not the bytes that were written."""


class FormatError(RunError):
    """A file of a run that a newer Ranvier wrote."""


class PreflightError(RanvierError, ValueError):
    """Data, network and loss that cannot train together, found before the first update."""


class DivergedError(RanvierError, ArithmeticError):
    """Training met a loss or a gradient that is not finite."""


class MissingExtraError(RanvierError, ImportError):
    """An optional dependency that is not installed."""


class StoppedError(RanvierError, RuntimeError):
    """A signal asked training to stop; a checkpoint was saved first.

    `exit_code` is 130 after Ctrl-C (SIGINT) and 143 after SIGTERM, as a shell expects.
    """

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where nothing is alike.

    >>> nearest("learning_rte", ["learning_rate", "epochs"])
    'learning_rate'
    """
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    found = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def suggestion(name: str, known: Iterable[str], *, limit: int = 12) -> str:
    """The end of a message about an unknown name: the nearest known one, or what is known.

    >>> suggestion("agee", ["age", "sex"])
    "Did you mean 'age'?"
    >>> suggestion("zzz", ["age", "sex"])
    "Known: 'age', 'sex'."
    """
    names = list(known)
    close = nearest(name, names)
    if close is not None:
        return f"Did you mean {close!r}?"
    if not names:
        return "None is known here."
    listed = ", ".join(repr(candidate) for candidate in names[:limit])
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"Known: {listed}{more}."
