"""Normalisation with the features last: torch's kernels on a view of what comes.

B batch, P places of a sample, C features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import BatchNorm as BatchNormLayer
from ranvier.spec import GroupNorm as GroupNormLayer
from ranvier.spec import InstanceNorm as InstanceNormLayer
from ranvier.spec import Node
from ranvier.spec import UnitNorm as UnitNormLayer


class BatchNorm(nn.BatchNorm1d):
    """torch's batch normalisation over all axes but the last.

    Shapes: [..., features] -> the same.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() == 2:
            return super().forward(input)
        return super().forward(input.reshape(-1, input.shape[-1])).reshape(input.shape)


class GroupNorm(nn.GroupNorm):
    """torch's group normalisation, each group over all places of a sample.

    Shapes: [B, ..., C] -> the same.
    """

    def forward(self, input: Tensor) -> Tensor:
        # All places in one axis, seen as a picture of width 1: for torch that is a contiguous
        # picture with the channels last, whatever the rank, which it normalises without a copy.
        places_BPC = input.flatten(1, -2) if input.dim() > 2 else input.unsqueeze(1)
        picture_BCP1 = places_BPC.unsqueeze(2).movedim(-1, 1)
        # Scale and shift stand outside: torch 2.13's backward pass for this memory format writes
        # through a null pointer where the weight wants a gradient and the input does not.
        normal = F.group_norm(picture_BCP1, self.num_groups, eps=self.eps)
        normal = normal.movedim(1, -1).reshape(input.shape)
        return torch.addcmul(self.bias, normal, self.weight) if self.affine else normal


@MODULES.register("batch_norm")
def _batch_norm(node: Node, _: Children) -> nn.Module:
    layer = node.layer
    assert isinstance(layer, BatchNormLayer)
    return BatchNorm(
        node.inputs[0][-1], eps=layer.epsilon, momentum=layer.momentum, affine=layer.affine
    )


@MODULES.register("group_norm")
def _group_norm(node: Node, _: Children) -> nn.Module:
    layer = node.layer
    assert isinstance(layer, GroupNormLayer)
    return GroupNorm(layer.groups, node.inputs[0][-1], eps=layer.epsilon, affine=layer.affine)


@MODULES.register("instance_norm")
def _instance_norm(node: Node, _: Children) -> nn.Module:
    # torch's instance norm adds running statistics, which nobody uses; else it is this.
    layer, features = node.layer, node.inputs[0][-1]
    assert isinstance(layer, InstanceNormLayer)
    return GroupNorm(features, features, eps=layer.epsilon, affine=layer.affine)


class UnitNorm(nn.Module):
    """torch's division by the Euclidean length, over the last axes.

    Shapes: [..., C] -> the same.
    """

    def __init__(self, axes: int, epsilon: float) -> None:
        super().__init__()
        self.dim = tuple(range(-axes, 0))
        self.epsilon = epsilon

    def forward(self, input: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(input, dim=self.dim, keepdim=True)
        return input / length.clamp_min(self.epsilon)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, epsilon={self.epsilon}"


@MODULES.register("unit_norm")
def _unit_norm(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, UnitNormLayer)
    return UnitNorm(node.layer.axes, node.layer.epsilon)
