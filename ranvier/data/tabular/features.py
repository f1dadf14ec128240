"""One source column to one or more input columns, as fitted on the training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.data.tabular.convert import labels_of, moments_of, numbers_of
from ranvier.data.tabular.dates import PARTS, date_part
from ranvier.data.tabular.infer import FOLD_ABOVE, RARE_BELOW
from ranvier.data.tabular.numbers import Decimal
from ranvier.data.tabular.scaling import Scaling, ScalingMethod, fit_scaling

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class NumberFeature:
    """A number, scaled; `indicator` adds a column that says where it is missing."""

    column: str
    scaling: Scaling
    indicator: bool
    decimal: Decimal = "."

    def scaled(self, column: pl.Series, first_row: int) -> tuple[list[Floats], list[Floats]]:
        """Columns of values, and of indicators."""
        values = numbers_of(column, decimal=self.decimal, first_row=first_row)
        missing = [np.isnan(values).astype(np.float64)] if self.indicator else []
        return [self.scaling(values)], missing

    @property
    def names(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True)
class DateFeature:
    """The parts of a date, each scaled; parts that never vary in training are left out."""

    column: str
    parts: tuple[str, ...]
    scalings: tuple[Scaling, ...]
    indicator: bool
    form: str | None = None

    def scaled(self, column: pl.Series, first_row: int) -> tuple[list[Floats], list[Floats]]:
        """Columns of values, and of indicators."""
        moments = moments_of(column, form=self.form, first_row=first_row)
        values = [
            scaling(date_part(moments, part))
            for part, scaling in zip(self.parts, self.scalings, strict=True)
        ]
        missing = [moments.is_null().to_numpy().astype(np.float64)] if self.indicator else []
        return values, missing

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.column}:{part}" for part in self.parts)


@dataclass(frozen=True)
class CategoryFeature:
    """A label as a code: 0 missing, then `labels` from 1 on, then one for all others if `other`.

    With `other`, a label that training never saw gets the code of the rare ones, which has been
    trained; without it, unseen is 0, as missing is.
    """

    column: str
    labels: tuple[str, ...]
    other: bool

    @property
    def cardinality(self) -> int:
        return 1 + len(self.labels) + self.other

    def codes(self, column: pl.Series) -> Codes:
        text = labels_of(column)
        unseen = self.cardinality - 1 if self.other else 0
        codes = text.replace_strict(
            list(self.labels),
            list(range(1, len(self.labels) + 1)),
            default=unseen,
            return_dtype=pl.Int64,
        )
        return codes.set(text.is_null(), 0).to_numpy()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the indicator columns, in the order of the codes from 1 on."""
        labels = (*self.labels, *(("other",) if self.other else ()))
        return tuple(f"{self.column}={label}" for label in labels)


def fit_number(column: pl.Series, *, method: ScalingMethod, decimal: Decimal) -> NumberFeature:
    """The scaling of a column of typed training numbers."""
    values = numbers_of(column, decimal=decimal)
    indicator = bool(np.isnan(values).any())
    return NumberFeature(column.name, fit_scaling(values, method), indicator, decimal)


def fit_date(
    column: pl.Series, *, method: ScalingMethod, form: str | None, is_split_time: bool = False
) -> DateFeature:
    """The parts of a column of training dates that vary.

    Where rows are split by this very time, `elapsed` and `year` are left out: in every later row
    they lie outside what was learned.
    """
    parts, scalings = [], []
    for part in PARTS:
        if is_split_time and part in ("elapsed", "year"):
            continue
        values = date_part(column, part)
        present = values[~np.isnan(values)]
        if len(present) and present.min() < present.max():
            parts.append(part)
            scalings.append(fit_scaling(values, method))
    indicator = column.null_count() > 0
    return DateFeature(column.name, tuple(parts), tuple(scalings), indicator, form)


def fit_category(column: pl.Series, *, most: int) -> CategoryFeature:
    """The labels of a column of training values, by frequency where some must go, else sorted.

    Labels in fewer than `RARE_BELOW` rows of a column with many, and all beyond the `most` most
    frequent, share one code.
    """
    text = labels_of(column).drop_nulls().rename("label")
    counts = text.value_counts(name="count").sort(["count", "label"], descending=[True, False])
    kept = counts
    if counts.height > FOLD_ABOVE:
        frequent = counts.filter(pl.col("count") >= RARE_BELOW)
        # Asked for by name, a column keeps its labels even where all are rare.
        kept = frequent if frequent.height else counts
    kept = kept.head(most)
    labels = tuple(sorted(kept["label"].to_list()))
    return CategoryFeature(column.name, labels, kept.height < counts.height)
