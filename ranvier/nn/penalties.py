"""Terms that layers add to what is minimised, beside the loss, while they run.

A layer in training calls `add_penalty`; whoever asked for the terms with `collected_penalties`
adds them up. Nobody asked: nothing is kept, so a forward pass leaves no trace on a module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_COLLECTING: ContextVar[list[Tensor] | None] = ContextVar("penalties", default=None)


def add_penalty(term: Tensor) -> None:
    """Give a scalar to whoever collects penalties around this forward pass."""
    terms = _COLLECTING.get()
    if terms is not None:
        terms.append(term)


@contextmanager
def collected_penalties() -> Iterator[list[Tensor]]:
    """The terms that layers add inside this context, in the order in which they ran.

    >>> import torch
    >>> with collected_penalties() as terms:
    ...     add_penalty(torch.tensor(0.5))
    >>> terms
    [tensor(0.5000)]
    """
    terms: list[Tensor] = []
    token = _COLLECTING.set(terms)
    try:
        yield terms
    finally:
        _COLLECTING.reset(token)
