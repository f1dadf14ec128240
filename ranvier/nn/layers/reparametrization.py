"""Modules called with weights that are computed anew each time.

torch's own parametrisations rename the weights and draw starts from the global random state. These
keep the described names, and the seed's start: `settle_` runs once the weights are filled.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.layers.wrappers import Around
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Node
from ranvier.spec import SpectralNorm as SpectralNormLayer
from ranvier.spec import WeightNorm as WeightNormLayer
from ranvier.spec.layers.reparametrization import Reparametrises

_ITERATIONS_AT_THE_START = 15


class _Reparametrised(Around):
    """Calls the module inside with other weights in the place of its own."""

    def __init__(self, node: Node, layer: nn.Module, described: Reparametrises) -> None:
        super().__init__(layer)
        self.axis = described.axis
        self.names = list(described.weights_of(node.children[0]))
        for name, parameter in node.parameters.items():
            self.register_parameter(name, nn.Parameter(torch.empty(parameter.shape)))

    def forward(self, *inputs: Tensor) -> Any:
        weights = {name: self.effective(name) for name in self.names}
        return torch.func.functional_call(self.layer, weights, inputs)

    def effective(self, name: str) -> Tensor:
        """The weight that the module inside is called with."""
        raise NotImplementedError

    def settle_(self) -> None:
        """Set what depends on the weights inside, now that they are filled."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


class WeightNorm(_Reparametrised):
    """W = g v / ‖v‖, with torch's kernel: v is the weight inside, g is `weight_scale`."""

    def effective(self, name: str) -> Tensor:
        direction, scale = getattr(self.layer, name), getattr(self, f"{name}_scale")
        return torch._weight_norm(direction, scale, self.axis)

    @torch.no_grad()
    def settle_(self) -> None:
        """Let g start as ‖v‖."""
        for name in self.names:
            norm = torch.norm_except_dim(getattr(self.layer, name), 2, self.axis)
            getattr(self, f"{name}_scale").copy_(norm)


class SpectralNorm(_Reparametrised):
    """W = V / σ(V), with a step of power iteration per training call as torch takes it."""

    def __init__(self, node: Node, layer: nn.Module, described: SpectralNormLayer) -> None:
        super().__init__(node, layer, described)
        self.iterations = described.iterations
        self.epsilon = described.epsilon
        for name in self.names:
            rows, columns = self._matrix(name).shape
            self.register_buffer(f"{name}_left", torch.empty(rows))
            self.register_buffer(f"{name}_right", torch.empty(columns))

    def _matrix(self, name: str) -> Tensor:
        weight: Tensor = getattr(self.layer, name)
        return weight.movedim(self.axis, 0).flatten(1)

    def effective(self, name: str) -> Tensor:
        if self.training:
            self._iterate(name, self.iterations)
        # Copies, so that a second call in one step may write while the first one's are still
        # wanted on the way back.
        left, right = (getattr(self, f"{name}_{side}").clone() for side in ("left", "right"))
        largest = torch.dot(left, self._matrix(name) @ right)
        return getattr(self.layer, name) / largest

    @torch.no_grad()
    def _iterate(self, name: str, iterations: int) -> None:
        matrix = self._matrix(name)
        left, right = getattr(self, f"{name}_left"), getattr(self, f"{name}_right")
        for _ in range(iterations):
            right.copy_(F.normalize(matrix.t() @ left, dim=0, eps=self.epsilon))
            left.copy_(F.normalize(matrix @ right, dim=0, eps=self.epsilon))

    def settle_(self) -> None:
        """Find the singular vectors, from a start that is the same for every build."""
        generator = torch.Generator().manual_seed(0)
        for name in self.names:
            left = getattr(self, f"{name}_left")
            left.copy_(F.normalize(torch.randn(left.shape, generator=generator), dim=0))
            self._iterate(name, _ITERATIONS_AT_THE_START)


@MODULES.register("weight_norm")
def _weight_norm(node: Node, children: Children) -> nn.Module:
    assert isinstance(node.layer, WeightNormLayer)
    return WeightNorm(node, children["layer"], node.layer)


@MODULES.register("spectral_norm")
def _spectral_norm(node: Node, children: Children) -> nn.Module:
    assert isinstance(node.layer, SpectralNormLayer)
    return SpectralNorm(node, children["layer"], node.layer)
