"""What a metric is, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ranvier.core.registry import Registry
from ranvier.core.task import Task

Better = Literal["higher", "lower"]

Takes = Literal[
    "probabilities",  # a class per row, and a probability per class
    "values",  # a number per row
    "labels",  # any number of labels per row
    "masks",  # a class per place, such as a pixel
    "quantiles",  # a number per row, and its predicted quantiles
    "samples",  # a number per row, and draws of what it might be
    "gaussians",  # a number per row, and a predicted mean and standard deviation
    "forecasts",  # the coming values of a series, with those that went before
    "token log-likelihoods",  # what a language model gave to each true token
    "texts",  # a text per row, and one or more that would have been right
    "episodes",  # the rewards of an agent, step by step
]

TAKEN_BY: dict[str, Takes] = {
    "classification": "probabilities",
    "multilabel": "labels",
    "regression": "values",
}


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are, and which way is better.

    `function` takes rows of any kind in `takes`. It gives NaN where the truth leaves the metric
    undefined (a class or a spread that is not there), and never raises. `classes` holds the
    numbers of classes it says something of; None is any number.
    """

    name: str
    takes: tuple[Takes, ...]
    higher_is_better: bool
    function: Callable[[Any], float]
    classes: range | None = None

    def fits(self, task: Task) -> bool:
        """Whether the metric is for this kind of task and says something of that many classes."""
        return self.says_of(TAKEN_BY[task.kind], task.outputs)

    def says_of(self, kind: Takes, num_classes: int) -> bool:
        """Whether it takes rows of this kind and says something of that many classes."""
        return kind in self.takes and (self.classes is None or num_classes in self.classes)


METRICS: Registry[Metric] = Registry("metric")

MetricFunction = Callable[[Any], float]


def metric(
    name: str,
    *takes: Takes,
    better: Better,
    classes: range | None = None,
    other_spellings: tuple[str, ...] = (),
) -> Callable[[MetricFunction], MetricFunction]:
    """Enter a function of rows into METRICS."""

    def enter(function: MetricFunction) -> MetricFunction:
        entry = Metric(name, takes, better == "higher", function, classes)
        METRICS.add(name, entry, other_spellings=other_spellings)
        return function

    return enter
