"""Patches of pictures and series.

B batch, H height, W width, T places, N patches, P the places of a patch, C channels, D features.
"""

from __future__ import annotations

from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import Node
from ranvier.spec import PatchEmbedding as PatchEmbeddingLayer
from ranvier.spec import SeriesPatches as SeriesPatchesLayer


class PatchEmbedding(nn.Conv2d):
    """A strided convolution whose places stand in a row.

    Shapes: [B, H, W, C] -> [B, N, D].
    """

    def __init__(self, layer: PatchEmbeddingLayer, channels: int) -> None:
        super().__init__(channels, layer.units, layer.patch, layer.step, bias=layer.bias)

    def forward(self, input: Tensor) -> Tensor:
        # A picture with its channels last, seen as channels first, lies in channels_last memory.
        grid_BDHW = super().forward(input.movedim(-1, 1))
        return grid_BDHW.flatten(2).transpose(1, 2)


class SeriesPatches(Streams):
    """Windows of P places, each as one place.

    Shapes: [B, T, C] -> [B, N, P · C].
    """

    # A patch is known at its last place, but it stands for its first.
    looks_ahead = True

    def __init__(self, layer: SeriesPatchesLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor) -> Tensor:
        windows_BNCP = input.unfold(1, self.layer.size, self.layer.step)
        return windows_BNCP.transpose(2, 3).flatten(2)

    def extra_repr(self) -> str:
        return repr(self.layer)


@MODULES.register("patch_embedding")
def _patch_embedding(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PatchEmbeddingLayer)
    return PatchEmbedding(node.layer, node.inputs[0][2])


@MODULES.register("series_patches")
def _series_patches(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, SeriesPatchesLayer)
    return SeriesPatches(node.layer)
