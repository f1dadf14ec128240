"""How a network's raw outputs answer the task: for the loss, and for people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.core.shapes import Shape
from ranvier.core.task import Task
from ranvier.losses import BinaryLoss, Loss, MeanSquaredLogarithmicError
from ranvier.losses.positive import tangent_exponential
from ranvier.step.reading import PREDICTION, STANDARD_DEVIATION, Reading, reading_of


@dataclass(frozen=True)
class Unit:
    """What a standardised number z is in the target's own unit.

        y = center + scale·z        or, where it must be above 0,  y = center·exp(scale·z / center)

    Both have the same value and slope at z = 0.
    """

    center: float = 0.0
    scale: float = 1.0
    is_positive: bool = False

    def values(self, standardised: Tensor) -> Tensor:
        if self.is_positive:
            return self.center * tangent_exponential(standardised * (self.scale / self.center))
        return standardised * self.scale + self.center


@dataclass(frozen=True)
class Head:
    """From outputs `[B, P]`, or `[B, K, P]` of K members, to predictions.

    Classification takes a score per class (softmax), or one where there are two classes (sigmoid);
    any number of classes a score for each (sigmoid).
    Regression takes one number, or those that the loss names, such as a quantile per level; they
    are standardised, and `unit` says of what, unless the loss says otherwise (`in_own_unit`).

    Shapes: B rows, K members, P outputs, C classes.
    """

    task: Task
    members: int | None = None
    single_logit: bool = False
    loss: Loss | None = None
    unit: Unit = Unit()

    @classmethod
    def fit(
        cls,
        task: Task,
        output_shape: Shape,
        members: int | None,
        *,
        loss: Loss | None = None,
        unit: Unit = Unit(),
    ) -> Head:
        """The head for a network that gives `output_shape` per row and is trained by `loss`.

        Raises:
            ShapeError: if the outputs cannot answer the task.
            ConfigError: for a loss that takes no target of this task.
        """
        if loss is not None and "log_mean" in loss.outputs:
            unit = Unit()  # the logarithm of a mean is no standardised number
        elif isinstance(loss, MeanSquaredLogarithmicError):
            # A prediction below 0 would learn nothing any more.
            unit = replace(unit, is_positive=True)
        is_one = isinstance(loss, BinaryLoss) and task.is_classification
        head = cls(task, members, single_logit=is_one, loss=loss, unit=unit)
        if output_shape == head.shape:
            return head
        if loss is None and task.is_classification and task.outputs == 2:
            one = cls(task, members, single_logit=True, unit=unit)
            if output_shape == one.shape:
                return one
        raise ShapeError(
            f"the network gives {output_shape} per row; expected {head.shape} for {head._wanted}. "
            f"End it with Dense({head.reading.width})."
        )

    @property
    def shape(self) -> Shape:
        """The outputs that it reads, per row."""
        width = (self.reading.width,)
        return width if self.members is None else (self.members, *width)

    @property
    def _wanted(self) -> str:
        if self.loss is not None and self.loss.outputs:
            return f"{self.loss.kind} of {self.task.target!r}: {', '.join(self.loss.outputs)}"
        if self.task.kind == "regression":
            return f"the one number {self.task.target!r}"
        if self.single_logit and self.loss is not None:
            return f"{self.loss.kind} of {self.task.target!r}: one score, of its second class"
        return f"{self.task.outputs} classes of {self.task.target!r}"

    @cached_property
    def reading(self) -> Reading:
        """What the outputs mean."""
        return reading_of(self.task, self.loss, single_logit=self.single_logit)

    @cached_property
    def _is_one_number(self) -> bool:
        # A single class that holds or not still has a column of its own in the target.
        return self.reading.width == 1 and not self.task.is_multilabel

    @cached_property
    def _is_own_unit(self) -> bool:
        return self.loss is not None and self.loss.in_own_unit

    def for_loss(self, outputs: Tensor) -> Tensor:
        """Outputs as the loss takes them: `[B, P]`, or `[B]` for one number."""
        prediction = outputs.squeeze(-1) if self._is_one_number else outputs
        return self.unit.values(prediction) if self._is_own_unit else prediction

    def answer(self, outputs: Tensor) -> dict[str, Tensor]:
        """The prediction, and under their names further columns `[B]`; members are averaged here.

        Probabilities `[B, C]`, or values `[B]` in the target's own unit. In float64, so that
        probabilities add up to 1 as closely as NumPy and scikit-learn expect.
        """
        outputs = outputs.double()
        read = self.reading.answer(outputs.unsqueeze(1) if self.members is None else outputs)
        if self.task.kind != "regression":
            return read
        return {
            name: values * self.unit.scale
            if name == STANDARD_DEVIATION
            else self.unit.values(values)
            for name, values in read.items()
        }

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities `[B, C]`, or values `[B]` in the target's own unit."""
        return self.answer(outputs)[PREDICTION]
