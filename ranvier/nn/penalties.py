"""Terms that layers add to what is minimised, beside the loss, while they run.

A layer in training calls `add_penalty`; whoever asked for the terms with `collected_penalties`
adds them up. Nobody asked: nothing is kept, so a forward pass leaves no trace on a module.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any

from torch import Tensor

_COLLECTING: ContextVar[list[Tensor] | None] = ContextVar("penalties", default=None)


def add_penalty(term: Tensor) -> None:
    """Give a scalar to whoever collects penalties around this forward pass."""
    terms = _COLLECTING.get()
    if terms is not None:
        terms.append(term)


class collected_penalties:  # used as a function that gives a context
    """The terms that layers add inside this context, in the order in which they ran.

    >>> import torch
    >>> with collected_penalties() as terms:
    ...     add_penalty(torch.tensor(0.5))
    >>> terms
    [tensor(0.5000)]
    """

    # Every step enters one: a generator with @contextmanager would cost three times as much.
    __slots__ = ("_token",)

    _token: Token[list[Tensor] | None]

    def __enter__(self) -> list[Tensor]:
        terms: list[Tensor] = []
        self._token = _COLLECTING.set(terms)
        return terms

    def __exit__(self, *_: Any) -> None:
        _COLLECTING.reset(self._token)
