"""The arithmetic that many optimisers share: counters, running means, decay, the step itself.

Every function takes lists of tensors, one entry per parameter, and launches few kernels for all of
them. P is the number of parameters in a list.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def new_counters(parameters: list[Tensor]) -> list[Tensor]:
    """A count of 0 for each parameter, as the fused kernels want it.

    One counter per parameter, so any subset of the parameters can be updated by itself.
    """
    return [torch.zeros((), dtype=torch.float32, device=p.device) for p in parameters]


def zeros_like_each(parameters: list[Tensor]) -> list[Tensor]:
    """A zero tensor of its own for each parameter, in the parameter's memory layout."""
    return [torch.zeros_like(parameter, requires_grad=False) for parameter in parameters]


def copies(parameters: list[Tensor]) -> list[Tensor]:
    """A copy of each parameter, in its memory layout."""
    return [parameter.detach().clone() for parameter in parameters]


def count_(counters: list[Tensor]) -> None:
    """One more, in place."""
    # On a processor a number is wrapped into a tensor once per counter, twice as slow as this.
    torch._foreach_add_(counters, [torch.ones(())] * len(counters) if counters[0].is_cpu else 1)


def counted_(counters: list[Tensor]) -> Tensor:
    """One more, in place; the counts t come back, [P].

    In float64, where 1 − βᵗ is exact enough for any β; the counters themselves are whole numbers.
    """
    count_(counters)
    return torch.stack(counters).double()


def each(values_P: Tensor) -> list[Tensor]:
    """One scalar tensor per parameter: what a list of tensors can be multiplied by."""
    return list(values_P.unbind())


def with_decay(
    gradients: list[Tensor], parameters: list[Tensor], weight_decay: float
) -> list[Tensor]:
    """g + λ·θ: weight decay as an L2 penalty. The gradients themselves where λ is 0."""
    if not weight_decay:
        return gradients
    return list(torch._foreach_add(gradients, parameters, alpha=weight_decay))


def as_kernels_read(learning_rate: float | Tensor, parameters: list[Tensor]) -> float | Tensor:
    """The learning rate for a fused kernel, a tensor or not: the same number either way.

    On a GPU the kernels read a tensor in float32 only; on a processor in any format.
    """
    if parameters[0].is_cpu:
        return learning_rate
    if isinstance(learning_rate, Tensor):
        return learning_rate.float()
    return float(np.float32(learning_rate))


def shrink_(parameters: list[Tensor], learning_rate: float | Tensor, weight_decay: float) -> None:
    """θ ← θ − η·λ·θ: weight decay that stays out of the moments."""
    if weight_decay:
        torch._foreach_mul_(parameters, 1 - learning_rate * weight_decay)


def advance_mean_(means: list[Tensor], values: list[Tensor], beta: float) -> None:
    """m ← β·m + (1 − β)·x."""
    torch._foreach_lerp_(means, values, 1 - beta)


def advance_mean_square_(mean_squares: list[Tensor], values: list[Tensor], beta: float) -> None:
    """v ← β·v + (1 − β)·x²."""
    torch._foreach_mul_(mean_squares, beta)
    torch._foreach_addcmul_(mean_squares, values, values, value=1 - beta)


def descend(parameters: list[Tensor], steps: list[Tensor], learning_rate: float | Tensor) -> None:
    """θ ← θ − η·s, in place; the steps are left as they came."""
    torch._foreach_sub_(parameters, torch._foreach_mul(steps, learning_rate))


def root_mean_squares(mean_squares: list[Tensor], epsilon: float) -> list[Tensor]:
    """√v + ε."""
    roots = list(torch._foreach_sqrt(mean_squares))
    torch._foreach_add_(roots, epsilon)
    return roots
