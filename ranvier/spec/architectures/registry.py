"""The table of ready architectures, by the names that people know them by."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ranvier.core.registry import Registry
from ranvier.spec.network import Network

ARCHITECTURES: Registry[Callable[..., Network]] = Registry("architecture")
"""Functions by name, called without arguments for the paper's own dimensions."""

Function = TypeVar("Function", bound=Callable[..., Network])


def ready(
    **variants: dict[str, Any],
) -> Callable[[Function], Function]:
    """Enter a function under its own name, and each of its variants under the variant's."""

    def enter(function: Function) -> Function:
        ARCHITECTURES.add(function.__name__, function)
        for name, arguments in variants.items():
            ARCHITECTURES.add(name, partial(function, **arguments))
        return function

    return enter
