"""Rows of a table to rows of numbers, and back: fitted once, stored with the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ranvier.core.errors import DataError, nearest
from ranvier.core.task import Task
from ranvier.data.tabular.convert import numbers_of
from ranvier.data.tabular.features import CategoryFeature, DateFeature, NumberFeature
from ranvier.data.tabular.schema import TableSchema
from ranvier.data.tabular.target import regression_values
from ranvier.data.tabular.typed import canonical_text

Form = Literal["codes", "one_hot"]
Inputs = NDArray[np.float32]
# Rows encoded at a time: what is needed beside the output stays at a few megabytes a column.
BLOCK = 65_536


@dataclass(frozen=True)
class Layout:
    """How the input columns lie: `numeric` numbers, then a code per entry of `cardinalities`."""

    numeric: int
    cardinalities: tuple[int, ...] = ()

    @property
    def features(self) -> int:
        return self.numeric + len(self.cardinalities)


@dataclass(frozen=True, kw_only=True)
class TableEncoder:
    """What turns a table into a network's inputs and targets, as fitted on training rows alone.

    Inputs, `[rows, features]` in float32: scaled numbers, parts of dates, indicators of missing
    values; then for each category its code (form `codes`) or an indicator per label (`one_hot`).
    A missing number is 0, the middle of its column. No input is ever NaN. Each row is encoded to
    the same bits alone as among others.
    """

    form: Form
    task: Task
    schema: TableSchema
    numbers: tuple[NumberFeature | DateFeature, ...] = ()
    categories: tuple[CategoryFeature, ...] = ()
    target_center: float = 0.0
    target_scale: float = 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The source columns that are needed, each once."""
        return tuple(dict.fromkeys(f.column for f in (*self.numbers, *self.categories)))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of each input column."""
        names = [name for feature in self.numbers for name in feature.names]
        names += [f"{f.column} is missing" for f in self.numbers if f.indicator]
        for feature in self.categories:
            names += [feature.column] if self.form == "codes" else feature.names
        return tuple(names)

    @property
    def layout(self) -> Layout:
        numeric = sum(len(f.names) + f.indicator for f in self.numbers)
        if self.form == "codes":
            return Layout(numeric, tuple(feature.cardinality for feature in self.categories))
        return Layout(numeric + sum(feature.cardinality - 1 for feature in self.categories))

    def encode(self, frame: pl.DataFrame, *, rows: NDArray[np.int64] | None = None) -> Inputs:
        """The inputs of all rows of `frame`, or of those at the positions `rows`.

        Columns that training did not use are passed over.

        Shapes:
            [rows, features], float32, C-contiguous.

        Raises:
            DataError: for all missing columns and all columns of another type together.
        """
        self._check_columns(frame)
        count = frame.height if rows is None else len(rows)
        inputs = np.empty((count, self.layout.features), dtype=np.float32)
        frame = frame.select(self.columns)
        for start in range(0, count, BLOCK):
            stop = min(start + BLOCK, count)
            block = frame[start:stop] if rows is None else frame[rows[start:stop]]
            self._encode_block(block, inputs[start:stop], start)
        return inputs

    def _check_columns(self, frame: pl.DataFrame) -> None:
        missing = [name for name in self.columns if name not in frame.columns]
        if not missing:
            return
        unused = [name for name in frame.columns if name not in self.columns]
        lines = []
        for name in missing:
            close = nearest(name, unused)
            hint = f"; {close!r} is there: rename it" if close else ""
            lines.append(f"column {name!r} is missing{hint}")
        raise DataError(
            "the table lacks columns that training used: "
            + ". ".join(lines)
            + f". Expected all of: {', '.join(map(repr, self.columns))}."
        )

    def _encode_block(self, block: pl.DataFrame, out: Inputs, first_row: int) -> None:
        problems: list[str] = []
        place = 0
        indicators: list[NDArray[np.float64]] = []
        for feature in self.numbers:
            try:
                values, missing = feature.scaled(block[feature.column], first_row)
            except DataError as error:
                problems.append(str(error))
                continue
            for column in values:
                out[:, place] = column
                place += 1
            indicators += missing
        for column in indicators:
            out[:, place] = column
            place += 1
        for category in self.categories:
            try:
                place = self._put_category(category, block[category.column], out, place)
            except DataError as error:
                problems.append(str(error))
        if problems:
            raise DataError("\n".join(dict.fromkeys(problems)))

    def _put_category(
        self, category: CategoryFeature, column: pl.Series, out: Inputs, place: int
    ) -> int:
        codes = category.codes(column)
        if self.form == "codes":
            out[:, place] = codes
            return place + 1
        width = category.cardinality - 1
        out[:, place : place + width] = codes[:, None] == np.arange(1, width + 1)
        return place + width

    def targets(
        self, frame: pl.DataFrame, *, rows: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64] | Inputs, NDArray[np.int64] | NDArray[np.float64]]:
        """What the network is trained towards, and the truth: class indices twice, or the
        standardised number in float32 and the number in its own unit in float64.

        Raises:
            DataError: no target column, a missing or unknown target.
        """
        name = self.task.target
        if name not in frame.columns:
            close = nearest(name, frame.columns)
            hint = f" Did you mean {close!r}?" if close else ""
            raise DataError(f"the table has no target column {name!r}.{hint}")
        column = frame[name] if rows is None else frame[name].gather(rows)
        if self.task.is_classification:
            truth = self._class_indices(column)
            return truth, truth
        values = (
            regression_values(column)
            if column.dtype.is_temporal()
            else numbers_of(column, decimal=".")
        )
        self._refuse_missing(np.isnan(values))
        standardised = (values - self.target_center) / self.target_scale
        return standardised.astype(np.float32), values

    def _class_indices(self, column: pl.Series) -> NDArray[np.int64]:
        known = canonical_text(pl.Series(list(self.task.classes))).to_list()
        text = canonical_text(column)
        self._refuse_missing(text.is_null().to_numpy())
        codes = text.replace_strict(
            known, list(range(len(known))), default=-1, return_dtype=pl.Int64
        ).to_numpy()
        unknown = np.flatnonzero(codes < 0)
        if len(unknown):
            row = int(unknown[0])
            listed = ", ".join(map(repr, self.task.classes[:12]))
            raise DataError(
                f"target {self.task.target!r}: row {row + 1} says {column[row]!r}, a class that "
                f"training did not see ({len(unknown):,} such rows); expected one of {listed}."
            )
        return codes

    def _refuse_missing(self, missing: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(missing)
        if len(rows):
            raise DataError(
                f"target {self.task.target!r}: row {rows[0] + 1} has none ({len(rows):,} such "
                "rows); expected a finite value in each row. Fill it in or remove the row."
            )

    def to_values(self, predictions: NDArray[Any]) -> NDArray[np.float64]:
        """A regression's outputs in the target's own unit."""
        return predictions.astype(np.float64) * self.target_scale + self.target_center

    def to_json(self) -> dict[str, Any]:
        numbers = [
            {"kind": "number" if isinstance(f, NumberFeature) else "date", **asdict(f)}
            for f in self.numbers
        ]
        return {
            "form": self.form,
            "task": self.task.to_json(),
            "schema": self.schema.to_json(),
            "numbers": numbers,
            "categories": [asdict(feature) for feature in self.categories],
            "target_center": self.target_center,
            "target_scale": self.target_scale,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> TableEncoder:
        """The encoder that `to_json` described; numbers come back to the last bit.

        Raises:
            DataError: a document that describes no encoder.
        """
        try:
            return cls(
                form=msgspec.convert(document["form"], Form),
                task=msgspec.convert(document["task"], Task),
                schema=TableSchema.from_json(document["schema"]),
                numbers=tuple(_numbers_from(document["numbers"])),
                categories=msgspec.convert(document["categories"], tuple[CategoryFeature, ...]),
                target_center=float(document["target_center"]),
                target_scale=float(document["target_scale"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"this document describes no table encoder: {error!r}.") from error


def _numbers_from(documents: list[dict[str, Any]]) -> Iterator[NumberFeature | DateFeature]:
    for document in documents:
        fields = {key: value for key, value in document.items() if key != "kind"}
        if document["kind"] == "number":
            yield msgspec.convert(fields, NumberFeature)
        else:
            yield msgspec.convert(fields, DateFeature)
