"""The network class by class: how good it is at each, and what it takes each for."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.report.blocks import details, paragraph, table, value_of_data
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.words import NOTHING, is_number, number, percent

MOST_LISTED = 100
MOST_OPEN = 10
HARDEST = 2.0  # above every F1: a class that neither is nor was said stands last


def class_table(
    data: ReportData,
    labels: Sequence[str],
    counts: Sequence[Sequence[float]],
    *,
    tallies: Sequence[Json] = (),
) -> Markup | None:
    """The weakest class first, as it was recorded, or else from what was counted of each.

    That is the confusion of classes, or the `tallies` of classes any number of which may hold.
    """
    counted = _from(labels, counts) if counts else [_of(tally) for tally in tallies]
    items = data.pictures("classes").get("items") or counted
    if not items:
        return None
    items = sorted(items, key=lambda item: (_f1(item), str(item.get("label"))))
    listed = [_row(item) for item in items[:MOST_LISTED]]
    headers = _headers(data, items)
    weakest = _table(headers, listed[:MOST_OPEN])
    others = details(f"{number(len(listed) - MOST_OPEN)} more", _table(headers, listed[MOST_OPEN:]))
    left_out = len(items) - MOST_LISTED
    more = f" The {number(left_out)} best classes are not listed." if left_out > 0 else ""
    return element(
        "div", element("h3", "Class by class"), weakest, others,
        paragraph(data.told(_how_to_read(data)) + more, class_="quiet"),
    )  # fmt: skip


def _from(labels: Sequence[str], counts: Sequence[Sequence[float]]) -> list[Json]:
    """The scores that a confusion of classes holds."""
    items: list[Json] = []
    for index, label in enumerate(labels):
        right = counts[index][index]
        truth, called = sum(counts[index]), sum(row[index] for row in counts)
        scores = _of({"label": label, "hit": right, "is": truth, "said": called})
        wrong = [0 if other == index else amount for other, amount in enumerate(counts[index])]
        most = max(range(len(labels)), key=lambda other: wrong[other])
        items.append(
            {
                **scores,
                "taken_for": labels[most] if wrong[most] else None,
                "taken": wrong[most],
            }
        )
    return items


def _of(tally: Json) -> Json:
    """A class's scores: how many rows it was found in, is true of, and was said of."""
    right, truth, called = tally["hit"], tally["is"], tally["said"]
    return {
        "label": tally["label"],
        "precision": right / called if called else None,
        "recall": right / truth if truth else None,
        "f1": 2 * right / (truth + called) if truth + called else None,
        "support": truth,
    }


def _f1(item: Json) -> float:
    value = item.get("f1")
    return value if is_number(value) else HARDEST


def _headers(data: ReportData, items: Sequence[Json]) -> list[str]:
    further = ["ROC AUC", "mean precision"] if "roc_auc" in items[0] else []
    if len(items) > 2 and not data.task.is_multilabel:
        further = ["mostly taken for"]
    return ["class", "precision", "recall", "F1", data.told("rows"), *further]


def _row(item: Json) -> list[object]:
    """Everything that is known of a class; the table shows what it has headers for."""
    row: list[object] = [
        value_of_data(item.get("label")), percent(item.get("precision")),
        percent(item.get("recall")), number(item.get("f1"), digits=3), number(item.get("support")),
    ]  # fmt: skip
    if "roc_auc" in item:
        return [*row, number(item["roc_auc"], digits=3),
                number(item.get("average_precision"), digits=3)]  # fmt: skip
    taken_for = item.get("taken_for")
    other: object = NOTHING
    if taken_for is not None:
        other = [value_of_data(taken_for), element("span", f" {number(item.get('taken'))}",
                                                   class_="quiet")]  # fmt: skip
    return [*row, other]


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup | None:
    numeric = [index for index, name in enumerate(headers) if index and name != "mostly taken for"]
    cut = [row[: len(headers)] for row in rows]
    return table(headers, cut, numeric=numeric, class_="narrow", is_stacked=False)


def _how_to_read(data: ReportData) -> str:
    words = (
        "The weakest class stands first. Precision: of the rows called so, the share that are. "
        "Recall: of the rows that are so, the share found. F1: both in one number."
    )
    if data.task.is_multilabel:
        words += (
            " ROC AUC: the chance that a row of the class ranks above one that is not of it. Mean "
            "precision: precision over all thresholds; it stays honest where a class is rare."
        )
    return words
