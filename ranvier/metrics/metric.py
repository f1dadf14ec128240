"""What a metric is, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ranvier.core.registry import Registry
from ranvier.core.task import Task, TaskKind

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """A number that says how good predictions are, and which way is better.

    `function` takes `Classified` or `Regressed` rows, as the task has it. It gives NaN where the
    truth leaves the metric undefined (a class or a spread that is not there), and never raises.
    `classes` holds the numbers of classes it says something of; None is any number.
    """

    name: str
    task: TaskKind
    higher_is_better: bool
    function: Callable[[Any], float]
    classes: range | None = None

    def fits(self, task: Task) -> bool:
        """Whether the metric is for this kind of task and says something of that many classes."""
        return self.task == task.kind and (self.classes is None or task.outputs in self.classes)


METRICS: Registry[Metric] = Registry("metric")

MetricFunction = Callable[[Any], float]


def metric(
    name: str,
    task: TaskKind,
    *,
    better: Better,
    classes: range | None = None,
    other_spellings: tuple[str, ...] = (),
) -> Callable[[MetricFunction], MetricFunction]:
    """Enter a function of rows into METRICS."""

    def enter(function: MetricFunction) -> MetricFunction:
        entry = Metric(name, task, better == "higher", function, classes)
        METRICS.add(name, entry, other_spellings=other_spellings)
        return function

    return enter
