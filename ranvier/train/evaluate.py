"""Predictions of a network for a whole part, and their metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ranvier.losses import Loss, PerMember
from ranvier.metrics import compute
from ranvier.step import Head
from ranvier.train.batches import Part

# Large enough that overhead vanishes, small enough that a wide layer's activations stay small.
EVALUATION_NUMBERS = 2**22
EVALUATION_ROWS = 8192


def _identity(values: np.ndarray) -> np.ndarray:
    return values


@dataclass(frozen=True)
class Evaluator:
    """Measures a network on parts of the data.

    `to_values` turns standardised predictions into the target's own unit.
    """

    module: nn.Module
    head: Head
    loss: Loss
    metrics: Sequence[str] | None = None
    to_values: Callable[[np.ndarray], np.ndarray] = field(default=_identity)

    @torch.no_grad()
    def outputs(self, inputs: Tensor, parameters: dict[str, Tensor] | None = None) -> Tensor:
        """Raw outputs in evaluation mode, with `parameters` in place of the module's own."""
        was_training = self.module.training
        self.module.eval()
        try:
            chunks = [
                self.module(rows)
                if parameters is None
                else functional_call(self.module, parameters, (rows,))
                for rows in inputs.split(self._rows(inputs))
            ]
        finally:
            self.module.train(was_training)
        return torch.cat(chunks)

    def _rows(self, inputs: Tensor) -> int:
        per_row = max(1, inputs[0].numel()) * (self.head.members or 1)
        return max(1, min(EVALUATION_ROWS, EVALUATION_NUMBERS // per_row))

    def predict(self, inputs: Tensor) -> np.ndarray:
        """Probabilities `[N, C]`, or values `[N]` in the target's own unit; float64."""
        return self._readable(self.outputs(inputs))

    def _readable(self, outputs: Tensor) -> np.ndarray:
        predicted = self.head.predict(outputs).double().cpu().numpy()
        return predicted if self.head.task.is_classification else self.to_values(predicted)

    def measure(self, part: Part, parameters: dict[str, Tensor] | None = None) -> dict[str, float]:
        """The loss and the metrics on `part`."""
        outputs = self.outputs(part.inputs, parameters)
        loss = self.loss if self.head.members is None else PerMember(self.loss)
        with torch.no_grad():
            value = float(loss(self.head.for_loss(outputs), part.targets, part.weights))
        weights = None if part.weights is None else part.weights.double().cpu().numpy()
        measured = compute(
            self.head.task,
            part.truth,
            self._readable(outputs),
            weights=weights,
            names=self.metrics,
        )
        return {"loss": value, **measured}
