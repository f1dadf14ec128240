"""How a network's raw outputs answer the task: for the loss, and for people."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.core.shapes import Shape
from ranvier.core.task import Task


@dataclass(frozen=True)
class Head:
    """From outputs `[B, C]`, or `[B, K, C]` of K members, to predictions.

    Classification takes a logit per class (softmax), or one logit where there are two classes
    (sigmoid). Regression takes one number, in units of the standardised target.

    Shapes: B rows, K members, C outputs.
    """

    task: Task
    members: int | None = None
    single_logit: bool = False

    @classmethod
    def fit(cls, task: Task, output_shape: Shape, members: int | None) -> Head:
        """The head for a network that gives `output_shape` per row.

        Raises:
            ShapeError: if the outputs cannot answer the task.
        """
        wanted = (task.outputs,) if members is None else (members, task.outputs)
        if output_shape == wanted:
            return cls(task, members)
        if task.is_classification and task.outputs == 2 and output_shape == (*wanted[:-1], 1):
            return cls(task, members, single_logit=True)
        what = (
            f"{task.outputs} classes of {task.target!r}"
            if task.is_classification
            else f"the one number {task.target!r}"
        )
        raise ShapeError(
            f"the network gives {output_shape} per row; expected {wanted} for {what}. "
            f"End it with Dense({task.outputs})."
        )

    def for_loss(self, outputs: Tensor) -> Tensor:
        """Outputs as the loss takes them: logits `[B, C]`, or `[B]` for one number."""
        if self.task.is_classification and not self.single_logit:
            return outputs
        return outputs.squeeze(-1)

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities `[B, C]`, or standardised values `[B]`; members are averaged here.

        In float64, so that probabilities add up to 1 as closely as NumPy and scikit-learn expect.
        """
        outputs = outputs.double()
        if not self.task.is_classification:
            values = outputs.squeeze(-1)
            return values if self.members is None else values.mean(1)
        if self.single_logit:
            positive = torch.sigmoid(outputs)
            probabilities = torch.cat([1 - positive, positive], dim=-1)
        else:
            probabilities = torch.softmax(outputs, dim=-1)
        return probabilities if self.members is None else probabilities.mean(1)
