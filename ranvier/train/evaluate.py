"""Predictions of a network for a whole part, and their metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """Answers for rows of inputs, as people read them.

    `to_values` turns standardised predictions into the target's own unit.
    """

    module: nn.Module
    head: Head
    to_values: Callable[[np.ndarray], np.ndarray] = field(default=_identity)

    def predict(self, inputs: Tensor) -> np.ndarray:
        """Probabilities `[N, C]`, or values `[N]` in the target's own unit; float64."""
        predicted = [self.head.predict(outputs) for _, outputs in self._outputs(inputs)]
        return self._readable(predicted)

    def _outputs(
        self, inputs: Tensor, parameters: dict[str, Tensor] | None = None
    ) -> Iterator[tuple[slice, Tensor]]:
        """Raw outputs in evaluation mode, some rows at a time: K members are never kept for all."""
        was_training = self.module.training
        self.module.eval()
        try:
            size = self._rows(inputs)
            for start in range(0, len(inputs), size):
                rows = slice(start, start + size)
                with torch.no_grad():
                    if parameters is None:
                        outputs = self.module(inputs[rows])
                    else:
                        outputs = functional_call(self.module, parameters, (inputs[rows],))
                yield rows, outputs
        finally:
            self.module.train(was_training)

    def _rows(self, inputs: Tensor) -> int:
        per_row = max(1, inputs[0].numel()) * (self.head.members or 1)
        return max(1, min(EVALUATION_ROWS, EVALUATION_NUMBERS // per_row))

    def _readable(self, predicted: list[Tensor]) -> np.ndarray:
        values = torch.cat(predicted).double().cpu().numpy()
        return values if self.head.task.is_classification else self.to_values(values)


@dataclass(frozen=True, kw_only=True)
class Evaluator(Predictor):
    """Measures a network on parts of the data by its loss and by metrics."""

    loss: Loss
    metrics: Sequence[str] | None = None

    def measure(self, part: Part, parameters: dict[str, Tensor] | None = None) -> dict[str, float]:
        """The loss and the metrics on `part`, with `parameters` in place of the module's own."""
        loss = self.loss if self.head.members is None else PerMember(self.loss)
        predicted: list[Tensor] = []
        sums: list[Tensor] = []
        for rows, outputs in self._outputs(part.inputs, parameters):
            weights = None if part.weights is None else part.weights[rows]
            prediction = self.head.for_loss(outputs)
            sums.append(torch.stack(loss.sums(prediction, part.targets[rows], weights)).double())
            predicted.append(self.head.predict(outputs))
        total, weight = torch.stack(sums).sum(0).tolist()
        measured = compute(
            self.head.task,
            part.truth,
            self._readable(predicted),
            weights=None if part.weights is None else part.weights.double().cpu().numpy(),
            names=self.metrics,
        )
        return {"loss": total / weight if weight else 0.0, **measured}
