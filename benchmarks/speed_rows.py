"""From a race to the rows of the table: ratios of the same rounds, and whether quality is equal."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from scipy.stats import t as student

from benchmarks.contenders import REFERENCE
from benchmarks.race import Entry

OTHER_QUALITY = "other quality"


def rows_of(
    entries: Sequence[Entry], *, operations: int, peak: float | None
) -> list[dict[str, Any]]:
    """A row for each contender; ratios are to the first of ours.

    `operations` are those of a step; with the machine's `peak` a second they give a share of it.
    """
    own = next(entry for entry in entries if entry.contender.is_ours)
    reference = next((entry for entry in entries if entry.contender.name == REFERENCE), own)
    return [_row(entry, own, reference, operations, peak) for entry in entries]


def _row(
    entry: Entry, own: Entry, reference: Entry, operations: int, peak: float | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": entry.contender.name,
        "title": entry.contender.title,
        "is_ours": entry.contender.is_ours,
        "status": entry.failure or _status(entry, reference),
        "import_seconds": entry.import_seconds,
        "first_step_seconds": entry.first_step_seconds,
        "next_first_step_seconds": entry.next_first_step_seconds,
        "peak_bytes": entry.peak_bytes,
        "seconds_per_block": entry.rounds,
        "first_loss": entry.first_loss,
        "note": entry.note,
        "reached": {str(seed): list(found) for seed, found in entry.reached.items()},
    }
    if entry.failure is None and entry.rounds:
        median = statistics.median(entry.rounds)
        rates = [entry.rows / seconds for seconds in entry.rounds]
        row |= {
            "step_seconds": median / entry.steps,
            "rows_per_second": spread(rates),
            "loss": _mean(entry, 0),
            "quality": _mean(entry, 1),
        }
        if own.failure is None:
            row["ratio"] = ratio(entry.rounds, own.rounds)
        if peak:
            row["share_of_peak"] = operations / (median / entry.steps) / peak
    return row


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """How many times as long theirs took: the ratio of medians, least and most of a round.

    >>> ratio([2.0, 4.0, 3.0], [1.0, 1.0, 1.0])
    {'median': 3.0, 'least': 2.0, 'most': 4.0}
    """
    each = [one / other for one, other in zip(theirs, ours, strict=True)]
    median = statistics.median(theirs) / statistics.median(ours)
    return {"median": median, "least": min(each), "most": max(each)}


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def _status(entry: Entry, reference: Entry) -> str:
    return "ok" if is_equal(entry.reached, reference.reached) else OTHER_QUALITY


def is_equal(
    reached: dict[int, tuple[float, float]], reference: dict[int, tuple[float, float]]
) -> bool:
    """Whether loss and quality may be other draws of the reference's, at the level of 5 %.

    Of each, the means over the m seeds of a contender and the n of the reference differ by at most

        t · s · √(1/m + 1/n),   s: the reference's standard deviation over its seeds,
                                t: 97.5 % of Student's distribution with n − 1 degrees of freedom

    as other bits make a training another draw. One seed of the reference says nothing of spread.
    """
    m, n = len(reached), len(reference)
    if m < 1 or n < 2:
        return False
    for which in range(2):
        own = [found[which] for found in reached.values()]
        values = [found[which] for found in reference.values()]
        spread_of_means = statistics.stdev(values) * math.sqrt(1 / m + 1 / n)
        apart = abs(statistics.fmean(own) - statistics.fmean(values))
        # Not "greater than": what is not a number is not equal either.
        if not apart <= student.ppf(0.975, n - 1) * spread_of_means:
            return False
    return True


def _mean(entry: Entry, which: int) -> float | None:
    values = [found[which] for found in entry.reached.values()]
    return statistics.fmean(values) if values else None
