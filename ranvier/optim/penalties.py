"""What large weights cost, and weights that lean on one another: terms added to the loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ranvier.optim.descent import Group


def penalty(
    weights: list[Tensor], *, l1: float = 0.0, l2: float = 0.0, orthogonal: float = 0.0
) -> Tensor:
    """The cost of the weights' size and shape, a differentiable scalar.

        l1·Σ|w| + l2·½Σw² + orthogonal·Σ_W ‖W·Wᵀ − I‖²        ∂/∂w = l1·sign(w) + l2·w + …

    l1 and l2 together are the elastic net. Give it weights, not biases nor normalisation scales:
    `groups_for` tells which are which.

    >>> penalty([torch.tensor([3.0, -4.0])], l1=0.1, l2=0.01)
    tensor(0.8250)

    Reference: Goodfellow et al., Deep Learning (2016), 7.1; Brock et al., Neural Photo Editing with
    Introspective Adversarial Networks (2017), 4.1, for the orthogonal one.
    """
    terms = [l1 * weight.abs().sum() for weight in weights] if l1 else []
    terms += [0.5 * l2 * weight.square().sum() for weight in weights] if l2 else []
    if orthogonal:
        terms += [orthogonal * distance_from_orthogonal(w) for w in weights if w.ndim >= 2]
    if terms:
        return torch.stack(terms).sum()
    return weights[0].new_zeros(()) if weights else torch.zeros(())


def distance_from_orthogonal(weight: Tensor) -> Tensor:
    """How far the rows of a matrix are from being orthonormal; its columns, where they are fewer.

        ‖W·Wᵀ − I‖²        squared Frobenius norm;    ∂/∂W = 4·(W·Wᵀ − I)·W

    Shapes: [R, …], all axes but the first taken as one → [].

    >>> distance_from_orthogonal(torch.eye(2, 3)), distance_from_orthogonal(2 * torch.eye(1))
    (tensor(0.), tensor(9.))
    """
    rows = weight.flatten(1)
    rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
    gram = rows @ rows.T
    return (gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).square().sum()


def penalty_of_groups(groups: Sequence[Group], parameters: list[Tensor]) -> Tensor | None:
    """What the parameters cost, each group by its own factors; None where none has any."""
    terms = [
        penalty(group.of(parameters), l1=group.l1, l2=group.l2, orthogonal=group.orthogonal)
        for group in groups
        if group.is_penalised
    ]
    return torch.stack(terms).sum() if terms else None
