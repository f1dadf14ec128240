"""FTRL-Proximal: sparse weights by an L1 term that acts on all of the past."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Slots
from ranvier.optim.moments import zeros_like_each
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("ftrl", other_spellings=("ftrl_proximal", "follow_the_regularized_leader"))
@dataclass(frozen=True)
class FTRL(Optimizer):
    """The best weights for all gradients so far, held near the path, with exact zeros.

        n ← n + g²                                    n = `initial` before the first step
        θ ← argmin_w  Σ_s g_s·w + ½·Σ_s σ_s·(w − θ_s)² + l1·‖w‖₁ + ½·λ·‖w‖²
        Σ_{s≤t} σ_s = (β + √n) / η                    one over the step size, per weight

    In closed form, with the step size a = η/(β + √n) and the centre c of the unpenalised problem:

        c ← θ + (a/a₋)·(c₋ − θ) − a·g                 a₋, c₋: those of the step before; a/a₋ = 0 at
                                                      the first, so the start is where θ starts
        θ ← sign(c)·max(0, |c| − a·l1) / (1 + a·λ)

    Without l1 and λ this is Adagrad.

    Raises:
        ConfigError: an option below 0.

    Reference: McMahan et al., Ad Click Prediction: a View from the Trenches (2013), algorithm 1.
    """

    learning_rate: float = 0.1
    _: KW_ONLY
    l1: float = 0.0
    beta: float = 0.0
    initial: float = 0.1

    kind: ClassVar[str] = "ftrl"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            name: (getattr(self, name) >= 0, "a number of at least 0")
            for name in ("l1", "beta", "initial")
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {
            "sum_of_squares": [
                torch.full_like(p, self.initial, requires_grad=False) for p in parameters
            ],
            "step_size": zeros_like_each(parameters),
            "centre": zeros_like_each(parameters),
        }

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        torch._foreach_addcmul_(slots["sum_of_squares"], gradients, gradients)
        roots = torch._foreach_sqrt(slots["sum_of_squares"])
        if self.beta:
            torch._foreach_add_(roots, self.beta)
        for of_one in zip(
            parameters, gradients, roots, slots["step_size"], slots["centre"], strict=True
        ):
            self._solve(*of_one, learning_rate, weight_decay)

    def _solve(
        self,
        theta: Tensor,
        gradient: Tensor,
        root: Tensor,
        step_size: Tensor,
        centre: Tensor,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        """The closed form for one parameter; `root` is β + √n."""
        # A number over a tensor is this product in torch, a tensor over a tensor is not.
        size = root.reciprocal() * learning_rate
        # At a rate of 0, or for a weight without a gradient yet (root 0), nothing is to be solved.
        moves = (size > 0) & torch.isfinite(size)
        size = torch.where(moves, size, torch.zeros_like(size))
        is_first = step_size == 0
        before = torch.where(is_first, torch.ones_like(size), step_size)
        ratio = torch.where(is_first, torch.zeros_like(size), size / before)
        found = theta + ratio * (centre - theta) - size * gradient
        shrunk = torch.sign(found) * (found.abs() - size * self.l1).clamp(min=0)
        theta.copy_(torch.where(moves, shrunk / (1 + size * weight_decay), theta))
        centre.copy_(torch.where(moves, found, centre))
        step_size.copy_(torch.where(moves, size, step_size))
