"""SAM: gradients from where the loss is worst nearby."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from ranvier.optim.clipping import global_norm
from ranvier.optim.descent import Descent
from ranvier.optim.moments import copies
from ranvier.optim.optimizer import OPTIMIZERS
from ranvier.optim.wrapper import Wrapper

_EPSILON = 1e-12


@OPTIMIZERS.register("sam", other_spellings=("sharpness_aware_minimization",))
@dataclass(frozen=True)
class SAM(Wrapper):
    """Another optimiser that steps where a whole neighbourhood is low, at twice the price a step.

        e = ρ·g/‖g‖                          or ρ·θ²·g/‖θ·g‖, where `adaptive`; norms over all θ
        θ ← inner(θ, ∂L/∂θ at θ + e)

    ρ: `rho`.

    Raises:
        ConfigError: rho below 0, or an inner optimiser that evaluates the loss by itself.

    Reference: Foret et al., Sharpness-Aware Minimization for Efficiently Improving Generalization
    (2021), algorithm 1; Kwon et al., ASAM (2021), equation 4, for the adaptive one.
    """

    inner: Any = "sgd"
    _: KW_ONLY
    rho: float = 0.05
    adaptive: bool = False

    kind: ClassVar[str] = "sam"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "rho": (self.rho >= 0, "a number of at least 0"),
            "inner": (
                not self.inner.moves_all_alike,
                "an optimizer that steps from one gradient",
            ),
        }

    def descend(self, descent: Descent) -> None:
        start = copies(descent.parameters)
        torch._foreach_add_(descent.parameters, self._offsets(descent))
        _, gradients = descent.evaluate()
        # Copied back, not subtracted: a sum and a difference do not cancel to the last bit.
        torch._foreach_copy_(descent.parameters, start)
        self.inner.descend(replace(descent, gradients=gradients))

    def _offsets(self, descent: Descent) -> list[Tensor]:
        """e, up the loss from where the parameters are."""
        gradients = descent.gradients
        if not self.adaptive:
            return list(torch._foreach_mul(gradients, self._scale(gradients)))
        sizes = torch._foreach_abs(descent.parameters)
        sized = list(torch._foreach_mul(sizes, gradients))
        return list(torch._foreach_mul(torch._foreach_mul(sizes, sized), self._scale(sized)))

    def _scale(self, gradients: list[Tensor]) -> Tensor:
        return self.rho / (global_norm(gradients) + _EPSILON)
