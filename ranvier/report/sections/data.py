"""What the data was: its parts, its columns, its target, and what was left out of it."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.report.blocks import details, facts, figures, paragraph, table, value_of_data
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.plots import tiny_bars
from ranvier.report.sections.picture_data import picture_data
from ranvier.report.sections.target import number_histogram, target_figure, top_values
from ranvier.report.words import NOTHING, is_number, number, percent, shorten

MOST_COLUMNS = 100
OPEN_COLUMNS = 12
TELLS = 5  # where the column of that name stands
LEFT_OUT = ("identifier", "constant", "empty", "ignored", "text")
ROLES = ("target", "weight", "group", "time", *LEFT_OUT)


def data_section(data: ReportData) -> Markup | None:
    """The data, or None where the run says nothing of it."""
    if not data.data:
        return None
    if data.is_of_pictures:
        return picture_data(data)
    columns = [column for column in data.data.get("columns") or () if isinstance(column, dict)]
    return element(
        "section",
        element("h2", "The data"),
        _split(data),
        facts(
            [
                ("source", value_of_data(data.source or NOTHING)),
                *[(f"{split} rows", number(data.rows(split)))
                  for split in ("train", "validation", "test") if data.rows(split)],
                ("columns", number(len(columns)) if columns else None),
                ("fingerprint", _fingerprint(data)),
            ]
        ),
        figures(target_figure(data, columns)),
        _columns(data, columns),
        _dropped(columns),
        id="data",
    )  # fmt: skip


def _fingerprint(data: ReportData) -> Markup | None:
    print_ = data.data.get("fingerprint")
    return None if print_ is None else element("code", shorten(print_, 20), title=print_)


def _split(data: ReportData) -> Markup | None:
    sentence = data.data.get("split")
    return paragraph(sentence) if sentence else None


def _columns(data: ReportData, columns: Sequence[Json]) -> Markup | None:
    total = _total_rows(data)
    headers = ["column", "read as", "because", "missing", "distinct", "tells", "values"]
    rows = [_column_row(column, data.task.target, total) for column in columns[:MOST_COLUMNS]]
    tells = any(column.get("association") is not None for column in columns)
    if not tells:
        headers.pop(TELLS)
        for row in rows:
            row.pop(TELLS)
    numeric = (3, 4, 5) if tells else (3, 4)
    shown = [
        table(headers, rows[:OPEN_COLUMNS], numeric=numeric, class_="columns"),
        details(
            f"{number(len(rows) - OPEN_COLUMNS)} more columns",
            table(headers, rows[OPEN_COLUMNS:], numeric=numeric, class_="columns"),
        ),
    ]
    if not rows:
        return None
    left_out = len(columns) - len(rows)
    more = f" {number(left_out)} more columns are listed in run.json." if left_out > 0 else ""
    if not tells:
        return element("div", element("h3", "The columns"), shown,
                       paragraph(more, class_="quiet") if more else None)  # fmt: skip
    note = paragraph(
        "“Tells” is how much a column by itself tells of the target, from 0, nothing, to 1, "
        "everything; a column near 1 may know the answer from after the fact." + more,
        class_="quiet",
    )
    return element("div", element("h3", "The columns"), shown, note)


def _total_rows(data: ReportData) -> int | None:
    rows = data.data.get("rows")
    if isinstance(rows, int):
        return rows
    parts = [data.rows(split) for split in ("train", "validation", "test")]
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _column_row(column: Json, target: str, total: int | None) -> list[object]:
    name = str(column.get("name", ""))
    kind = str(column.get("kind", NOTHING))
    role = "target" if name == target else kind if kind in ROLES else None
    badge = (
        element("span", "left out" if role in LEFT_OUT else role, class_="badge") if role else ""
    )
    return [
        [value_of_data(shorten(name, 60)), " " if badge else None, badge],
        kind,
        value_of_data(column.get("why") or NOTHING),
        _missing(column, total),
        number(column.get("distinct")),
        number(column.get("association"), digits=2),
        _values(column),
    ]


def _missing(column: Json, total: int | None) -> str:
    missing = column.get("missing")
    if is_number(missing) and missing and total:
        return f"{number(missing)} ({percent(missing / total)})"
    return number(missing)


def _values(column: Json) -> object:
    edges, counts = number_histogram(column)
    if counts:
        low = _end(column.get("min", edges[0]))
        high = _end(column.get("max", edges[-1]))
        drawn = tiny_bars(counts, f"from {low} to {high}")
        return element("span", drawn, element("span", f"{low} to {high}", class_="range"))
    top = top_values(column)
    if not top or str(column.get("kind")) in LEFT_OUT:
        examples = [shorten(number(cell), 18) for cell in column.get("examples") or ()]
        shown = ", ".join(examples[:3])
        return (
            element("span", "such as ", value_of_data(shown), class_="range") if shown else NOTHING
        )
    drawn = tiny_bars([amount for _, amount in top[:12]], "rows of the most frequent values")
    names = ", ".join(shorten(value, 18) for value, _ in top[:3])
    more = " …" if len(top) > 3 else ""
    return element("span", drawn, element("span", value_of_data(names), more, class_="range"))


def _end(value: object) -> str:
    """The least or the largest value of a column; a day without its midnight."""
    return number(value, digits=3).removesuffix(" 00:00:00")


def _dropped(columns: Sequence[Json]) -> Markup | None:
    left = [column for column in columns if str(column.get("kind")) in LEFT_OUT]
    if not left or len(columns) <= OPEN_COLUMNS:  # the open table says it of each
        return None
    items = [
        element("li", value_of_data(column.get("name")), ": ",
                value_of_data(column.get("why") or "no reason was recorded"))
        for column in left[:MOST_COLUMNS]
    ]  # fmt: skip
    return element("div", element("h3", "Left out"), element("ul", items))
