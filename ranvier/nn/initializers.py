"""Initialisers at work: a tensor is filled from the stream that its seed and path name."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ranvier.core.random import stream_seed
from ranvier.spec.layer import Parameter

Fill = Callable[[Tensor, Parameter, dict[str, float], torch.Generator], object]


def _scaled(distribution: str, variance: Callable[[Parameter], float]) -> Fill:
    """Zero mean and the variance that the fans ask for."""

    def fill(
        tensor: Tensor, parameter: Parameter, _: dict[str, float], generator: torch.Generator
    ) -> object:
        deviation = math.sqrt(variance(parameter))
        if distribution == "normal":
            return tensor.normal_(0.0, deviation, generator=generator)
        reach = math.sqrt(3.0) * deviation
        return tensor.uniform_(-reach, reach, generator=generator)

    return fill


def _he(parameter: Parameter) -> float:
    return 2.0 / parameter.fan_in


def _glorot(parameter: Parameter) -> float:
    return 2.0 / (parameter.fan_in + parameter.fan_out)


def _lecun(parameter: Parameter) -> float:
    return 1.0 / parameter.fan_in


def _truncated_normal(
    tensor: Tensor, _: Parameter, values: dict[str, float], generator: torch.Generator
) -> object:
    mean, std = values["mean"], values["std"]
    if std == 0.0:
        return tensor.fill_(mean)
    low, high = mean - 2 * std, mean + 2 * std
    return nn.init.trunc_normal_(tensor, mean, std, low, high, generator=generator)


def _orthogonal(
    tensor: Tensor, _: Parameter, values: dict[str, float], generator: torch.Generator
) -> object:
    rows = tensor.view(tensor.shape[0], -1)
    return nn.init.orthogonal_(rows, values["gain"], generator=generator)


FILLS: dict[str, Fill] = {
    "he_normal": _scaled("normal", _he),
    "he_uniform": _scaled("uniform", _he),
    "glorot_normal": _scaled("normal", _glorot),
    "glorot_uniform": _scaled("uniform", _glorot),
    "lecun_normal": _scaled("normal", _lecun),
    "lecun_uniform": _scaled("uniform", _lecun),
    "normal": lambda t, _, v, g: t.normal_(v["mean"], v["std"], generator=g),
    "uniform": lambda t, _, v, g: t.uniform_(v["low"], v["high"], generator=g),
    "truncated_normal": _truncated_normal,
    "zeros": lambda t, _, v, g: t.zero_(),
    "ones": lambda t, _, v, g: t.fill_(1.0),
    "constant": lambda t, _, v, g: t.fill_(v["value"]),
    "orthogonal": _orthogonal,
}


@torch.no_grad()
def fill_(tensor: Tensor, parameter: Parameter, *, seed: int, path: str) -> None:
    """Start `tensor` as `parameter` says, from the stream of `seed` that `path` names."""
    generator = torch.Generator().manual_seed(stream_seed(seed, "weights", path))
    initializer = parameter.initializer
    FILLS[initializer.function](tensor, parameter, dict(initializer.parameters), generator)
