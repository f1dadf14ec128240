from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest

from ranvier.data.tabular.dates import date_format, date_part, other_reading, parse_dates

MOMENT = datetime.datetime(2024, 3, 9, 17, 5)


@pytest.mark.parametrize(
    "cell",
    [
        "2024-03-09",
        "2024-03-09 17:05",
        "2024-03-09T17:05:00",
        "2024-03-09T17:05:00Z",
        "2024-03-09T18:05:00+01:00",
        "2024-03-09 17:05:00.000",
        "2024/03/09",
        "09.03.2024",
        "09.03.2024 17:05",
        "9 Mar 2024",
        "09-Mar-2024",
        "March 9, 2024",
    ],
)
def test_a_date_is_read_however_it_is_written(cell: str) -> None:
    form = date_format(pl.Series([cell]))
    assert form is not None
    [moment] = parse_dates(pl.Series([cell]), form).to_list()
    assert moment.date() == MOMENT.date()
    assert moment.hour == (17 if ":" in cell else 0)


def test_the_order_of_day_and_month_follows_the_column() -> None:
    assert date_format(pl.Series(["03/09/2024", "03/31/2024"])) == "%m/%d/%Y"
    assert date_format(pl.Series(["03/09/2024", "31/03/2024"])) == "%d/%m/%Y"


def test_a_column_that_fits_both_orders_is_noticed() -> None:
    assert other_reading(pl.Series(["03/09/2024"]), "%m/%d/%Y") == "%d/%m/%Y"
    assert other_reading(pl.Series(["03/31/2024"]), "%m/%d/%Y") is None


def test_parts_are_those_of_the_calendar() -> None:
    moments = pl.Series([MOMENT, None]).cast(pl.Datetime("us"))
    assert date_part(moments, "year")[0] == 2024
    assert date_part(moments, "day")[0] == 9
    np.testing.assert_allclose(date_part(moments, "hour_sin")[0], np.sin(2 * np.pi * 17 / 24))
    # 9 March 2024 was a Saturday: the sixth day, five steps after Monday.
    np.testing.assert_allclose(date_part(moments, "weekday_cos")[0], np.cos(2 * np.pi * 5 / 7))
    days = (MOMENT - datetime.datetime(1970, 1, 1)) / datetime.timedelta(days=1)
    np.testing.assert_allclose(date_part(moments, "elapsed")[0], days)
    assert all(np.isnan(date_part(moments, part)[1]) for part in ("year", "month_sin", "elapsed"))


def test_december_is_next_to_january() -> None:
    months = pl.Series([datetime.datetime(2024, month, 1) for month in (1, 6, 12)])
    x, y = date_part(months, "month_cos"), date_part(months, "month_sin")
    to_june, to_december = np.hypot(x - x[0], y - y[0])[1:]
    assert to_december < to_june
