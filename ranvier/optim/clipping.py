"""Keeping gradients small, with norms that are taken once and shared.

Nothing here reads a number back from the device: a coefficient is a tensor, 1 where there is
nothing to clip. P is the number of tensors in the list.
"""

from __future__ import annotations

import torch
from torch import Tensor

# What torch adds to a norm before dividing by it; the same here, so the same gradients come out.
_EPSILON = 1e-6


def norms(tensors: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The Euclidean norm of each tensor, [P], and of all of them as one vector, a scalar.

    Both are finite only if every element is, so they also tell whether a gradient has gone bad.

    >>> norms([torch.tensor([3.0]), torch.tensor([0.0, 4.0])])
    (tensor([3., 4.]), tensor(5.))
    """
    with torch.no_grad():
        each_P = torch.stack(torch._foreach_norm(tensors))
        return each_P, torch.linalg.vector_norm(each_P)


def global_norm(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of all the tensors as one vector, a scalar."""
    return norms(tensors)[1]


def clip_by_global_norm_(
    gradients: list[Tensor], limit: float | Tensor, *, norm: Tensor | None = None
) -> Tensor:
    """Shrink all gradients alike, in place, until their global norm is at most `limit`.

        g ← g·min(1, limit / ‖g‖)        ‖g‖ over all gradients at once

    Returns the norm before clipping. Give `norm` where it is known already.

    Reference: Pascanu et al., On the difficulty of training recurrent neural networks (2013).
    """
    with torch.no_grad():
        norm = global_norm(gradients) if norm is None else norm
        torch._foreach_mul_(gradients, (limit / (norm + _EPSILON)).clamp(max=1.0))
        return norm


def clip_by_norm_(
    gradients: list[Tensor], limit: float | Tensor, *, each: Tensor | None = None
) -> Tensor:
    """Shrink each gradient, in place, until its own norm is at most `limit`.

    Returns the norms before clipping, [P]. Give `each` where they are known already.
    """
    with torch.no_grad():
        each = norms(gradients)[0] if each is None else each
        coefficients = (limit / (each + _EPSILON)).clamp(max=1.0)
        torch._foreach_mul_(gradients, list(coefficients.unbind()))
        return each


def clip_by_value_(gradients: list[Tensor], limit: float) -> None:
    """Bring every element, in place, to between −limit and limit."""
    with torch.no_grad():
        torch._foreach_clamp_min_(gradients, -limit)
        torch._foreach_clamp_max_(gradients, limit)


def clip_adaptively_(
    gradients: list[Tensor],
    parameters: list[Tensor],
    limit: float,
    *,
    smallest: float = 1e-3,
) -> None:
    """Shrink each unit's gradient, in place, to at most `limit` times the size of its weights.

        g_i ← g_i·min(1, limit·max(‖θ_i‖, smallest) / ‖g_i‖)

    i runs over the units of a layer, the first axis of a weight; a bias or a scale is one unit.

    Reference: Brock et al., High-Performance Large-Scale Image Recognition Without Normalization
    (2021), equation 3.
    """
    with torch.no_grad():
        for gradient, parameter in zip(gradients, parameters, strict=True):
            most = limit * _unit_norms(parameter).clamp(min=smallest)
            # A gradient of zero is left alone: its norm has no part in a coefficient below 1.
            gradient.mul_((most / _unit_norms(gradient).clamp(min=_EPSILON)).clamp(max=1.0))


def _unit_norms(tensor: Tensor) -> Tensor:
    """Of each unit, in a shape that multiplies the tensor: [U, 1, …], or [] for one unit."""
    if tensor.ndim < 2:
        return torch.linalg.vector_norm(tensor)
    return torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.ndim)), keepdim=True)
