"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.adaptive import Adaptive
from ranvier.optim.descent import Slots
from ranvier.optim.moments import as_kernels_read, count_, zeros_like_each
from ranvier.optim.optimizer import OPTIMIZERS


@OPTIMIZERS.register("adam")
@dataclass(frozen=True)
class Adam(Adaptive):
    """Each weight moves by about η, whatever the scale of its gradient.

        g ← g + λ·θ                               weight decay as an L2 penalty
        m ← β₁·m + (1 − β₁)·g                     mean of the gradient
        v ← β₂·v + (1 − β₂)·g²                    mean of its square
        θ ← θ − η·m̂ / (√v̂ + ε)                   m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)

    With `amsgrad` the largest v so far takes the place of v in the last line, so that a step never
    grows because large gradients were forgotten.

    Raises:
        ConfigError: a beta outside 0 to 1 (1 excluded), or epsilon below 0.

    Reference: Kingma and Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 1;
    Reddi, Kale and Kumar, On the Convergence of Adam and Beyond (2018), for AMSGrad.
    """

    _: KW_ONLY
    amsgrad: bool = False

    kind: ClassVar[str] = "adam"

    def slots(self, parameters: list[Tensor]) -> Slots:
        slots = super().slots(parameters)
        if self.amsgrad:
            slots["largest_mean_square"] = zeros_like_each(parameters)
        return slots

    def _move(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        count_(slots["step"])
        self._kernel(
            parameters,
            gradients,
            slots["mean"],
            slots["mean_square"],
            slots["largest_mean_square"] if self.amsgrad else [],
            slots["step"],
            lr=as_kernels_read(learning_rate, parameters),  # type: ignore[arg-type]  # torch's stub leaves one overload out
            beta1=self.beta1,
            beta2=self.beta2,
            weight_decay=weight_decay,
            eps=self.epsilon,
            amsgrad=self.amsgrad,
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
