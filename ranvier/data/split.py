"""Training, validation and test rows: chosen by the seed before anything is fitted.

Rows are whatever is learned from; `noun` is what messages call them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError
from ranvier.core.random import generator
from ranvier.runs.settings import TrainSettings

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Positions of the rows of each part, ascending; together they are all rows, each once."""

    train: Positions
    validation: Positions
    test: Positions
    sentence: str


@dataclass(frozen=True)
class Fractions:
    """Shares of the rows to hold out; 0 for a part not wanted or with a source of its own."""

    validation: float
    test: float

    def sizes(self, num_rows: int) -> tuple[int, int]:
        """Rows of (validation, test): the rounded share, and at least one of each that is wanted.

        >>> Fractions(0.15, 0.15).sizes(10)
        (2, 2)
        """
        return (
            max(1, round(self.validation * num_rows)) if self.validation > 0 else 0,
            max(1, round(self.test * num_rows)) if self.test > 0 else 0,
        )

    @property
    def num_parts(self) -> int:
        return 1 + (self.validation > 0) + (self.test > 0)


def fractions_of(settings: TrainSettings) -> Fractions:
    """The shares that are asked for; a part with a source of its own gets none.

    Raises:
        DataError: for shares that leave nothing to train on.
    """
    validation = 0.0 if settings.validation is not None else settings.validation_fraction
    test = 0.0 if settings.test is not None else settings.test_fraction
    if validation < 0 or test < 0 or validation + test >= 1:
        raise DataError(
            f"validation_fraction={validation:g} and test_fraction={test:g}: expected two shares "
            "from 0 on that leave some rows to train on."
        )
    return Fractions(validation, test)


def split_at_random(
    num_rows: int,
    fractions: Fractions,
    *,
    seed: int,
    classes: Positions | None = None,
    unit: Positions | None = None,
    noun: str = "rows",
) -> Split:
    """Rows drawn at random, class by class where `classes` gives the class of each row.

    Every class keeps at least one row for training, so a rare class is trained on before it is
    tested on. Rows of one `unit` (copies of each other) stay together.

    Raises:
        DataError: for fewer rows than the parts need.
    """
    stratified = classes is not None
    classes = np.zeros(num_rows, dtype=np.int64) if classes is None else classes
    unit = np.arange(num_rows) if unit is None else unit
    _, first, unit, size = np.unique(
        unit, return_index=True, return_inverse=True, return_counts=True
    )
    unit_class = classes[first]
    num_units = np.bincount(unit_class)
    if int((num_units[num_units > 0] - 1).sum()) < fractions.num_parts - 1:
        raise DataError(_too_few(num_rows, fractions, stratified, noun))
    validation_size, test_size = fractions.sizes(num_rows)
    rows_of_class = np.bincount(unit_class, weights=size).astype(np.int64)
    test_quota = _quotas(rows_of_class, rows_of_class, test_size)
    validation_quota = _quotas(rows_of_class, rows_of_class - test_quota, validation_size)

    # One draw for all classes: a random order of the units, grouped by class.
    order = generator(seed, "split").permutation(len(first))
    order = order[np.argsort(unit_class[order], kind="stable")]
    part = _fill(unit_class[order], size[order], test_quota, validation_quota)
    part_of_unit = np.empty(len(first), dtype=np.int64)
    part_of_unit[order] = part
    part_of_unit = _fill_empty_parts(part_of_unit, unit_class, size, fractions)
    how = "drawn at random, class by class" if stratified else "drawn at random"
    together = f", equal {noun} kept together" if len(first) < num_rows else ""
    return _as_split(part_of_unit[unit], f"{how}{together} (seed {seed})", noun)


def _quotas(rows: Positions, available: Positions, total: int) -> Positions:
    """`total` rows shared among classes in proportion to `rows`, by the largest remainder; each
    class keeps one of those `available`."""
    limit = np.maximum(available - 1, 0)
    share = rows * (total / max(int(rows.sum()), 1))
    quota = np.minimum(np.floor(share).astype(np.int64), limit)
    while (missing := total - int(quota.sum())) > 0 and (quota < limit).any():
        remainder = np.where(quota < limit, share - quota, -np.inf)
        chosen = np.lexsort((-rows, -remainder))[:missing]
        quota[chosen[quota[chosen] < limit[chosen]]] += 1
    return quota


