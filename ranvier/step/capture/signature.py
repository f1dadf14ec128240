"""What a captured update holds for: as long as none of it changes, it may be replayed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ranvier.step.objective import Batch
from ranvier.step.state import State


class Form(NamedTuple):
    """How a tensor lies in memory."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


class Signature(NamedTuple):
    """The forms of what comes, and which modules train and which parameters are trained."""

    inputs: Form
    targets: Form
    weights: Form | None
    training: tuple[bool, ...]
    trained: tuple[bool, ...]
    deterministic: bool


class Signer:
    """Makes the signature of a step, in about a microsecond for a small network."""

    def __init__(self, module: nn.Module, state: State) -> None:
        self.layers = list(module.named_modules())
        self._modules = [layer for _, layer in self.layers]
        self._parameters = list(state.parameters)
        self.names = state.names

    def __call__(self, batch: Batch) -> Signature:
        inputs, targets, weights = batch
        return Signature(
            _form(inputs),
            _form(targets),
            None if weights is None else _form(weights),
            tuple([module.training for module in self._modules]),
            tuple([parameter.requires_grad for parameter in self._parameters]),
            torch.are_deterministic_algorithms_enabled(),
        )

    def difference(self, one: Signature, other: Signature) -> str:
        """What changed from `one` to `other`, in words that name it."""
        found = []
        for name in ("inputs", "targets", "weights"):
            before, now = getattr(one, name), getattr(other, name)
            if before != now:
                found.append(f"{name} {_words(before)} became {_words(now)}")
        for (path, layer), before, now in zip(
            self.layers, one.training, other.training, strict=True
        ):
            if before != now:
                name = path or type(layer).__name__
                found.append(f"{name} went to {'training' if now else 'evaluation'} mode")
        for name, before, now in zip(self.names, one.trained, other.trained, strict=True):
            if before != now:
                found.append(f"{name} was {'unfrozen' if now else 'frozen'}")
        if one.deterministic != other.deterministic:
            found.append("the deterministic algorithms were switched")
        return ", ".join(found[:3]) + (" …" if len(found) > 3 else "")


def _form(tensor: Tensor) -> Form:
    return Form(tensor.shape, tensor.stride(), tensor.dtype, tensor.device)


def _words(form: Form | None) -> str:
    if form is None:
        return "none"
    return f"{list(form.shape)} {str(form.dtype).removeprefix('torch.')} on {form.device}"
