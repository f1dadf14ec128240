"""A network and its optimiser as they began, kept for trials that are made if need be."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from ranvier.diagnose.preflight.trials import MOST_PARAMETERS, size_of, trial_facts
from ranvier.diagnose.untouched import copied_together, unheard


class Start:
    """A copy of both, handed over once to try what would have helped."""

    def __init__(self, module: nn.Module, optimizer: Any) -> None:
        self._copy: tuple[nn.Module, Optimizer] | None = None
        if isinstance(optimizer, Optimizer) and size_of(module) <= MOST_PARAMETERS:
            self._copy = copied_together(module, optimizer)

    def trials(
        self,
        loss: Callable[..., Tensor],
        inputs: Tensor,
        targets: Tensor,
        *,
        batch_size: int | None,
    ) -> list[dict[str, Any]]:
        """What short trainings with one thing changed came to; none the second time."""
        start, self._copy = self._copy, None
        if start is None:
            return []
        with unheard(start[0]), warnings.catch_warnings(action="ignore"):
            found = trial_facts(*start, loss, inputs, targets, batch_size=batch_size)
        return [asdict(each) for each in found]
