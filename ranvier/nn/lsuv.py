"""Weights fitted to a batch: every layer starts by giving numbers of variance 1."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ranvier.core.errors import DataError, NetworkError
from ranvier.core.random import stream_seed

_aten = torch.ops.aten
_STACKED = {_aten.bmm.default, _aten.baddbmm.default}
_PRODUCTS = _STACKED | {
    _aten.mm.default,
    _aten.addmm.default,
    _aten.convolution.default,
    _aten.linear.default,
}
"""What maps linearly with a weight, convolutions among it, at the level that torch computes on."""


@torch.no_grad()
def lsuv_(
    module: nn.Module,
    batch: Tensor,
    *,
    tolerance: float = 0.1,
    trials: int = 10,
    orthogonal: bool = True,
    seed: int = 0,
) -> dict[str, float]:
    """Rescale the weights, layer by layer, until what each gives for `batch` has variance 1.

    Layer-sequential unit variance: first every weight becomes orthogonal (not so with
    `orthogonal=False`, which keeps the directions that it has), then, in the order in which the
    network computes, W ← W / √Var[W x + b], at most `trials` times or until the variance is
    within `tolerance` of 1. The variance is taken before the activation, over all units, places
    and samples. So networks of any activation start with signals that neither die out nor grow.

    It changes the weights of dense layers and convolutions, of any `nn.Module`, in place, and
    leaves recurrent weights, biases, buffers and the global random state as they are. It returns
    the variance that each of them ends with, by name.

    >>> import ranvier as rv
    >>> network = rv.Network(rv.Dense(64, activation="tanh"), rv.Dense(3))
    >>> module = rv.build(network, 20)
    >>> lsuv_(module, 5 * torch.randn(256, 20)).keys()
    dict_keys(['dense_0.weight', 'dense_1.weight'])

    Shapes: `batch` is [B, …], what the module takes; some hundred rows are enough.

    Raises:
        NetworkError: for a module without a weight that it could rescale.
        DataError: for a batch on which a layer gives the same number throughout, or no number.

    Reference: Mishkin & Matas 2016, arXiv:1511.06422 (All you need is a good init).
    """
    # What multiplies a state, as in recurrent layers, meets nought at first and is named otherwise.
    weights = {
        name: p for name, p in module.named_parameters() if name.endswith("weight") and p.dim() >= 2
    }
    training = [inner for inner in module.modules() if inner.training]
    module.eval()
    try:
        first = _Products(weights)
        found = list(first.run(module, batch))
        if not found:
            raise NetworkError(
                "lsuv_: got a module without dense layers or convolutions; expected some."
            )
        if orthogonal:
            for name in found:
                matrices = weights[name] if name in first.stacked else weights[name].unsqueeze(0)
                _turn(matrices, stream_seed(seed, "lsuv", name))
        return {
            name: _rescale(module, batch, name, weights[name], tolerance, trials) for name in found
        }
    finally:
        for inner in training:
            inner.training = True


def _turn(matrices: Tensor, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for matrix in matrices:
        drawn = torch.empty(matrix.shape[0], matrix[0].numel())
        nn.init.orthogonal_(drawn, generator=generator)
        matrix.copy_(drawn.view(matrix.shape))


def _rescale(
    module: nn.Module, batch: Tensor, name: str, weight: Tensor, tolerance: float, trials: int
) -> float:
    for trial in range(trials + 1):
        variance = _Products({name: weight}).run(module, batch)[name]
        if not math.isfinite(variance) or variance == 0.0:
            raise DataError(
                f"lsuv_: {name} gives numbers of variance {variance:g} on this batch; expected "
                "one that is finite and above 0. Give a batch of different rows, as they come in "
                "training, and let weights that start at zero turn (orthogonal=True)."
            )
        if abs(variance - 1) <= tolerance or trial == trials:
            break
        weight.div_(math.sqrt(variance))
    return variance


class _Products(TorchDispatchMode):
    """Sees each product with one of `weights`, through any view, and notes its variance.

    A weight that is used several times is measured where it is used first. `stacked` holds the
    weights that are one matrix for each member of a batch of products.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.names = {_place(weight): name for name, weight in weights.items()}
        self.variances: dict[str, float] = {}
        self.stacked: set[str] = set()

    def run(self, module: nn.Module, batch: Tensor) -> dict[str, float]:
        """The variances of one evaluation of `batch`."""
        # Without gradients torch computes attention in one piece, and its products go unseen.
        with torch.enable_grad(), contextlib.suppress(_AllSeen), self:
            module(batch)
        return self.variances

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _PRODUCTS:
            factors = [value for value in args if isinstance(value, Tensor)]
            for name in [self.names[p] for p in map(_place, factors) if p in self.names]:
                if name not in self.variances:
                    if func in _STACKED:
                        self.stacked.add(name)
                    self.variances[name] = result.var(correction=0).item()
            if len(self.variances) == len(self.names) == 1:
                raise _AllSeen
        return result


class _AllSeen(Exception):
    """What was looked for is measured; the layers after it need not be computed."""


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
