"""Data on the way in, on whole batches.

F features, K categories, T codes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ranvier.core.text import GOLDEN, signed
from ranvier.nn.layers import hashing
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import CategoryEncoding as CategoryEncodingLayer
from ranvier.spec import Discretization as DiscretizationLayer
from ranvier.spec import FeatureCross as FeatureCrossLayer
from ranvier.spec import Hashing as HashingLayer
from ranvier.spec import Node
from ranvier.spec import Normalization as NormalizationLayer
from ranvier.spec import Rescaling as RescalingLayer


def as_numbers(input: Tensor) -> Tensor:
    """Whole numbers, such as the bytes of a picture, as floating point; others as they are."""
    return input if input.is_floating_point() else input.to(torch.get_default_dtype())


class Normalization(nn.Module):
    """(x − mean) / deviation.

    Shapes: [..., F] -> the same.
    """

    mean_F: Tensor
    deviation_F: Tensor

    def __init__(self, layer: NormalizationLayer) -> None:
        super().__init__()
        self.register_buffer("mean_F", torch.tensor(layer.mean), persistent=False)
        deviations = torch.tensor(layer.deviations())
        self.register_buffer("deviation_F", deviations, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        return (as_numbers(input) - self.mean_F) / self.deviation_F


class Rescaling(nn.Module):
    """scale · x + offset."""

    def __init__(self, scale: float, offset: float) -> None:
        super().__init__()
        self.scale = scale
        self.offset = offset

    def forward(self, input: Tensor) -> Tensor:
        return as_numbers(input) * self.scale + self.offset

    def extra_repr(self) -> str:
        return f"scale={self.scale}, offset={self.offset}"


class Discretization(nn.Module):
    """The bin of each number, by torch's binary search."""

    edges: Tensor

    def __init__(self, layer: DiscretizationLayer) -> None:
        super().__init__()
        self.register_buffer("edges", torch.tensor(layer.edges), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        return torch.bucketize(input.to(self.edges.dtype).contiguous(), self.edges, right=True)


def counted(codes_T: Tensor, categories: int, dtype: torch.dtype) -> Tensor:
    """How often each of 0 … categories − 1 is among the last axis; other codes count nowhere.

    Shapes: [..., T] -> [..., K].
    """
    is_known = (codes_T >= 0) & (codes_T < categories)
    places_T = torch.where(is_known, codes_T, categories)
    counts_K = codes_T.new_zeros((*codes_T.shape[:-1], categories + 1), dtype=dtype)
    ones_T = torch.ones_like(codes_T, dtype=dtype)
    return counts_K.scatter_add(-1, places_T, ones_T)[..., :categories]


class CategoryEncoding(nn.Module):
    """Zeros and ones, or counts, of codes.

    Shapes: one_hot: [...] -> [..., K]; else [..., T] -> [..., K].
    """

    def __init__(self, layer: CategoryEncodingLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor) -> Tensor:
        codes = input.long()
        if self.layer.mode == "one_hot":
            codes = codes.unsqueeze(-1)
        counts = counted(codes, self.layer.categories, as_numbers(input).dtype)
        return counts.clamp_max(1) if self.layer.mode == "multi_hot" else counts

    def extra_repr(self) -> str:
        return repr(self.layer)


class Hashing(nn.Module):
    """The hash of codes, or of texts as bytes, modulo the number of bins."""

    weights_L: Tensor | None

    def __init__(self, layer: HashingLayer, bytes_: int) -> None:
        super().__init__()
        self.layer = layer
        weights_L = hashing.place_weights(bytes_) if layer.texts else None
        self.register_buffer("weights_L", weights_L, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        keys = input.long() if self.weights_L is None else hashing.hash_texts(input, self.weights_L)
        return binned(keys, self.layer.salt, self.layer.bins)

    def extra_repr(self) -> str:
        return repr(self.layer)


def binned(keys: Tensor, salt: int, bins: int) -> Tensor:
    """mix(key + (salt + 1) φ) mod bins."""
    return hashing.mix(keys + signed((salt + 1) * GOLDEN)).remainder(bins)


class FeatureCross(nn.Module):
    """One code of the codes of several columns.

    Shapes: [..., codes] -> [..., crosses].
    """

    def __init__(self, layer: FeatureCrossLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor) -> Tensor:
        codes = input.long()
        crosses = []
        for first, *others in self.layer.columns:
            key = hashing.mix(codes[..., first])
            for column in others:
                key = hashing.join(key, codes[..., column])
            crosses.append(binned(key, self.layer.salt, self.layer.bins))
        return torch.stack(crosses, dim=-1)

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("normalization")
def _normalization(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, NormalizationLayer)
    return Normalization(node.layer)


@MODULES.register("rescaling")
def _rescaling(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, RescalingLayer)
    return Rescaling(node.layer.scale, node.layer.offset)


@MODULES.register("discretization")
def _discretization(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, DiscretizationLayer)
    return Discretization(node.layer)


@MODULES.register("category_encoding")
def _category_encoding(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, CategoryEncodingLayer)
    return CategoryEncoding(node.layer)


@MODULES.register("hashing")
def _hashing(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, HashingLayer)
    return Hashing(node.layer, node.inputs[0][-1] if node.layer.texts else 0)


@MODULES.register("feature_cross")
def _feature_cross(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, FeatureCrossLayer)
    return FeatureCross(node.layer)
