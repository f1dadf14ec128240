"""Fitting an encoder on training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.task import Task
from ranvier.data.tabular.encode import Form, TableEncoder
from ranvier.data.tabular.features import (
    CategoryFeature,
    DateFeature,
    NumberFeature,
    fit_category,
    fit_date,
    fit_number,
)
from ranvier.data.tabular.scaling import DEFAULT_SCALING, ScalingMethod
from ranvier.data.tabular.schema import TableSchema
from ranvier.data.tabular.typed import Typed

# An embedding row costs little; an indicator column costs a float in every row.
MOST_LABELS: dict[Form, int] = {"codes": 4_096, "one_hot": 128}


@dataclass(frozen=True, kw_only=True)
class EncoderOptions:
    """What an encoder is fitted for."""

    form: Form = "codes"
    scaling: ScalingMethod = DEFAULT_SCALING
    split_time: str | None = None


def fit_encoder(
    source: Typed,
    rows: NDArray[np.int64],
    schema: TableSchema,
    task: Task,
    truth: NDArray[np.int64] | NDArray[np.float64],
    *,
    options: EncoderOptions,
) -> TableEncoder:
    """The encoder of the features of `schema`, from the training `rows` of `source` and their
    `truth`. One column is gathered at a time."""
    numbers: list[NumberFeature] = []
    dates: list[DateFeature] = []
    categories: list[CategoryFeature] = []
    for column in schema.features:
        values = source.frame[column.name].gather(rows)
        if column.kind == "date":
            dates.append(_fit_date(values, source, options))
        elif column.kind == "numeric":
            decimal = source.decimals.get(column.name, ".")
            numbers.append(fit_number(values, method=options.scaling, decimal=decimal))
        if column.kind in ("category", "boolean") or column.also_category:
            categories.append(fit_category(values, most=MOST_LABELS[options.form]))
    center, scale = (0.0, 1.0) if task.is_classification else _moments(truth)
    return TableEncoder(
        form=options.form,
        task=task,
        schema=schema,
        numbers=(*numbers, *(date for date in dates if date.parts)),
        categories=tuple(categories),
        target_center=center,
        target_scale=scale,
    )


def _fit_date(values: pl.Series, source: Typed, options: EncoderOptions) -> DateFeature:
    return fit_date(
        values,
        method=options.scaling,
        form=source.date_formats.get(values.name),
        is_split_time=values.name == options.split_time,
    )


def _moments(truth: NDArray[np.int64] | NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation, 1 for one that is no number to divide by."""
    scale = float(np.std(truth))
    return float(np.mean(truth)), scale if np.isfinite(scale) and scale > 0 else 1.0
