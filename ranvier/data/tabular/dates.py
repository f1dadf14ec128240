"""Dates: how a column spells them, and the numbers that a network can learn from in them."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# In order of preference: of two formats that read a column equally well, the earlier one wins.
FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
_AMBIGUOUS = {
    "%m/%d/%Y": "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S": "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M": "%d/%m/%Y %H:%M",
    "%d-%m-%Y": "%m-%d-%Y",
}
_LOOKS_LIKE_A_DATE = (
    r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|^\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}"
    r"|^[A-Z][a-z]{2,8} \d{1,2}, \d{4}"
)


def looks_like_dates(sample: pl.Series) -> bool:
    """At least four cells in five have the outline of a date."""
    return 0 < 0.8 * len(sample) <= int(sample.str.contains(_LOOKS_LIKE_A_DATE).sum())


def date_format(sample: pl.Series) -> str | None:
    """The format that reads most of a sample of trimmed cells, if it reads at least half."""
    best, best_share = None, 0.0
    for form in FORMATS:
        share = 1.0 - parse_dates(sample, form).null_count() / max(len(sample), 1)
        if share > best_share:
            best, best_share = form, share
        if share == 1.0:
            break
    return best if best_share >= 0.5 else None


def other_reading(text: pl.Series, form: str) -> str | None:
    """The format with day and month swapped, where it reads every cell as well."""
    other = _AMBIGUOUS.get(form)
    if other is None or parse_dates(text, other).null_count() > text.null_count():
        return None
    return other


def parse_dates(text: pl.Series, form: str) -> pl.Series:
    """Datetime in microseconds (UTC where the text names an offset), null where it does not fit."""
    timed = "%H" in form
    parsed = text.str.strptime(pl.Datetime("us") if timed else pl.Date, form, strict=False)
    return as_datetime(parsed)


def as_datetime(moments: pl.Series) -> pl.Series:
    """Any date or date-time column as naive microseconds, in UTC where it knew its zone; null for
    a year that no calendar of Python's holds."""
    if isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_zone is not None:
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    moments = moments.cast(pl.Datetime("us"))
    return moments.set(~moments.dt.year().is_between(1, 9999).fill_null(True), None)


def _cycle(period: int) -> tuple[Floats, Floats]:
    # Looked up, not computed: vectorised sine may differ in the last bit with the batch's length.
    angles = [2.0 * math.pi * step / period for step in range(period)]
    return np.array([math.sin(a) for a in angles]), np.array([math.cos(a) for a in angles])


_CYCLES = {"month": 12, "weekday": 7, "hour": 24}
_TABLES = {name: _cycle(period) for name, period in _CYCLES.items()}
PARTS = (
    "elapsed",
    "year",
    "month_sin",
    "month_cos",
    "day",
    "weekday_sin",
    "weekday_cos",
    "hour_sin",
    "hour_cos",
)


def date_part(moments: pl.Series, part: str) -> Floats:
    """One number per row out of a datetime column; NaN where it is missing.

    `elapsed` is in days since 1970. Months, weekdays and hours lie on a circle, so that December
    is as near to January as to November.
    """
    if part == "elapsed":
        return _floats(moments.cast(pl.Int64)) / 86_400e6
    if part == "year":
        return _floats(moments.dt.year())
    if part == "day":
        return _floats(moments.dt.day())
    name, function = part.split("_")
    step = {
        "month": lambda: moments.dt.month() - 1,
        "weekday": lambda: moments.dt.weekday() - 1,
        "hour": lambda: moments.dt.hour(),
    }[name]()
    place = _floats(step)
    table = _TABLES[name][0 if function == "sin" else 1]
    values = table[np.nan_to_num(place).astype(np.int64)]
    return np.where(np.isnan(place), np.nan, values)


def _floats(series: pl.Series) -> Floats:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
