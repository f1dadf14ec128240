"""What a network does besides tensor operations: seen while it is captured, and refused."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.random import mtrand
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

# torch's recurrent modules keep lists of their own weights and mend them at every call.
_MENDED = ("_flat_weights", "_flat_weight_refs")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class CaptureError(Exception):
    """An update that cannot be captured; its words say why. Whoever captures runs eagerly then."""


def refuse_hooks(module: nn.Module) -> None:
    """Refuse Python code that torch would call at the capture only.

    Raises:
        CaptureError: for a hook of a layer, of a parameter, or of all modules.
    """
    for name in ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks"):
        if getattr(torch_module, name, None):
            raise CaptureError("hooks are registered for all modules")
    for path, layer in module.named_modules():
        if any(getattr(layer, kind, None) for kind in _HOOKS):
            raise CaptureError(f"{_layer(path, layer)} has hooks")
    for name, parameter in module.named_parameters():
        if parameter._backward_hooks:
            raise CaptureError(f"the parameter {name} has hooks")


@contextmanager
def only_tensor_operations(module: nn.Module) -> Iterator[None]:
    """Put back what a forward pass leaves in Python objects, and refuse it.

    A replay would not do it again: a counter would stand still, a list would stay empty.

    Raises:
        CaptureError: if an attribute was set, a container has grown or shrunk, or Python's or
            NumPy's random numbers were drawn.
    """
    before = {path: _attributes(layer) for path, layer in module.named_modules()}
    python, numpy = random.getstate(), mtrand.get_bit_generator().state
    changed: list[str] = []
    try:
        yield
    finally:
        for path, layer in module.named_modules():
            changed += _put_back(path, layer, before.get(path, {}))
        if random.getstate() != python:
            random.setstate(python)
            changed.append("the network draws from Python's random numbers")
        if not _same(mtrand.get_bit_generator().state, numpy):
            mtrand.get_bit_generator().state = numpy
            changed.append("the network draws from NumPy's random numbers")
    if changed:
        raise CaptureError(changed[0])


class Buffers(nn.Module):
    """A network that refuses, once it ran, that a buffer was replaced rather than written to."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> Any:
        before = dict(self.module.named_buffers())
        outputs = self.module(*inputs)
        for name, buffer in self.module.named_buffers():
            if before.get(name) is not buffer:
                raise CaptureError(f"the buffer {name} is replaced, not written in place")
        return outputs


def _attributes(layer: nn.Module) -> dict[str, tuple[Any, Any]]:
    """The attributes by name, and what is in those that hold other things."""
    return {name: (value, _contents(value)) for name, value in vars(layer).items()}


def _is_own(layer: nn.Module, name: str) -> bool:
    return not (isinstance(layer, nn.RNNBase) and name in _MENDED)


def _put_back(path: str, layer: nn.Module, before: dict[str, tuple[Any, Any]]) -> list[str]:
    changed = []
    for name, value in list(vars(layer).items()):
        if not _is_own(layer, name):
            continue
        if name not in before:
            changed.append(f"{_layer(path, layer)} sets its attribute {name} as it runs")
            delattr(layer, name)
            continue
        own, contents = before[name]
        if own is not value or _size(contents) != _size(value):
            changed.append(f"{_layer(path, layer)} changes its attribute {name} as it runs")
            vars(layer)[name] = own
            _refill(own, contents)
    return changed


def _contents(value: Any) -> Any:
    return value.copy() if isinstance(value, list | dict | set) else None


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list | dict | set) else 0


def _refill(own: Any, contents: Any) -> None:
    if isinstance(own, list):
        own[:] = contents
    elif isinstance(own, dict | set):
        own.clear()
        own.update(contents)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return np.array_equal(one, other)


def _layer(path: str, layer: nn.Module) -> str:
    return f"{path} ({type(layer).__name__})" if path else f"the network ({type(layer).__name__})"
