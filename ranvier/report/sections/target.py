"""The target as the report draws it: classes as bars, numbers as a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ranvier.report.blocks import figure
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup
from ranvier.report.plots import bar_chart, binned, histogram
from ranvier.report.words import is_number, number, percent, shorten

MOST_CLASSES, RAREST = 16, 5
LONG_BARS = {
    "classification": "Where one is far longer than the rest, always answering it is right often "
    "and worth nothing.",
    "multilabel": "A row counts for every class that it has.",
}


def target_figure(data: ReportData, columns: Sequence[Json] = ()) -> Markup | None:
    """How often each class comes, or where the numbers to be predicted lie."""
    target = data.task.target
    profile = next((column for column in columns if str(column.get("name")) == target), {})
    if data.task.kind != "regression":
        amounts = _class_amounts(data, profile)
        if not amounts:
            return None
        total = _rows_counted(data, amounts)
        shown = sorted(amounts, key=lambda pair: -pair[1])
        if len(shown) > MOST_CLASSES:
            shown = shown[: MOST_CLASSES - RAREST] + shown[-RAREST:]
        plot = bar_chart(
            shown, title=f"{data.told('Rows')} of each class of {target}",
            description=", ".join(f"{name}: {number(value)}" for name, value in shown),
            notes=[f"{number(value)} ({percent(value / total)})" for _, value in shown],
        )  # fmt: skip
        left_out = len(amounts) - len(shown)
        more = f" The {number(left_out)} classes between are not drawn." if left_out else ""
        return figure(
            "The classes of the target", plot,
            data.told("Each bar is a class, as long as its number of rows. "
                      + LONG_BARS[data.task.kind]) + more,
        )  # fmt: skip
    edges, counts = number_histogram(profile)
    if not counts:
        truth = (data.evaluations.get(data.judged_on or "", {}).get("residuals") or {}).get("truth")
        truth = [value for value in truth or () if is_number(value)]
        edges, counts = binned(truth) if truth else ([], [])
    is_open = (profile.get("histogram") or {}).get("open")
    beyond = " The outermost bars also hold the rows that lie beyond them." if is_open else ""
    plot = histogram(
        edges, counts, x_label=shorten(target, 40), title=f"Distribution of {target}",
        description=f"Histogram of {target}.", y_label=data.told("rows"),
    )  # fmt: skip
    return figure(
        "The target", plot,
        data.told("Each bar is as tall as the number of rows whose target lies there. A long tail "
                  "on one side means that a few rows weigh heavily in the squared error." + beyond),
    )  # fmt: skip


def _rows_counted(data: ReportData, amounts: Sequence[tuple[str, float]]) -> float:
    """The rows that the classes were counted of: where each is of one class, all amounts."""
    if not data.task.is_multilabel:
        return sum(value for _, value in amounts) or 1
    parts = data.data.get("parts")
    rows = sum(parts.values()) if isinstance(parts, dict) else data.rows(data.judged_on or "")
    return rows or sum(value for _, value in amounts) or 1


def _class_amounts(data: ReportData, profile: Json) -> list[tuple[str, float]]:
    amounts = _counted_by_part(data) or top_values(profile)
    if amounts and len(amounts) >= len(data.task.classes):
        return amounts
    event = data.evaluations.get(data.judged_on or "", {})
    confusion = event.get("confusion") or {}
    if labels := event.get("labels"):
        return [(str(label["label"]), float(label["is"])) for label in labels]
    counted = [
        (str(label), float(sum(row)))
        for label, row in zip(
            confusion.get("labels", ()), confusion.get("counts", ()), strict=False
        )
    ]
    return counted or amounts


def _counted_by_part(data: ReportData) -> list[tuple[str, float]]:
    """The classes with their numbers in all parts together, where reading the data counted them."""
    target = data.data.get("target")
    found = target.get("classes") if isinstance(target, dict) else None
    return [
        (str(each.get("name")), float(sum(filter(is_number, each.values()))))
        for each in found or ()
    ]


def top_values(profile: Json) -> list[tuple[str, float]]:
    """The most frequent values of a column with their counts, as the profile lists them."""
    found: Any = profile.get("top") or ()
    pairs = [(entry.get("value"), entry.get("count")) for entry in found]
    return [(_cell(value), float(amount)) for value, amount in pairs if is_number(amount)]


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def number_histogram(profile: Json) -> tuple[list[float], list[float]]:
    """The edges of the bins of a target that is a number, and how many are in each."""
    found = profile.get("histogram") or {}
    if not isinstance(found, dict):
        return [], []
    edges: list[float] = list(found.get("edges") or ())
    counts: list[float] = list(found.get("counts") or ())
    if len(edges) != len(counts) + 1 or not all(map(is_number, [*edges, *counts])):
        return [], []
    return edges, counts
