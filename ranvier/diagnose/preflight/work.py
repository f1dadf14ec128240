"""How much an update of an experiment computes: what its length goes by, no clock having a say."""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.step.probes import layer_outputs


def update_multiply_adds(module: nn.Module, inputs: Tensor, *, rows: int) -> int:
    """The multiply-adds of an update on so many rows of the inputs `[N, …]`, about.

    Each weight counts once a row; of pictures and sequences once for each place that its layer
    answers for, as those of convolutions are met at.
    """
    weights = sum(parameter.numel() for parameter in module.parameters())
    if inputs.ndim < 3:
        return 3 * rows * weights
    met = 0
    for path, output in layer_outputs(module, inputs[:1]).items():
        for weight in module.get_submodule(path).parameters(recurse=False):
            if weight.ndim > 1:
                met += weight.numel() * max(1, output.numel() // len(weight))
    return 3 * rows * max(weights, met)
