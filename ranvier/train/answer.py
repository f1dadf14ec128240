"""The weights that predict, where they are not the ones that are trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from ranvier.step import State
from ranvier.step.modes import evaluating
from ranvier.train.batches import Batches

# Enough for statistics that are means over batches, and a small share of an epoch.
STATISTICS_BATCHES = 32


@torch.no_grad()
def answer_of(module: nn.Module, state: State, batches: Batches) -> dict[str, Tensor] | None:
    """What to run the network with in place of its own tensors, by name; None where they predict.

    The running statistics of batch normalisation are those of the weights that are trained. With
    other weights the layers below give other numbers, so they are taken anew: the mean over some
    batches of the training rows, always the same ones.

    Reference: Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization
    (2018), 3.2.
    """
    if state.answer is None:
        return None
    answer = dict(zip(state.names, state.answer, strict=True))
    with _only_statistics_are_taken(module) as fresh:
        if fresh:
            for batch in islice(batches.epoch(0), STATISTICS_BATCHES):
                functional_call(module, {**answer, **fresh}, (batch.inputs,))
    return {**answer, **fresh}


@contextmanager
def _only_statistics_are_taken(module: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Everything as in evaluation but for batch normalisation, which averages over all it sees.

    One that rests keeps the statistics that it came with.

    Its fresh statistics come by name; without such a layer there are none.
    """
    layers = {
        path: layer
        for path, layer in module.named_modules()
        if isinstance(layer, _BatchNorm) and layer.track_running_stats and layer.training
    }
    fresh = {
        f"{path}.{name}".removeprefix("."): torch.zeros_like(buffer)
        for path, layer in layers.items()
        for name, buffer in layer.named_buffers()
    }
    momenta = [layer.momentum for layer in layers.values()]
    with evaluating(module):
        for layer in layers.values():
            layer.train()
            layer.momentum = None  # to torch: every batch counts alike
        try:
            yield fresh
        finally:
            for layer, momentum in zip(layers.values(), momenta, strict=True):
                layer.momentum = momentum
