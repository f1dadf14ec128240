"""Initialisers at work: a tensor is filled from the stream that its seed and path name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.core.errors import NetworkError
from ranvier.core.random import stream_seed
from ranvier.spec.layer import Parameter

Values = dict[str, Any]
Fill = Callable[[Tensor, Parameter, Values, torch.Generator], object]

_CUT_DEVIATION = 0.87962566103423978
"""The standard deviation of N(0, 1) cut at ±2."""


def _draw(tensor: Tensor, distribution: str, variance: float, generator: torch.Generator) -> object:
    """Zero mean and this variance."""
    deviation = math.sqrt(variance)
    if distribution == "normal":
        return tensor.normal_(0.0, deviation, generator=generator)
    if distribution == "truncated_normal":
        return _cut_normal(tensor, 0.0, deviation / _CUT_DEVIATION, generator)
    reach = math.sqrt(3.0) * deviation
    return tensor.uniform_(-reach, reach, generator=generator)


def _cut_normal(tensor: Tensor, mean: float, std: float, generator: torch.Generator) -> object:
    if std == 0.0:
        return tensor.fill_(mean)
    low, high = mean - 2 * std, mean + 2 * std
    return nn.init.trunc_normal_(tensor, mean, std, low, high, generator=generator)


def _scaled(distribution: str, variance: Callable[[Parameter], float]) -> Fill:
    """Zero mean and the variance that the fans ask for."""
    return lambda t, p, _, g: _draw(t, distribution, variance(p), g)


def _he(parameter: Parameter) -> float:
    return 2.0 / parameter.fan_in


def _glorot(parameter: Parameter) -> float:
    return 2.0 / (parameter.fan_in + parameter.fan_out)


def _lecun(parameter: Parameter) -> float:
    return 1.0 / parameter.fan_in


def _variance_scaling(
    tensor: Tensor, parameter: Parameter, values: Values, generator: torch.Generator
) -> object:
    fans = {
        "fan_in": parameter.fan_in,
        "fan_out": parameter.fan_out,
        "fan_avg": (parameter.fan_in + parameter.fan_out) / 2,
    }
    variance = values["scale"] / fans[values["mode"]]
    return _draw(tensor, values["distribution"], variance, generator)


def _orthogonal(tensor: Tensor, _: Parameter, values: Values, generator: torch.Generator) -> object:
    rows = tensor.view(tensor.shape[0], -1)
    return nn.init.orthogonal_(rows, values["gain"], generator=generator)


def _sparse(tensor: Tensor, _: Parameter, values: Values, generator: torch.Generator) -> object:
    # torch's own silences outputs of each input, not inputs of each unit as the paper does, and
    # picks them from the global stream.
    rows = tensor.view(tensor.shape[0], -1)
    silent = math.ceil(values["sparsity"] * rows.shape[1])
    order = torch.rand(rows.shape, generator=generator).argsort(dim=1)
    rows.normal_(0.0, values["std"], generator=generator)
    return rows.scatter_(1, order[:, :silent].to(rows.device), 0.0)


FILLS: dict[str, Fill] = {
    "he_normal": _scaled("normal", _he),
    "he_uniform": _scaled("uniform", _he),
    "glorot_normal": _scaled("normal", _glorot),
    "glorot_uniform": _scaled("uniform", _glorot),
    "lecun_normal": _scaled("normal", _lecun),
    "lecun_uniform": _scaled("uniform", _lecun),
    "variance_scaling": _variance_scaling,
    "normal": lambda t, _, v, g: t.normal_(v["mean"], v["std"], generator=g),
    "uniform": lambda t, _, v, g: t.uniform_(v["low"], v["high"], generator=g),
    "truncated_normal": lambda t, _, v, g: _cut_normal(t, v["mean"], v["std"], g),
    "zeros": lambda t, _, v, g: t.zero_(),
    "ones": lambda t, _, v, g: t.fill_(1.0),
    "constant": lambda t, _, v, g: t.fill_(v["value"]),
    "identity": lambda t, _, v, g: nn.init.eye_(t).mul_(v["gain"]),
    "orthogonal": _orthogonal,
    "sparse": _sparse,
    "dirac": lambda t, _, v, g: nn.init.dirac_(t, v["groups"]),
}


@torch.no_grad()
def fill_(tensor: Tensor, parameter: Parameter, *, seed: int, path: str) -> None:
    """Start `tensor` as `parameter` says, from the stream of `seed` that `path` names.

    Raises:
        NetworkError: for an initialiser that cannot fill a weight of this shape.
    """
    initializer = parameter.initializer
    misfit = initializer.misfit(parameter.shape)
    if misfit:
        raise NetworkError(f"{path}: {misfit}")
    generator = torch.Generator().manual_seed(stream_seed(seed, "weights", path))
    FILLS[initializer.function](tensor, parameter, dict(initializer.parameters), generator)
