"""Sequences that come in pieces: each call of a module goes on where its last call ended.

Keys and values of attention, states of recurrent layers and the left context of causal
convolutions are all the same thing: what a layer must remember of the past. Outside of `streaming`
nothing is remembered and a module is a plain function of its input.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn

from ranvier.core.errors import NetworkError


@dataclass
class Carry:
    """What one layer keeps of the pieces so far; None before the first."""

    state: Any = None


class Streams(nn.Module):
    """A module that can go on where it ended.

    `carry` is None outside of `streaming`; inside, `forward` reads `carry.state` and writes the new
    one, detached, so that no gradient reaches back beyond a piece. `looks_ahead` says that this
    module's output depends on later places, so that it cannot be fed in pieces; `takes_apart`, that
    the modules inside meet one place at a time, each by itself, and remember nothing.
    """

    carry: Carry | None = None
    looks_ahead: bool = False
    takes_apart: bool = False


def _remembering(module: nn.Module, path: str) -> Iterator[tuple[str, Streams]]:
    if isinstance(module, Streams):
        yield path, module
        if module.takes_apart:
            return
    for name, child in module.named_children():
        yield from _remembering(child, f"{path}.{name}" if path else name)


@contextmanager
def streaming(module: nn.Module) -> Iterator[None]:
    """Carry the state of every layer of `module` from call to call.

    Raises:
        NetworkError: for layers that look ahead, all at once.
    """
    found = dict(_remembering(module, ""))
    ahead = [path or "network" for path, each in found.items() if each.looks_ahead]
    if ahead:
        raise NetworkError(
            "\n".join(
                f"{path}: got a layer that reads later places of the sequence; expected causal "
                "layers only, to feed it in pieces. Make it causal, or feed the whole sequence."
                for path in ahead
            )
        )
    for each in found.values():
        each.carry = Carry()
    try:
        yield
    finally:
        for each in found.values():
            each.carry = None
