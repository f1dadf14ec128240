"""torch's pooling with the features last."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.layers.spatial import features_last, features_second, for_view, padded
from ranvier.nn.modules import MODULES, Children
from ranvier.nn.streaming import Streams
from ranvier.spec import AdaptiveAveragePool as AdaptiveAverageLayer
from ranvier.spec import AdaptiveMaxPool as AdaptiveMaxLayer
from ranvier.spec import AveragePool as AverageLayer
from ranvier.spec import MaxPool as MaxLayer
from ranvier.spec import Node
from ranvier.spec import PowerPool as PowerLayer
from ranvier.spec.layers.spatial import spread


class Pool(Streams):
    """Windows that walk over places, by torch's kernels.

    With "same" padding, torch pads as many places at the end as before; where one more is wanted,
    its rounding up lets the last window reach out as far, unless the stride is 1.

    Shapes: [B, *places, features] -> [B, *places, features].
    """

    def __init__(self, layer: MaxLayer | AverageLayer | PowerLayer, axes: int) -> None:
        super().__init__()
        self.layer = layer
        self.axes = axes
        self.window = layer.walk(axes)
        self.size = for_view(self.window.size, 1)
        self.stride = for_view(self.window.stride, 1)
        self.looks_ahead = axes == 1 and not self.window.moves_nothing

    def forward(self, input: Tensor) -> Tensor:
        pads = self.window.pads(input.shape[1:-1])
        more = tuple(
            (0, after - before) if stride == 1 else (0, 0)
            for (before, after), stride in zip(pads, self.window.stride, strict=True)
        )
        before = for_view([before for before, _ in pads], 0)
        rounds_up = self.window.ceil or self.window.padding == "same"
        view = features_second(input)
        return features_last(
            self.pooled(view, before, for_view(more, (0, 0)), rounds_up), self.axes
        )

    def pooled(
        self, view: Tensor, before: tuple[int, ...], more: tuple[tuple[int, int], ...], ceil: bool
    ) -> Tensor:
        """The windows of a view, padded by `before` on both sides and by `more` at the end."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return repr(self.layer)


class MaxPool(Pool):
    """The largest number of each window."""

    def __init__(self, layer: MaxLayer, axes: int) -> None:
        super().__init__(layer, axes)
        self.dilation = for_view(self.window.dilation, 1)
        self.pool = F.max_pool3d if axes == 3 else F.max_pool2d

    def pooled(
        self, view: Tensor, before: tuple[int, ...], more: tuple[tuple[int, int], ...], ceil: bool
    ) -> Tensor:
        view = padded(view, more, value=-torch.inf)
        return self.pool(view, self.size, self.stride, before, self.dilation, ceil)


class AveragePool(Pool):
    """The mean of each window."""

    def __init__(self, layer: AverageLayer, axes: int) -> None:
        super().__init__(layer, axes)
        self.counts_padding = layer.count_padding
        self.pool = F.avg_pool3d if axes == 3 else F.avg_pool2d

    def pooled(
        self, view: Tensor, before: tuple[int, ...], more: tuple[tuple[int, int], ...], ceil: bool
    ) -> Tensor:
        if not any(map(any, more)):
            return self._average(view, before, ceil, self.counts_padding)
        means = self._average(padded(view, more), before, ceil, True)
        if self.counts_padding:
            return means
        there = padded(torch.ones_like(view[:1, :1]), more)
        return means / self._average(there, before, ceil, True)

    def _average(
        self, view: Tensor, before: tuple[int, ...], ceil: bool, counts_padding: bool
    ) -> Tensor:
        if view.dim() == 5 and view.dtype == torch.bfloat16 and view.device.type == "cpu":
            # torch has no such kernel.
            return self._average(view.float(), before, ceil, counts_padding).to(view.dtype)
        return self.pool(view, self.size, self.stride, before, ceil, counts_padding)


class PowerPool(Pool):
    """The norm of each window."""

    def __init__(self, layer: PowerLayer, axes: int) -> None:
        super().__init__(layer, axes)
        self.power = layer.power
        self.pool: Callable[..., Tensor] = F.lp_pool3d if axes == 3 else F.lp_pool2d

    def pooled(
        self, view: Tensor, before: tuple[int, ...], more: tuple[tuple[int, int], ...], ceil: bool
    ) -> Tensor:
        # torch takes the power with the sign, which makes no norm of an odd one.
        return self.pool(view.abs(), self.power, self.size, self.stride, ceil)


class Adaptive(Streams):
    """As many windows as are asked for, by torch's kernels.

    Shapes: [B, *places, features] -> [B, *`places`, features].
    """

    def __init__(
        self, layer: AdaptiveMaxLayer | AdaptiveAverageLayer, axes: int, pool: Callable[..., Tensor]
    ) -> None:
        super().__init__()
        self.layer = layer
        self.axes = axes
        self.places = for_view(spread(layer.places, axes), 1)
        self.pool = pool
        self.looks_ahead = axes == 1

    def forward(self, input: Tensor) -> Tensor:
        return features_last(self.pool(features_second(input), self.places), self.axes)

    def extra_repr(self) -> str:
        return repr(self.layer)


def _axes(node: Node) -> int:
    return len(node.inputs[0]) - 1


@MODULES.register("max_pool")
def _max_pool(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, MaxLayer)
    return MaxPool(node.layer, _axes(node))


@MODULES.register("average_pool")
def _average_pool(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, AverageLayer)
    return AveragePool(node.layer, _axes(node))


@MODULES.register("power_pool")
def _power_pool(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, PowerLayer)
    return PowerPool(node.layer, _axes(node))


@MODULES.register("adaptive_max_pool")
def _adaptive_max_pool(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, AdaptiveMaxLayer)
    pool = F.adaptive_max_pool3d if _axes(node) == 3 else F.adaptive_max_pool2d
    return Adaptive(node.layer, _axes(node), pool)


@MODULES.register("adaptive_average_pool")
def _adaptive_average_pool(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, AdaptiveAverageLayer)
    pool = F.adaptive_avg_pool3d if _axes(node) == 3 else F.adaptive_avg_pool2d
    return Adaptive(node.layer, _axes(node), pool)
