"""Lookahead: slow weights follow fast ones."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Descent, Slots
from ranvier.optim.moments import copies, count_
from ranvier.optim.optimizer import OPTIMIZERS
from ranvier.optim.wrapper import Wrapper

_SLOW, _STEP = "lookahead.slow", "lookahead.step"


@OPTIMIZERS.register("lookahead", other_spellings=("look_ahead",))
@dataclass(frozen=True)
class Lookahead(Wrapper):
    """Another optimiser explores for k steps; the weights that predict go part of the way.

        θ ← inner(θ, g)
        every k-th step:   φ ← φ + α·(θ − φ),   θ ← φ         φ = θ before the first

    φ predicts. k: `steps`, α: `pull`.

    Raises:
        ConfigError: steps below 1, pull outside 0 to 1 (0 excluded).

    >>> Lookahead("sgd", steps=5, learning_rate=0.1).inner.learning_rate
    0.1

    Reference: Zhang et al., Lookahead Optimizer: k steps forward, 1 step back (2019), algorithm 1.
    """

    _: KW_ONLY
    steps: int = 5
    pull: float = 0.5

    kind: ClassVar[str] = "lookahead"

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        return {
            "steps": (self.steps >= 1, "a whole number of at least 1"),
            "pull": (0 < self.pull <= 1, "a number above 0 and at most 1"),
        }

    def shared_slots(self, parameters: list[Tensor]) -> Slots:
        device = parameters[0].device if parameters else None
        return {
            **super().shared_slots(parameters),
            _SLOW: copies(parameters),
            _STEP: [torch.zeros((), device=device)],
        }

    def shared_answer(self, shared: Slots) -> list[Tensor] | None:
        return shared[_SLOW]

    def descend(self, descent: Descent) -> None:
        self.inner.descend(descent)
        fast, slow, (step,) = descent.parameters, descent.shared[_SLOW], descent.shared[_STEP]
        count_([step])
        # 1 at every k-th step and 0 at the others: a captured step has no `if`.
        is_due = (torch.remainder(step, self.steps) == 0).to(step.dtype)
        due = [is_due.to(tensor.dtype) for tensor in fast]
        torch._foreach_lerp_(slow, fast, list(torch._foreach_mul(due, self.pull)))
        torch._foreach_lerp_(fast, slow, due)
