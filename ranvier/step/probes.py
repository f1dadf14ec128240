"""The statistics of weights, gradients and activations, each the cheapest way that suffices.

They run on a few steps only and read nothing that the next update would see differently: weights
are cloned for one step, activations come from a forward pass in evaluation mode on a fixed probe.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.spec import Activation
from ranvier.step.modes import evaluating

BINS = 32
LOWEST_EXPONENT = -24
SAMPLE = 4096
DEAD_BELOW = 1e-5


@torch.no_grad()
def weight_statistics(
    parameters: Sequence[Tensor], before: Sequence[Tensor], gradients: Sequence[Tensor]
) -> dict[str, list[float]]:
    """Per parameter: ‖w‖, ‖Δw‖, mean and max |g|, ⟨g, Δw⟩, share of exact zeros.

    `before` holds the parameters as they were ahead of the update that `gradients` caused.
    """
    parameters, before, gradients = list(parameters), list(before), list(gradients)
    change = torch._foreach_sub(parameters, before)
    sizes = torch.tensor([p.numel() for p in parameters], device=parameters[0].device)
    rows = {
        "norm": torch._foreach_norm(parameters),
        "update": torch._foreach_norm(change),
        "gradient_mean": torch._foreach_norm(gradients, 1),
        "gradient_max": torch._foreach_norm(gradients, float("inf")),
        "alignment": [product.sum() for product in torch._foreach_mul(gradients, change)],
        "zero": [p.numel() - torch.count_nonzero(p) for p in parameters],
    }
    table = torch.stack([torch.stack([v.float() for v in row]) for row in rows.values()])
    table[2] /= sizes
    table[5] /= sizes
    return dict(zip(rows, table.tolist(), strict=True))


@torch.no_grad()
def weight_variances(parameters: Iterable[Tensor]) -> list[float]:
    """var(w) per parameter; 0 for a single number."""
    return [float(p.float().var(unbiased=False)) for p in parameters]


@torch.no_grad()
def log2_histogram(values: Tensor) -> list[int]:
    """Counts of ⌊log₂|x|⌋ in 32 fixed bins from 2⁻²⁴ to 2⁸, on at most 4,096 elements.

    Zeros and everything smaller fall into the first bin, everything larger into the last.
    """
    flat = values.detach().reshape(-1)
    sample = flat[:: max(1, flat.numel() // SAMPLE)][:SAMPLE]
    exponent = torch.frexp(sample.float()).exponent - 1
    index = (exponent - LOWEST_EXPONENT).clamp_(0, BINS - 1)
    index[sample == 0] = 0
    return torch.bincount(index, minlength=BINS).tolist()


def observed_layers(module: nn.Module) -> dict[str, nn.Module]:
    """The modules whose outputs are looked at: leaves that compute, by path."""
    passive = (nn.Dropout, nn.Flatten, nn.Identity, nn.AlphaDropout)
    return {
        path: layer
        for path, layer in module.named_modules()
        if path and not any(True for _ in layer.children()) and not isinstance(layer, passive)
    }


def layer_outputs(module: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """What each observed layer gives for `inputs` in evaluation mode; shared layers, the last."""
    return observed(module, inputs)[1]


@torch.no_grad()
def observed(module: nn.Module, inputs: Tensor) -> tuple[Any, dict[str, Tensor]]:
    """What the module and its layers give for `inputs` in evaluation mode."""
    seen: dict[str, Tensor] = {}
    handles = []
    for path, layer in observed_layers(module).items():

        def keep(_layer: nn.Module, _inputs: Any, output: Any, path: str = path) -> None:
            if isinstance(output, Tensor) and output.is_floating_point():
                seen[path] = output

        handles.append(layer.register_forward_hook(keep))
    try:
        with evaluating(module):
            outputs = module(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return outputs, seen


@torch.no_grad()
def activation_statistics(outputs: dict[str, Tensor], module: nn.Module) -> dict[str, Any]:
    """Per layer: mean, variance, max |a|, mean |a|, saturated share, share of dead units.

    A unit is dead where |a| stays below 1e-5 on every row of the probe; a value is saturated in
    the outer 2.5 % of a bounded activation's range (None where the range has no bounds).
    """
    columns = []
    saturated: list[float | None] = []
    for path, output in outputs.items():
        magnitude = output.abs()
        axis = _unit_axis(module.get_submodule(path), output)
        per_unit = magnitude.movedim(axis, -1).reshape(-1, magnitude.shape[axis]).amax(0)
        columns.append(
            torch.stack(
                [
                    output.mean(),
                    output.var(unbiased=False),
                    per_unit.amax(),
                    magnitude.mean(),
                    (per_unit < DEAD_BELOW).float().mean(),
                ]
            ).float()
        )
        saturated.append(_saturated_share(output, module.get_submodule(path)))
    names = ("mean", "variance", "max", "mean_abs", "dead")
    rows = torch.stack(columns, 1).tolist() if columns else [[] for _ in names]
    return {**dict(zip(names, rows, strict=True)), "saturated": saturated}


def _unit_axis(layer: nn.Module, output: Tensor) -> int:
    """The axis of units: the last of our own layers, axis 1 of torch's behind a convolution."""
    if type(layer).__module__.startswith("ranvier.") or output.ndim < 3:
        return -1
    has_channels = isinstance(
        layer,
        nn.modules.conv._ConvNd
        | nn.modules.batchnorm._NormBase
        | nn.GroupNorm
        | nn.modules.pooling._MaxPoolNd
        | nn.modules.pooling._AvgPoolNd,
    )
    return 1 if output.ndim > 3 or has_channels else -1


@torch.no_grad()
def effective_rank(outputs: Tensor) -> float:
    """In how many directions the rows of `outputs` `[N, …]` differ: exp(H(σ² / Σσ²)).

    From the eigenvalues of the smaller Gram matrix of the centred rows, which are σ²; 1 where all
    rows are alike.

    Reference: Roy and Vetterli, The effective rank, 2007.
    """
    rows_NF = outputs.reshape(len(outputs), -1).double()
    rows_NF = rows_NF - rows_NF.mean(0)
    is_tall = rows_NF.shape[0] > rows_NF.shape[1]
    gram = rows_NF.T @ rows_NF if is_tall else rows_NF @ rows_NF.T
    squares = torch.linalg.eigvalsh(gram).clamp(min=0)
    total = squares.sum()
    if not float(total) > 0:
        return 1.0
    shares = squares / total
    return float(torch.special.entr(shares).sum().exp())


def _saturated_share(output: Tensor, layer: nn.Module) -> float | None:
    # Our own modules carry their description or their activation; torch's carry neither.
    function = getattr(getattr(layer, "layer", layer), "activation", None)
    if isinstance(function, str):
        function = Activation(function)
    low, high = getattr(function, "bounds", (-math.inf, math.inf))
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    margin = 0.025 * (high - low)
    return float(((output < low + margin) | (output > high - margin)).float().mean())
