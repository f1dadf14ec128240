"""Masks as signals, and the place of a sequence that they say."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import MaskedFill as MaskedFillLayer
from ranvier.spec import Masking as MaskingLayer
from ranvier.spec import Node
from ranvier.spec import PaddingMask as PaddingMaskLayer
from ranvier.spec import Select as SelectLayer


class Masking(nn.Module):
    """[B, *places, features] -> [B, *places]: whether any feature is not `value`."""

    def __init__(self, layer: MaskingLayer) -> None:
        super().__init__()
        self.value = layer.value

    def forward(self, input: Tensor) -> Tensor:
        return (input != self.value).any(-1)

    def extra_repr(self) -> str:
        return f"{self.value:g}"


class PaddingMask(nn.Module):
    """[B, *places] -> the same: whether the code is not `code`."""

    def __init__(self, layer: PaddingMaskLayer) -> None:
        super().__init__()
        self.code = layer.code

    def forward(self, input: Tensor) -> Tensor:
        return input != self.code

    def extra_repr(self) -> str:
        return str(self.code)


class MaskedFill(nn.Module):
    """[B, *places, features], [B, *places] -> the first, with `value` where the mask is zero."""

    def __init__(self, layer: MaskedFillLayer) -> None:
        super().__init__()
        self.value = layer.value

    def forward(self, input: Tensor, mask: Tensor) -> Tensor:
        return input.masked_fill((mask == 0).unsqueeze(-1), self.value)

    def extra_repr(self) -> str:
        return f"{self.value:g}"


class Select(Streams):
    """One place of an axis.

    Shapes: [B, ..., n, ...] -> [B, ..., ...]; with a mask [B, T]: [B, T, ...] -> [B, ...].
    """

    def __init__(self, layer: SelectLayer, axes: int) -> None:
        super().__init__()
        self.layer = layer
        self.axis = layer.axis % axes + 1
        # In pieces, only the last place of the last piece is that of the whole sequence.
        is_last = layer.position == -1 and layer.mask is None
        self.looks_ahead = self.axis == 1 and axes == 2 and not is_last

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        position = self.layer.position
        if mask is None:
            return input.select(self.axis, position)
        real_BT = mask != 0
        count_BT = real_BT.cumsum(1)
        if position < 0:
            # How many real places are left, from this one to the end.
            count_BT, position = count_BT[:, -1:] - count_BT + 1, -position - 1
        chosen_BT = real_BT & (count_BT == position + 1)
        index_B1 = chosen_BT.to(torch.int64).argmax(1, keepdim=True)
        rows = input.flatten(2) if input.dim() > 2 else input.unsqueeze(-1)
        index = index_B1.unsqueeze(-1).expand(-1, 1, rows.shape[-1])
        found = rows.gather(1, index).masked_fill(~chosen_BT.any(1)[:, None, None], 0.0)
        return found.reshape(input.shape[0], *input.shape[2:])

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("masking")
def _masking(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, MaskingLayer)
    return Masking(node.layer)


@MODULES.register("padding_mask")
def _padding_mask(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PaddingMaskLayer)
    return PaddingMask(node.layer)


@MODULES.register("masked_fill")
def _masked_fill(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, MaskedFillLayer)
    return MaskedFill(node.layer)


@MODULES.register("select")
def _select(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, SelectLayer)
    return Select(node.layer, len(node.inputs[0]))
