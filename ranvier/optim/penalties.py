"""What large weights cost: terms added to the loss."""

from __future__ import annotations

import torch
from torch import Tensor


def penalty(weights: list[Tensor], *, l1: float = 0.0, l2: float = 0.0) -> Tensor:
    """The cost of the weights' size, a differentiable scalar.

        l1·Σ|w| + l2·½Σw²        ∂/∂w = l1·sign(w) + l2·w

    Give it weights, not biases nor normalisation scales: `decay_groups` tells which are which.

    >>> penalty([torch.tensor([3.0, -4.0])], l1=0.1, l2=0.01)
    tensor(0.8250)

    Reference: Goodfellow et al., Deep Learning (2016), 7.1.
    """
    terms = [l1 * weight.abs().sum() for weight in weights] if l1 else []
    terms += [0.5 * l2 * weight.square().sum() for weight in weights] if l2 else []
    if terms:
        return torch.stack(terms).sum()
    return weights[0].new_zeros(()) if weights else torch.zeros(())
