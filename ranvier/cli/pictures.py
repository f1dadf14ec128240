"""The one curve that shows a finding best, as a line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ranvier.cli.numbers import number
from ranvier.cli.sparkline import column_of, sparkline
from ranvier.core.finding import Finding
from ranvier.runs.history import History

FEWEST_VALUES = 3
# Symptoms that show in the gradient norm, and those that show from epoch to epoch on rows held out;
# data, wiring and the start of the weights have no curve of their own.
OF_GRADIENTS = frozenset({2, 3, 18, 19})
OF_VALIDATION = frozenset({36, 40, 41, 45, 50})
OF_LOSS = frozenset({1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 20, 21, 42, 43, 44, 52})


@dataclass(frozen=True)
class Picture:
    """A named curve; `mark` is the index of the value that the finding is about."""

    name: str
    values: tuple[float, ...]
    mark: int | None = None
    mark_name: str = ""

    @property
    def ends(self) -> str:
        """From where to where it goes."""
        return " → ".join(_end(value) for value in (self.values[0], self.values[-1]))

    def line(self, *, width: int) -> tuple[str, int | None]:
        """The curve in so many columns, and the column of the mark."""
        drawn = sparkline(self.values, width=width)
        if self.mark is None:
            return drawn, None
        return drawn, column_of(self.mark, count=len(self.values), width=width)


def picture_of(finding: Finding, history: History) -> Picture | None:
    """The curve that shows the finding, or None where there is none."""
    if finding.number in OF_VALIDATION:
        return _by_epoch(finding, history)
    names = {"gradient norm": OF_GRADIENTS, "loss": OF_LOSS}
    name = next((name for name, numbers in names.items() if finding.number in numbers), None)
    if name is None:
        return None
    values = _numbers(
        [v for window in history.windows for v in window.get(name.replace(" ", "_")) or ()]
    )
    if len(values) < FEWEST_VALUES:
        return None
    step = finding.evidence.get("step", finding.evidence.get("from_step"))
    if not isinstance(step, int) or not 0 < step <= len(values):
        return Picture(name, values)
    return Picture(name, values, step - 1, f"step {number(step)}")


def _by_epoch(finding: Finding, history: History) -> Picture | None:
    values = _numbers([(epoch.get("validation") or {}).get("loss") for epoch in history.epochs])
    if len(values) < FEWEST_VALUES or not any(map(math.isfinite, values)):
        return None
    best = finding.evidence.get("best_epoch")
    if not isinstance(best, int) or not 0 < best <= len(values):
        return Picture("validation loss", values)
    return Picture("validation loss", values, best - 1, f"epoch {number(best)}")


def _numbers(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else float(value) for value in values)


def _end(value: float) -> str:
    return number(value) if math.isfinite(value) else "not finite"
