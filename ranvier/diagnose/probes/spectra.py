"""How the singular values of weights are spread at the end of a training."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

FEWEST_VALUES = 50
# A decomposition of more takes seconds.
MOST_NUMBERS = 2**20


@torch.no_grad()
def spectra(module: nn.Module) -> dict[str, float]:
    """The power-law exponent of each weight of at least 50 singular values, by path.

    Weights of convolutions count as `[out, in · places]`; what holds more than a million numbers is
    left out, and so is what is not finite.
    """
    found = {}
    for path, parameter in module.named_parameters():
        if isinstance(parameter, nn.UninitializedParameter) or parameter.ndim < 2:
            continue
        matrix = parameter.detach().reshape(len(parameter), -1)
        is_fit = min(matrix.shape) >= FEWEST_VALUES and matrix.numel() <= MOST_NUMBERS
        if is_fit and matrix.is_floating_point() and bool(torch.isfinite(matrix).all()):
            alpha = power_law_exponent(torch.linalg.svdvals(matrix.double().cpu()).square())
            if alpha is not None:
                found[path] = alpha
    return found


def power_law_exponent(eigenvalues: Tensor) -> float | None:
    """α of p(λ) ∝ λ^−α for the eigenvalues above their median, by maximum likelihood.

    α = 1 + n / Σ ln(λ_i / λ_min) over the n of them.

    Reference: Clauset, Shalizi and Newman, Power-law distributions in empirical data, 2009.
    """
    least = eigenvalues.median()
    tail = eigenvalues[eigenvalues >= least]
    logs = float((tail / least).log().sum()) if float(least) > 0 else math.inf
    return 1 + len(tail) / logs if math.isfinite(logs) and logs > 0 else None
