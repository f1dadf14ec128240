"""Which parameters a weight decay or a penalty is for."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

_NORMALISATION = ("norm", "ln", "bn")
_SPARED = ("bias", "scale", "gain", "gamma", "beta")


def decays(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is a weight of a dense, convolution or embedding layer.

    Such a weight multiplies inputs and has two axes or more. A bias or a normalisation's scale is
    spared: shrinking it moves what the network says without making it simpler. Number of axes
    alone would not tell, as the biases of an ensemble inside one network have two.

    >>> import torch
    >>> decays("dense_0.weight", torch.zeros(8, 4)), decays("dense_0.bias", torch.zeros(8))
    (True, False)
    """
    *path, last = name.lower().split(".")
    in_normalisation = any(
        "norm" in part or part.rstrip("0123456789_") in _NORMALISATION for part in path
    )
    return (
        parameter.ndim >= 2
        and not in_normalisation
        and not any(word in last.split("_") for word in _SPARED)
    )


def decay_groups(named: Iterable[tuple[str, Tensor]]) -> tuple[list[int], list[int]]:
    """Positions of the parameters that decay, and of those that are spared, in the order given.

    `named` is what `module.named_parameters()` yields.
    """
    groups: tuple[list[int], list[int]] = ([], [])
    for position, (name, parameter) in enumerate(named):
        groups[0 if decays(name, parameter) else 1].append(position)
    return groups
