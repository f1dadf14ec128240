"""What a network's outputs mean: from outputs to a point, and to what else they say.

Dimensions: B rows, K members of an ensemble (1 where there is none), P outputs per row, Q levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ranvier.core.errors import ConfigError
from ranvier.core.task import Task
from ranvier.losses import LOSSES, BinaryLoss, GaussianLikelihood, Likelihood, Loss, Pinball
from ranvier.metrics import Gaussians, Quantiles, Rows, baseline

PREDICTION = "prediction"
STANDARD_DEVIATION = "standard_deviation"

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Reading:
    """One way to read outputs: each member by itself, then the average of what they say.

    `width` is the number P of outputs that it reads, `metrics` are those that its further columns
    are judged by, of the rows that `rows` makes.
    """

    task: Task
    metrics: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[str | None] = None

    @property
    def width(self) -> int:
        return self.task.outputs

    def answer(self, outputs: Tensor) -> dict[str, Tensor]:
        """The prediction `[B]` or `[B, C]`, then further columns `[B]`, from float64 `[B, K, P]`.

        A number is in the unit that the network was trained in.
        """
        raise NotImplementedError

    def trivial(self, train_truth: np.ndarray, num_rows: int) -> Arrays:
        """What would be answered without looking at the rows."""
        return {PREDICTION: baseline(self.task, train_truth, num_rows)}

    def rows(self, truth: np.ndarray, answer: Arrays, weights: np.ndarray | None) -> Rows:
        """The further columns beside the truth, as `metrics` take them."""
        raise NotImplementedError


class ClassScores(Reading):
    """A score per class; the softmax makes probabilities of them."""

    def answer(self, outputs: Tensor) -> dict[str, Tensor]:
        return {PREDICTION: torch.softmax(outputs, dim=-1).mean(1)}


class YesScore(Reading):
    """One score, for the second of two classes; the sigmoid makes a probability of it."""

    @property
    def width(self) -> int:
        return 1

    def answer(self, outputs: Tensor) -> dict[str, Tensor]:
        positive = torch.sigmoid(outputs)
        return {PREDICTION: torch.cat([1 - positive, positive], dim=-1).mean(1)}


class LabelScores(Reading):
    """A score per class, each answered by itself: the sigmoid makes a probability of it."""

    def answer(self, outputs: Tensor) -> dict[str, Tensor]:
        return {PREDICTION: torch.sigmoid(outputs).mean(1)}


class Value(Reading):
    """The number itself."""

    def answer(self, outputs: Tensor) -> dict[str, Tensor]:
        return {PREDICTION: outputs.squeeze(-1).mean(1)}


@dataclass(frozen=True)
class Distribution(Reading):
    """The parameters of a distribution: its mean, and how far from it to expect the number.

    The members of an ensemble are a mixture: its variance is the mean of theirs, and the variance
    of their means.

    Reference: Lakshminarayanan, Pritzel and Blundell, Simple and Scalable Predictive Uncertainty
    Estimation using Deep Ensembles (2017), 2.4.
    """

    likelihood: Likelihood

    @property
    def width(self) -> int:
        return len(self.likelihood.outputs)

    def answer(self, outputs: Tensor) -> dict[str, Tensor]:
        prediction = outputs.squeeze(-1) if self.width == 1 else outputs
        means_BK = self.likelihood.expectation(prediction)
        variances_BK = self.likelihood.variance(prediction)
        mean_B = means_BK.mean(1)
        variance_B = (variances_BK + (means_BK - mean_B.unsqueeze(1)).square()).mean(1)
        return {PREDICTION: mean_B, STANDARD_DEVIATION: variance_B.sqrt()}

    def trivial(self, train_truth: np.ndarray, num_rows: int) -> Arrays:
        spread = np.broadcast_to(np.std(train_truth), (num_rows,))
        return {**super().trivial(train_truth, num_rows), STANDARD_DEVIATION: spread}


class Normal(Distribution):
    """A normal distribution, whose whole shape the mean and the standard deviation say."""

    metrics = ("crps_gaussian",)
    takes = "gaussians"

    def rows(self, truth: np.ndarray, answer: Arrays, weights: np.ndarray | None) -> Rows:
        return Gaussians.of(truth, answer[PREDICTION], answer[STANDARD_DEVIATION], weights=weights)


@dataclass(frozen=True)
class Levels(Reading):
    """A quantile per level; sorted, since nothing keeps outputs in order.

    The point is the median, between the two levels around it where none is 0.5.
    """

    levels: tuple[float, ...]
    takes = "quantiles"

    @property
    def metrics(self) -> tuple[str, ...]:  # type: ignore[override]  # one level is no interval
        interval = ("interval_coverage", "coverage_error", "interval_width")
        return ("pinball", *(interval if len(self.levels) > 1 else ()))

    @property
    def width(self) -> int:
        return len(self.levels)

    @cached_property
    def columns(self) -> dict[str, float]:
        """The level of each further column, rising."""
        return {f"quantile_{level}": level for level in sorted(self.levels)}

    def answer(self, outputs: Tensor) -> dict[str, Tensor]:
        quantiles_BQ = outputs.sort(-1).values.mean(1)
        columns = dict(zip(self.columns, quantiles_BQ.unbind(-1), strict=True))
        median_B = (quantiles_BQ * self._shares_of_the_median.to(quantiles_BQ)).sum(-1)
        return {PREDICTION: median_B, **columns}

    @cached_property
    def _shares_of_the_median(self) -> Tensor:
        """How much each quantile is of the point, [Q]."""
        place = float(np.interp(0.5, sorted(self.levels), np.arange(self.width)))
        distance = np.abs(np.arange(self.width) - place)
        return torch.from_numpy(np.maximum(0.0, 1.0 - distance))

    def trivial(self, train_truth: np.ndarray, num_rows: int) -> Arrays:
        quantiles = np.quantile(train_truth, list(self.columns.values()))
        columns = zip(self.columns, quantiles, strict=True)
        further = {name: np.broadcast_to(value, (num_rows,)) for name, value in columns}
        return {**super().trivial(train_truth, num_rows), **further}

    def rows(self, truth: np.ndarray, answer: Arrays, weights: np.ndarray | None) -> Rows:
        predicted = np.stack([answer[name] for name in self.columns], axis=1)
        return Quantiles.of(truth, predicted, levels=list(self.columns.values()), weights=weights)


def reading_of(task: Task, loss: Loss | None, *, single_logit: bool = False) -> Reading:
    """How the outputs of a network that is trained by `loss` answer `task`.

    Raises:
        ConfigError: for a loss of one class where any number of them may hold.
    """
    if task.is_multilabel:
        require_labels(task, loss)
        return LabelScores(task)
    if task.is_classification:
        is_one = single_logit or isinstance(loss, BinaryLoss)
        return YesScore(task) if is_one else ClassScores(task)
    if isinstance(loss, Pinball):
        return Levels(task, loss.levels)
    if isinstance(loss, GaussianLikelihood):
        return Normal(task, loss)
    return Distribution(task, loss) if isinstance(loss, Likelihood) else Value(task)


def require_labels(task: Task, loss: Loss | None) -> None:
    """Refuse a loss that does not take every class of a multilabel task by itself.

    Raises:
        ConfigError: saying which losses do.
    """
    if not task.is_multilabel or loss is None or isinstance(loss, BinaryLoss):
        return
    known = ", ".join(kind for kind, member in LOSSES.items() if issubclass(member, BinaryLoss))
    raise ConfigError(
        f"loss {loss.kind}: any number of the {task.outputs} classes of {task.target!r} may hold, "
        f"and it does not ask of each by itself. Those that fit: {known}."
    )
