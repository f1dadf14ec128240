"""Predictions of a network for a whole part, and their metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ranvier.losses import Loss, PerMember
from ranvier.metrics import METRICS, compute, default_metrics, score
from ranvier.step import Head
from ranvier.step.modes import evaluating
from ranvier.step.reading import PREDICTION, Arrays
from ranvier.train.batches import Part

# Large enough that overhead vanishes, small enough that a wide layer's activations stay small.
EVALUATION_NUMBERS = 2**22
EVALUATION_ROWS = 8192
# A layer gives so many times as many numbers of a picture or a sequence as it holds, and more.
GROWTH_OF_PLACES = 8


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
        with evaluating(self.module):
            size = self._rows(inputs)
            for start in range(0, len(inputs), size):
                rows = slice(start, start + size)
                with torch.no_grad():
                    if parameters is None:
                        outputs = self.module(inputs[rows])
                    else:
                        outputs = functional_call(self.module, parameters, (inputs[rows],))
                yield rows, outputs

    def _rows(self, inputs: Tensor) -> int:
        per_row = max(1, inputs[:1].numel()) * (self.head.members or 1)
        per_row *= GROWTH_OF_PLACES if inputs.ndim > 2 else 1
        return max(1, min(EVALUATION_ROWS, EVALUATION_NUMBERS // per_row))

    def _joined(self, answers: list[dict[str, Tensor]]) -> Arrays:
        answers = answers or [self.head.answer(torch.zeros(0, *self.head.shape))]
        return {name: torch.cat([a[name] for a in answers]).cpu().numpy() for name in answers[0]}


@dataclass(frozen=True, kw_only=True)
class Evaluator(Predictor):
    """Measures a network on parts of the data by its loss and by metrics."""

    loss: Loss
    metrics: Sequence[str] | None = None

    def measure(self, part: Part, parameters: dict[str, Tensor] | None = None) -> dict[str, Any]:
        """The loss and the metrics on `part`, with `parameters` in place of the module's own.

        Then what the answers look like: see `shape_of`.
        """
        answers: list[dict[str, Tensor]] = []
        sums: list[Tensor] = []
        for rows, outputs in self._outputs(part.inputs, parameters):
            sums.append(self._sums(part, rows, outputs))
            answers.append(self.head.answer(outputs))
        total, weight = torch.stack(sums).sum(0).tolist()
        answer = self._joined(answers)
        measured = scores(
            self.head,
            part.truth,
            answer,
            weights=None if part.weights is None else part.weights.double().cpu().numpy(),
            names=self.metrics,
        )
        shape = shape_of(self.head, part.truth, answer[PREDICTION])
        return {"loss": total / weight if weight else 0.0, **measured, **shape}

    def glance(self, part: Part, outputs: Tensor) -> dict[str, Any]:
        """The loss, one score and what the answers look like, of outputs `[N, …]` for `part`."""
        total, weight = self._sums(part, slice(None), outputs).tolist()
        predicted = self.head.predict(outputs).cpu().numpy()
        found = {"loss": total / weight if weight else 0.0}
        if self.head.task.is_classification:
            found["accuracy"] = float((predicted.argmax(1) == part.truth).mean())
        elif self.head.task.is_multilabel:
            found["accuracy"] = float(((predicted > 0.5) == part.truth).all(1).mean())
        elif (scatter := float(((part.truth - part.truth.mean()) ** 2).sum())) > 0:
            found["r2"] = 1 - float(((predicted - part.truth) ** 2).sum()) / scatter
        return {**found, **shape_of(self.head, part.truth, predicted)}

    def outputs(self, inputs: Tensor, parameters: dict[str, Tensor] | None = None) -> Tensor:
        """Raw outputs in evaluation mode for some rows, with `parameters` as for `measure`."""
        return torch.cat([outputs for _, outputs in self._outputs(inputs, parameters)])

    def _sums(self, part: Part, rows: slice, outputs: Tensor) -> Tensor:
        """Σ w·l and Σ w over rows of the part, `[2]` in float64."""
        loss = self.loss if self.head.members is None else PerMember(self.loss)
        weights = None if part.weights is None else part.weights[rows]
        prediction = self.head.for_loss(outputs)
        return torch.stack(loss.sums(prediction, part.targets[rows], weights)).double()


def shape_of(head: Head, truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """What answers look like, whether they are right or not, on at least one row.

    `spread` is the largest standard deviation of a predicted number or probability over rows, by
    the largest of them; `answers` how often each class is given, `share` that of the commonest true
    one, which is left out where a row may be of several.
    """
    if not len(predicted):
        return {}
    values = predicted.reshape(len(predicted), -1)
    size = float(np.abs(values).max())
    shape: dict[str, Any] = {"spread": float(values.std(0).max()) / size if size > 0 else 0.0}
    if head.task.is_multilabel:
        shape["answers"] = (values > 0.5).sum(0).tolist()
    elif head.task.is_classification:
        classes = values.shape[1]
        shape["answers"] = np.bincount(values.argmax(1), minlength=classes).tolist()
        shape["share"] = float(np.bincount(truth, minlength=classes).max() / len(truth))
    return shape
