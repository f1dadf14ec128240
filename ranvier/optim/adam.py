"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.optimizer import OPTIMIZERS, Optimizer, Slots, zeros_like_each


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Optimizer):
    """Each weight moves by about η, whatever the scale of its gradient.

        g ← g + λ·θ                               weight decay as an L2 penalty
        m ← β₁·m + (1 − β₁)·g                     mean of the gradient
        v ← β₂·v + (1 − β₂)·g²                    mean of its square
        θ ← θ − η·m̂ / (√v̂ + ε)                   m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded), or epsilon below 0.

    Reference: Kingma and Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 1.
    """

    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    kind: ClassVar[str] = "adam"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "beta1": (0 <= self.beta1 < 1, "a number from 0 to below 1"),
            "beta2": (0 <= self.beta2 < 1, "a number from 0 to below 1"),
            "epsilon": (self.epsilon >= 0, "a number of at least 0"),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {
            # One counter per parameter, as the fused kernels want it, so any subset of the
            # parameters can be updated by itself.
            "step": [torch.zeros((), dtype=torch.float32, device=p.device) for p in parameters],
            "mean": zeros_like_each(parameters),
            "mean_square": zeros_like_each(parameters),
        }

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        steps = slots["step"]
        # On a processor a number is wrapped into a tensor once per counter, twice as slow as this.
        torch._foreach_add_(steps, [torch.ones(())] * len(steps) if steps[0].is_cpu else 1)
        self._kernel(
            parameters,
            gradients,
            slots["mean"],
            slots["mean_square"],
            [],
            steps,
            lr=learning_rate,  # type: ignore[arg-type]  # torch's stub leaves one overload out
            beta1=self.beta1,
            beta2=self.beta2,
            weight_decay=weight_decay,
            eps=self.epsilon,
            amsgrad=False,
            maximize=False,
        )

    _kernel = staticmethod(torch._fused_adam_)


@OPTIMIZERS.register("adamw", other_spellings=("adam_w",))
@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weight decay shrinks the weights themselves and stays out of the moments.

        θ ← θ − η·λ·θ, then Adam's step with λ = 0

    So a weight decays at the same rate however large its gradients are.

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded), or epsilon below 0.

    Reference: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019), algorithm 2.
    """

    _: KW_ONLY
    weight_decay: float = 0.01

    kind: ClassVar[str] = "adamw"

    _kernel = staticmethod(torch._fused_adamw_)