def _fill(
    unit_class: Positions, size: Positions, test_quota: Positions, validation_quota: Positions
) -> Positions:
    """The part of each unit (0 train, 1 validation, 2 test): a class's first units are its test
    rows, the next its validation rows, the rest its training rows."""
    total = np.cumsum(size)
    starts = np.searchsorted(unit_class, np.arange(len(test_quota)))
    before = np.concatenate([[0], total])[starts][unit_class]
    place = total - before
    is_test = place <= test_quota[unit_class]
    is_validation = ~is_test & (place <= (test_quota + validation_quota)[unit_class])
    return np.where(is_test, 2, np.where(is_validation, 1, 0)).astype(np.int64)


def _fill_empty_parts(
    part: Positions, unit_class: Positions, size: Positions, fractions: Fractions
) -> Positions:
    """Large units can overshoot a small quota and leave a part empty; it then takes the smallest
    unit that is not the last of its class in training, nor the last of the other part."""
    for wanted, number in ((fractions.test, 2), (fractions.validation, 1)):
        if wanted <= 0 or (part == number).any():
            continue
        left = np.bincount(unit_class[part == 0], minlength=int(unit_class.max()) + 1)
        other = part == 3 - number
        spare = np.flatnonzero(((part == 0) & (left[unit_class] > 1)) | (other & (other.sum() > 1)))
        part[spare[np.argmin(size[spare])]] = number
    return part


def split_by_group(groups: Positions, fractions: Fractions, *, seed: int, column: str) -> Split:
    """Whole groups, in random order, each to the part that still lacks most rows.

    Raises:
        DataError: for fewer groups than parts.
    """
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < fractions.num_parts:
        raise DataError(
            f"column {column!r} (group): {len(names)} different values; expected at least "
            f"{fractions.num_parts}, one for each part of the split. Choose another column, or "
            "hold out fewer parts (validation_fraction=0 or test_fraction=0)."
        )
    size = np.bincount(member)
    validation_size, test_size = fractions.sizes(len(groups))
    lacking = [len(groups) - validation_size - test_size, validation_size, test_size]
    empty = {0} | ({1} if validation_size else set()) | ({2} if test_size else set())
    part = np.zeros(len(names), dtype=np.int64)
    order = generator(seed, "split").permutation(len(names)).tolist()
    for done, group in enumerate(order):
        must_fill = len(order) - done <= len(empty)
        chosen = max(empty if must_fill else (0, 1, 2), key=lambda number: lacking[number])
        part[group] = chosen
        lacking[chosen] -= int(size[group])
        empty.discard(chosen)
    return _as_split(part[member], f"by the groups of {column!r} (seed {seed})")


def split_by_time(times: NDArray[np.float64], fractions: Fractions, *, column: str) -> Split:
    """The latest rows are the test, those before them the validation part. Rows of one moment are
    not torn apart.

    Raises:
        DataError: for fewer different moments than parts.
    """
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    moments = np.flatnonzero(np.diff(ordered) > 0) + 1
    if len(moments) < fractions.num_parts - 1:
        raise DataError(
            f"column {column!r} (time): {len(moments) + 1} different moments; expected at least "
            f"{fractions.num_parts}, one for each part of the split. Choose another column."
        )
    num_rows = len(times)
    validation_size, test_size = fractions.sizes(num_rows)
    # A cut moves to the nearest change of the moment that leaves something on either side.
    test_cut, later = num_rows, moments
    if test_size:
        usable = moments[1:] if validation_size else moments
        test_cut = int(usable[np.argmin(np.abs(usable - (num_rows - test_size)))])
        later = moments[moments < test_cut]
    train_cut = test_cut
    if validation_size:
        train_cut = int(later[np.argmin(np.abs(later - (test_cut - validation_size)))])
    part = np.zeros(num_rows, dtype=np.int64)
    part[order[train_cut:]] = 1
    part[order[test_cut:]] = 2
    return _as_split(part, f"by {column!r}, the latest rows last")


def _as_split(part: Positions, how: str, noun: str = "rows") -> Split:
    train, validation, test = (np.flatnonzero(part == number) for number in range(3))
    held_out = f"{len(validation):,} to validate, {len(test):,} to test"
    return Split(train, validation, test, f"{len(train):,} {noun} to train, {held_out}: {how}")


def _too_few(num_rows: int, fractions: Fractions, stratified: bool, noun: str) -> str:
    held = fractions.num_parts - 1
    wanted = (
        "at least one of each class to train on, and beside these one to validate on and one "
        "to test on"
        if stratified
        else f"at least {held + 1}"
    )
    return (
        f"{num_rows} {noun} with a target are too few to split; expected {wanted}. "
        f"Bring more {noun}, or hold out fewer parts (validation_fraction=0 or test_fraction=0)."
    )
