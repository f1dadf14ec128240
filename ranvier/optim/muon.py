"""Muon: momentum whose every direction is given the same length, for the matrices inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from math import sqrt
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.adam import AdamW
from ranvier.optim.descent import Slots
from ranvier.optim.groups import decays
from ranvier.optim.moments import advance_mean_, shrink_, zeros_like_each
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer

# The polynomial a·s + b·s³ + c·s⁵ that pushes singular values from anywhere in (0, 1] towards 1
# fastest; it stops between 0.7 and 1.2, which is near enough.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_EPSILON = 1e-7
_SCALES = ("original", "match_adamw")


@OPTIMIZERS.register("muon")
@dataclass(frozen=True)
class Muon(Optimizer):
    """The hidden weight matrices turn in all directions alike; AdamW moves all other parameters.

        m ← μ·m + (1 − μ)·g
        s = orthogonalised(g + μ·(m − g))                or of m, without `nesterov`
        θ ← θ − η·λ·θ
        θ ← θ − η·√max(1, rows/columns)·s                scale "original"
        θ ← θ − η·0.2·√max(rows, columns)·s              scale "match_adamw": AdamW's rate and decay
                                                         fit Muon too

    To orthogonalise G = U·S·Vᵀ is to replace it by about U·Vᵀ, with `iterations` of
    G ← a·G + (b·G·Gᵀ + c·(G·Gᵀ)²)·G (Newton and Schulz), in G's own precision.

    A kernel of a convolution counts as a matrix of filters times all the rest. Embeddings, the last
    matrix, which is the head, biases and scales are AdamW's: at the learning rate times
    `adamw_factor`, with the same weight decay.

    Raises:
        ConfigError: momentum outside 0 to 1 (1 excluded), iterations below 1, an unknown scale.

    Reference: Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024);
    Liu et al., Muon is Scalable for LLM Training (2025), for the second scale.
    """

    learning_rate: float = 0.02
    _: KW_ONLY
    momentum: float = 0.95
    nesterov: bool = True
    iterations: int = 5
    scale: str = "original"
    adamw_factor: float = 0.015

    kind: ClassVar[str] = "muon"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "momentum": (0 <= self.momentum < 1, "a number from 0 to below 1"),
            "iterations": (self.iterations >= 1, "a whole number of at least 1"),
            "scale": (self.scale in _SCALES, " or ".join(map(repr, _SCALES))),
            "adamw_factor": (self.adamw_factor >= 0, "a number of at least 0"),
        }

    def members(self, named: Mapping[str, Tensor]) -> list[tuple[Optimizer, list[int]]]:
        matrices = [
            position
            for position, (name, parameter) in enumerate(named.items())
            if decays(name, parameter)
        ]
        names = list(named)
        hidden = [p for p in matrices[:-1] if "embed" not in names[p].lower()]
        rest = [p for p in range(len(names)) if p not in set(hidden)]
        rate = self.learning_rate * self.adamw_factor
        return [(self, hidden), (AdamW(rate, weight_decay=self.weight_decay), rest)]

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {"mean": zeros_like_each(parameters)}

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        mean = slots["mean"]
        advance_mean_(mean, gradients, self.momentum)
        ahead = torch._foreach_lerp(gradients, mean, self.momentum) if self.nesterov else mean
        shrink_(parameters, learning_rate, weight_decay)
        for parameter, direction in zip(parameters, ahead, strict=True):
            matrix = _as_matrix(direction)
            step = orthogonalised(matrix, iterations=self.iterations)
            step = step * (learning_rate * self._scale(*matrix.shape))
            parameter.sub_(step.reshape(parameter.shape))

    def _scale(self, rows: int, columns: int) -> float:
        if self.scale == "original":
            return sqrt(max(1.0, rows / max(1, columns)))
        return 0.2 * sqrt(max(rows, columns))


def orthogonalised(matrix: Tensor, *, iterations: int = 5) -> Tensor:
    """About U·Vᵀ of a matrix U·S·Vᵀ: its directions, all of a length near 1.

    Shapes: [R, C] → [R, C].

    Reference: Jordan et al., Muon (2024), after Newton and Schulz.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.T if is_tall else matrix
    # The Frobenius norm is at least the spectral one, so no singular value is above 1.
    wide = wide / wide.norm().clamp(min=_EPSILON)
    for _ in range(iterations):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), wide, beta=_A)
    return wide.T if is_tall else wide


def _as_matrix(tensor: Tensor) -> Tensor:
    return tensor.reshape(tensor.shape[0] if tensor.ndim > 1 else 1, -1)
