"""A closed table of names: the only way a word in a file or an option becomes code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from ranvier.core.errors import UnknownNameError, suggestion

Member = TypeVar("Member")


class Registry(Mapping[str, Member], Generic[Member]):
    """Members of one kind by name; an unknown name is answered with the nearest known one.

    Loading a file may look names up here and nowhere else, so no file can make us import anything.

    >>> colours = Registry[int]("colour")
    >>> colours.add("red", 1)
    >>> colours["red"]
    1
    >>> colours["rad"]
    Traceback (most recent call last):
        ...
    ranvier.core.errors.UnknownNameError: unknown colour 'rad'. Did you mean 'red'?
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._members: dict[str, Member] = {}
        self._other_spellings: dict[str, str] = {}

    def add(self, name: str, member: Member, *, other_spellings: tuple[str, ...] = ()) -> None:
        """Enter `member` under `name`; `other_spellings` are refused with a hint to `name`."""
        if name in self._members:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._members[name] = member
        for spelling in other_spellings:
            self._other_spellings[spelling] = name

    def register(
        self, name: str, *, other_spellings: tuple[str, ...] = ()
    ) -> Callable[[Member], Member]:
        """`add` as a decorator."""

        def enter(member: Member) -> Member:
            self.add(name, member, other_spellings=other_spellings)
            return member

        return enter

    def spellings_of(self, name: str) -> tuple[str, ...]:
        """The names from elsewhere that are answered with `name`."""
        return tuple(each for each, here in self._other_spellings.items() if here == name)

    def __getitem__(self, name: str) -> Member:
        if name in self._members:
            return self._members[name]
        if name in self._other_spellings:
            raise UnknownNameError(
                f"unknown {self.kind} {name!r}. Here it is called {self._other_spellings[name]!r}."
            )
        raise UnknownNameError(f"unknown {self.kind} {name!r}. {suggestion(name, self._members)}")

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)
