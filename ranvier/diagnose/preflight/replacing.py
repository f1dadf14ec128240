"""A network with other activations than its own, however its forward pass is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ranvier.diagnose.preflight.calls import ACTIVATION, Calls, first_tensor, role_of
from ranvier.diagnose.untouched import untouched


class _Activations(TorchFunctionMode):
    """Notes the activations that are called inside: their names, and what they gave."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.given: list[Any] = []

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if role_of(function) == ACTIVATION:
            self.names.append(_name(function))
            self.given.append(result)
        return result


def activations_of(module: nn.Module, inputs: Tensor) -> tuple[list[str], int | None]:
    """The activations that are called, in order, and the place of the one whose values come out,
    if they are those of one."""
    calls, noted = Calls(module), _Activations()
    with untouched(module), torch.no_grad(), calls.watching(), noted:
        outputs = module(inputs)
    place = calls.giver(first_tensor(outputs))
    last = None if place is None else calls.calls[place].output
    heads = [k for k, given in enumerate(noted.given) if given is last]
    return noted.names, heads[-1] if heads and last is not None else None


class Replacing(TorchFunctionMode):
    """Inside, the module's forward pass computes with other activations than its own.

    With `is_last` the activation whose values come out is left out; without it, each other one that
    `functions` has a name for is that function.
    """

    def __init__(
        self,
        module: nn.Module,
        functions: Mapping[str, Callable[[Tensor], Tensor]],
        inputs: Tensor,
        *,
        is_last: bool,
    ) -> None:
        super().__init__()
        self._functions = functions
        self._is_last = is_last
        _, self._head = activations_of(module, inputs)
        self._at: int | None = None
        module.register_forward_pre_hook(self._begin)
        module.register_forward_hook(self._end, always_call=True)

    def _begin(self, _module: nn.Module, _inputs: Any) -> None:
        self._at = 0

    def _end(self, _module: nn.Module, _inputs: Any, _output: Any) -> None:
        self._at = None

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if self._at is None or role_of(function) != ACTIVATION:
            return function(*args, **(kwargs or {}))
        place, self._at = self._at, self._at + 1
        other = None if self._is_last else self._functions.get(_name(function))
        if place == self._head:
            other = as_given if self._is_last else None
        if other is None:
            return function(*args, **(kwargs or {}))
        return other(args[0] if args else (kwargs or {})["input"])


def as_given(inputs: Tensor) -> Tensor:
    """What stands in the place of a layer that is left out."""
    return inputs


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", "")).rstrip("_")
