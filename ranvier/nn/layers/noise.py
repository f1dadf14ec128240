"""Normal draws while training, every number its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import GaussianDropout as GaussianDropoutLayer
from ranvier.spec import GaussianNoise as GaussianNoiseLayer
from ranvier.spec import Node


class GaussianNoise(nn.Module):
    """x + n, n ~ N(0, std²), in training."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        return torch.add(input, torch.randn_like(input), alpha=self.std)

    def extra_repr(self) -> str:
        return f"std={self.std}"


class GaussianDropout(nn.Module):
    """x ⊙ (1 + n), n ~ N(0, rate / (1 − rate)), in training."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.std = math.sqrt(rate / (1 - rate))

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        return torch.addcmul(input, input, torch.randn_like(input), value=self.std)

    def extra_repr(self) -> str:
        return f"std={self.std}"


@MODULES.register("gaussian_noise")
def _gaussian_noise(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, GaussianNoiseLayer)
    return GaussianNoise(node.layer.std)


@MODULES.register("gaussian_dropout")
def _gaussian_dropout(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, GaussianDropoutLayer)
    return GaussianDropout(node.layer.rate)
