"""Somebody else's network, run once more than they did, without a trace of it."""

from __future__ import annotations

import copy
import io
import random
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

Held = TypeVar("Held")

# What torch keeps in a module's own dictionary is looked after one by one.
_TORCH_OWN = frozenset({"training", "_parameters", "_buffers", "_modules"})


@contextmanager
def untouched(module: nn.Module) -> Iterator[nn.Module]:
    """Inside, the module in evaluation mode; after it mode, buffers, attributes, draws as before.

    Attributes count since recurrent networks keep their state in one, and lists of what was seen
    grow in others; what the forward pass prints is not printed once more.
    """
    with unheard(module), _kept(module):
        module.eval()
        yield module


@contextmanager
def unheard(module: nn.Module | None = None) -> Iterator[None]:
    """Inside, random numbers may be drawn and lines printed, and nobody will know."""
    devices = set() if module is None else {p.device for p in module.parameters()}
    indices = [d.index for d in devices if d.type == "cuda" and d.index is not None]
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=indices), redirect_stdout(io.StringIO()):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def _kept(module: nn.Module) -> Iterator[None]:
    kept = [(each, each.training, _attributes(each), _buffers(each)) for each in module.modules()]
    try:
        yield
    finally:
        with torch.no_grad():
            for each, was_training, attributes, buffers in kept:
                each.training = was_training
                _restore(each, attributes)
                for name, (buffer, values) in buffers.items():
                    each._buffers[name] = buffer
                    if not torch.equal(buffer, values):
                        buffer.copy_(values)


def _buffers(module: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    return {
        name: (buffer, buffer.detach().clone())
        for name, buffer in module._buffers.items()
        if buffer is not None and not isinstance(buffer, nn.UninitializedBuffer)
    }


def _attributes(module: nn.Module) -> dict[str, tuple[Any, Any]]:
    """Every attribute of the module's own, and a copy of those that are changed in place."""
    return {
        name: (value, _copied(value))
        for name, value in module.__dict__.items()
        if not _is_torchs(name)
    }


def _copied(value: Any) -> Any:
    if isinstance(value, nn.Parameter):
        return None
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, tuple | list):
        return [(each, _copied(each)) for each in value]
    if isinstance(value, dict | set):
        return value.copy()
    return None


def _restore(module: nn.Module, attributes: dict[str, tuple[Any, Any]]) -> None:
    own = module.__dict__
    for name in [name for name in own if name not in attributes and not _is_torchs(name)]:
        del own[name]
    for name, (value, copied) in attributes.items():
        if own.get(name) is not value:
            own[name] = value
        _refill(value, copied)


def _is_torchs(name: str) -> bool:
    return name in _TORCH_OWN or name.endswith("_hooks") or "_hooks_" in name


def _refill(value: Any, copied: Any) -> None:
    """Undo what was done in place."""
    if copied is None:
        return
    if isinstance(value, Tensor):
        if value.shape == copied.shape and not torch.equal(value, copied):
            value.detach().copy_(copied)
    elif isinstance(value, tuple | list):
        if isinstance(value, list):
            value[:] = [each for each, _ in copied]
        for each, was in copied:
            _refill(each, was)
    elif len(value) != len(copied):
        value.clear()
        value.update(copied)


def copied(module: nn.Module) -> nn.Module | None:
    """A copy to experiment on; None of a module that cannot be copied."""
    try:
        return copy.deepcopy(module)
    except (RuntimeError, TypeError, AttributeError):
        return None


def copied_together(module: nn.Module, optimizer: Held) -> tuple[nn.Module, Held]:
    """A copy of both, the optimiser's parameters those of the copied network.

    torch's optimisers leave behind in a copy what subclasses keep beside groups and state, such as
    L-BFGS its list of parameters. What hides a method, as the `step` of learning-rate schedules
    does, belongs to the original and stays there.
    """
    known: dict[int, Any] = {}
    twin, held = copy.deepcopy(module, known), copy.deepcopy(optimizer, known)
    for name, value in vars(optimizer).items():
        if name not in vars(held) and not hasattr(type(optimizer), name):
            setattr(held, name, copy.deepcopy(value, known))
    return twin, held


def plain(module: nn.Module) -> nn.Module:
    """The module itself where it comes wrapped: compiled, or spread over devices."""
    if not type(module).__module__.startswith(("torch._dynamo", "torch.nn.parallel")):
        return module
    inner = module._modules.get("_orig_mod", module._modules.get("module"))
    return module if inner is None else plain(inner)


def is_compiling() -> bool:
    """Whether torch's compiler is reading the code that runs."""
    return torch.compiler.is_compiling()
