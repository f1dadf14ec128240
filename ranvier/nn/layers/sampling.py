"""Normal draws around means that a network gives.

B batch, C features of the code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.nn.penalties import add_penalty
from ranvier.spec import GaussianSample as GaussianSampleLayer
from ranvier.spec import Node


class GaussianSample(nn.Module):
    """μ + e^(v/2) ⊙ ε in training, μ in evaluation; the divergence from N(0, I) is a penalty.

    Shapes: [B, ..., 2C] -> [B, ..., C].
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, input: Tensor) -> Tensor:
        mean, log_variance = input.chunk(2, dim=-1)
        if not self.training:
            return mean
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum() / 2
        add_penalty(self.weight * divergence / input.shape[0])
        return torch.addcmul(mean, torch.exp(log_variance / 2), torch.randn_like(mean))

    def extra_repr(self) -> str:
        return f"weight={self.weight}"


@MODULES.register("gaussian_sample")
def _gaussian_sample(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, GaussianSampleLayer)
    return GaussianSample(node.layer.weight)
