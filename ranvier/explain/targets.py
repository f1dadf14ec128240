"""Which class is to be explained, as people name it."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.core.errors import ConfigError, UnknownNameError, suggestion

Class = str | int | float | bool


def target_of(named: Class | None, classes: Sequence[Class]) -> int | None:
    """The output of the class that is named, as the data spells it; None for each picture's own.

    A word from a command line finds the class that is spelled so. Where outputs have no names, it
    is the output's number.

    >>> target_of("3", (1, 2, 3)), target_of("cat", ("cat", "dog")), target_of(None, ("cat", "dog"))
    (2, 0, None)

    Raises:
        UnknownNameError: for a class that is not among them.
        ConfigError: where there are no classes, for what is no output's number.
    """
    if named is None:
        return None
    if classes:
        for index, each in enumerate(classes):
            if str(each) == str(named):
                return index
        known = suggestion(str(named), [str(each) for each in classes])
        raise UnknownNameError(f"target {named!r}: the network knows no such class. {known}")
    if not str(named).isdecimal():
        raise ConfigError(
            f"target {named!r}: the network's outputs have no names. Give an output's number, "
            "counted from 0, or leave the target out."
        )
    return int(named)
