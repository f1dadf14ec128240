"""Predictions of a network for a whole part, and their metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ranvier.losses import Loss, PerMember
from ranvier.metrics import METRICS, compute, default_metrics, score
from ranvier.step import Head
from ranvier.step.reading import PREDICTION, Arrays
from ranvier.train.batches import Part

# Large enough that overhead vanishes, small enough that a wide layer's activations stay small.
EVALUATION_NUMBERS = 2**22
EVALUATION_ROWS = 8192


def scores(
    head: Head,
    truth: np.ndarray,
    answer: Arrays,
    *,
    weights: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> dict[str, float]:
    """The metrics `names`, or `usual_metrics`, of an answer against the truth.

    Raises:
        UnknownNameError, ConfigError: for a metric that is not known or is not for such answers.
    """
    reading = head.reading
    names = usual_metrics(head) if names is None else names
    further = [name for name in names if reading.takes in METRICS[name].takes]
    plain = [name for name in names if name not in further]
    found = compute(head.task, truth, answer[PREDICTION], weights=weights, names=plain)
    return found | (score(reading.rows(truth, answer, weights), names=further) if further else {})


def usual_metrics(head: Head) -> tuple[str, ...]:
    """Those of the task, and those of what else the network says."""
    return (*default_metrics(head.task), *head.reading.metrics)


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """Answers for rows of inputs, as people read them."""

    module: nn.Module
    head: Head

    def predict(self, inputs: Tensor) -> np.ndarray:
        """Probabilities `[N, C]`, or values `[N]` in the target's own unit; float64."""
        return self.answer(inputs)[PREDICTION]

    def answer(self, inputs: Tensor) -> Arrays:
        """The same under `prediction`, then the further columns `[N]` that the head reads."""
        return self._joined([self.head.answer(outputs) for _, outputs in self._outputs(inputs)])

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
        per_row = max(1, inputs[:1].numel()) * (self.head.members or 1)
        return max(1, min(EVALUATION_ROWS, EVALUATION_NUMBERS // per_row))

    def _joined(self, answers: list[dict[str, Tensor]]) -> Arrays:
        answers = answers or [self.head.answer(torch.zeros(0, *self.head.shape))]
        return {name: torch.cat([a[name] for a in answers]).cpu().numpy() for name in answers[0]}


@dataclass(frozen=True, kw_only=True)
class Evaluator(Predictor):
    """Measures a network on parts of the data by its loss and by metrics."""

    loss: Loss
    metrics: Sequence[str] | None = None

    def measure(self, part: Part, parameters: dict[str, Tensor] | None = None) -> dict[str, float]:
        """The loss and the metrics on `part`, with `parameters` in place of the module's own."""
        loss = self.loss if self.head.members is None else PerMember(self.loss)
        answers: list[dict[str, Tensor]] = []
        sums: list[Tensor] = []
        for rows, outputs in self._outputs(part.inputs, parameters):
            weights = None if part.weights is None else part.weights[rows]
            prediction = self.head.for_loss(outputs)
            sums.append(torch.stack(loss.sums(prediction, part.targets[rows], weights)).double())
            answers.append(self.head.answer(outputs))
        total, weight = torch.stack(sums).sum(0).tolist()
        measured = scores(
            self.head,
            part.truth,
            self._joined(answers),
            weights=None if part.weights is None else part.weights.double().cpu().numpy(),
            names=self.metrics,
        )
        return {"loss": total / weight if weight else 0.0, **measured}
