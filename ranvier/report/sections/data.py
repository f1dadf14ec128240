"""What the data was: its parts, its columns, its target, and what was left out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ranvier.report.blocks import details, facts, figure, figures, paragraph, table, value_of_data
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.plots import bar_chart, binned, histogram, tiny_bars
from ranvier.report.words import NOTHING, is_number, number, percent, shorten

MOST_COLUMNS = 100
OPEN_COLUMNS = 12
MOST_CLASSES, RAREST = 16, 5
TELLS = 5  # where the column of that name stands
LEFT_OUT = ("identifier", "constant", "empty", "ignored", "text")
ROLES = ("target", "weight", "group", "time", *LEFT_OUT)


def data_section(data: ReportData) -> Markup | None:
    """The data, or None where the run says nothing of it."""
    if not data.data:
        return None
    columns = [column for column in data.data.get("columns") or () if isinstance(column, dict)]
    return element(
        "section",
        element("h2", "The data"),
        _split(data),
        facts(
            [
                ("source", value_of_data(data.data.get("source", NOTHING))),
                *[(f"{split} rows", number(data.rows(split)))
                  for split in ("train", "validation", "test") if data.rows(split)],
                ("columns", number(len(columns)) if columns else None),
                ("fingerprint", _fingerprint(data)),
            ]
        ),
        figures(_target_figure(data, columns)),
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


def _target_figure(data: ReportData, columns: Sequence[Json]) -> Markup | None:
    target = data.task.target
    profile = next((column for column in columns if str(column.get("name")) == target), {})
    if data.task.is_classification:
        amounts = _class_amounts(data, profile)
        total = sum(value for _, value in amounts) or 1
        shown = sorted(amounts, key=lambda pair: -pair[1])
        if len(shown) > MOST_CLASSES:
            shown = shown[: MOST_CLASSES - RAREST] + shown[-RAREST:]
        plot = bar_chart(
            shown, title=f"Rows of each class of {target}",
            description=", ".join(f"{name}: {number(value)}" for name, value in shown),
            notes=[f"{number(value)} ({percent(value / total)})" for _, value in shown],
        )  # fmt: skip
        left_out = len(amounts) - len(shown)
        more = f" The {number(left_out)} classes between are not drawn." if left_out else ""
        return figure(
            "The classes of the target", plot,
            "Each bar is a class, as long as its number of rows. Where one is far longer than the "
            "rest, always answering it is right often and worth nothing." + more,
        )  # fmt: skip
    edges, counts = _number_histogram(profile)
    if not counts:
        truth = (data.evaluations.get(data.judged_on or "", {}).get("residuals") or {}).get("truth")
        truth = [value for value in truth or () if is_number(value)]
        edges, counts = binned(truth) if truth else ([], [])
    is_open = (profile.get("histogram") or {}).get("open")
    beyond = " The outermost bars also hold the rows that lie beyond them." if is_open else ""
    plot = histogram(
        edges, counts, x_label=shorten(target, 40), title=f"Distribution of {target}",
        description=f"Histogram of {target}.",
    )  # fmt: skip
    return figure(
        "The target", plot,
        "Each bar is as tall as the number of rows whose target lies there. A long tail on one "
        "side means that a few rows weigh heavily in the squared error." + beyond,
    )  # fmt: skip


def _class_amounts(data: ReportData, profile: Json) -> list[tuple[str, float]]:
    amounts = _top(profile)
    if amounts and len(amounts) >= len(data.task.classes):
        return amounts
    confusion = data.evaluations.get(data.judged_on or "", {}).get("confusion") or {}
    counted = [
        (str(label), float(sum(row)))
        for label, row in zip(
            confusion.get("labels", ()), confusion.get("counts", ()), strict=False
        )
    ]
    return counted or amounts


def _top(profile: Json) -> list[tuple[str, float]]:
    """The most frequent values of a column with their counts, as the profile lists them."""
    found: Any = profile.get("top") or ()
    pairs = [(entry.get("value"), entry.get("count")) for entry in found]
    return [(_cell(value), float(amount)) for value, amount in pairs if is_number(amount)]


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number_histogram(profile: Json) -> tuple[list[float], list[float]]:
    found = profile.get("histogram") or {}
    if not isinstance(found, dict):
        return [], []
    edges: list[float] = list(found.get("edges") or ())
    counts: list[float] = list(found.get("counts") or ())
    if len(edges) != len(counts) + 1 or not all(map(is_number, [*edges, *counts])):
        return [], []
    return edges, counts


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
    edges, counts = _number_histogram(column)
    if counts:
        low = _end(column.get("min", edges[0]))
        high = _end(column.get("max", edges[-1]))
        drawn = tiny_bars(counts, f"from {low} to {high}")
        return element("span", drawn, element("span", f"{low} to {high}", class_="range"))
    top = _top(column)
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
