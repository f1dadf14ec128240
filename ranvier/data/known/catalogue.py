"""Looking data sets up: all of them, one by its name, a part of one."""

from __future__ import annotations

# Their entries enter themselves.
import ranvier.data.known.pictures
import ranvier.data.known.tables  # noqa: F401
from ranvier.core.errors import UnknownNameError
from ranvier.data.known.entry import MEMBERS, DataSet, Member


def catalogue() -> tuple[DataSet, ...]:
    """Every known data set, in the order in which they are listed to people.

    >>> [known.name for known in catalogue()][:2]
    ['mnist', 'fashion-mnist']
    """
    return tuple(member.data_set for member in MEMBERS.values())


def find(source: str) -> tuple[Member, str]:
    """The entry and the part that `source` names: `letter` is all of it, `letter:test` a part.

    Raises:
        UnknownNameError: for a data set or a part that is not known.
    """
    name, colon, part = source.partition(":")
    member = MEMBERS[name]
    if not colon:
        return member, ""
    parts = member.data_set.parts
    if part in parts:
        return member, part
    offered = f"Its parts are {' and '.join(map(repr, parts))}" if parts else "It has no parts"
    raise UnknownNameError(f"{source}: {name!r} has no part {part!r}. {offered}.")


def is_known(source: object) -> bool:
    """Whether `source` is the name of a known data set or of one of its parts.

    >>> is_known("letter"), is_known("letter:test"), is_known("letter.csv")
    (True, True, False)
    """
    if not isinstance(source, str):
        return False
    try:
        find(source)
    except UnknownNameError:
        return False
    return True


def is_known_pictures(source: object) -> bool:
    """Whether `source` is the name of a known set of pictures or of one of its parts.

    >>> is_known_pictures("mnist:test"), is_known_pictures("letter")
    (True, False)
    """
    return is_known(source) and data_set(str(source)).is_pictures


def data_set(source: str) -> DataSet:
    """The entry of the data set that `source` names.

    Raises:
        UnknownNameError: with the nearest known name.
    """
    return find(source)[0].data_set


def target_of(source: str) -> str:
    """The column that is predicted in the data set that `source` names.

    >>> target_of("iris")
    'species'
    """
    return data_set(source).target
