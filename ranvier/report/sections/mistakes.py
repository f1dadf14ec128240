"""The worst errors, each with the row it was made on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ranvier.report.blocks import details, paragraph, value_of_data
from ranvier.report.gather import Json, ReportData
from ranvier.report.lights import part_of
from ranvier.report.markup import Markup, element
from ranvier.report.sections.picture_errors import picture_errors
from ranvier.report.words import is_number, number, percent, shorten

MOST = 20
OPEN = 8
MOST_VALUES = 16
ROWS = (
    "broken values and cases that the columns cannot tell apart. Rows are counted from 1, a header "
    "left out."
)
PICTURES = "damaged pictures and classes that look alike. Pictures are counted from 1."


def mistakes_section(data: ReportData) -> Markup | None:
    """Up to twenty rows on which the network was most wrong; of pictures, the pictures."""
    shown = picture_errors(data)
    if shown is not None:
        return shown
    errors = data.evaluations.get(data.judged_on or "", {}).get("errors") or ()
    if not errors:
        return None
    told = [column.get("name") for column in data.data.get("columns") or ()
            if isinstance(column, dict) and column.get("kind") == "constant"]  # fmt: skip
    left_out = {data.task.target, *map(str, told)}
    items = [_mistake(data, error, left_out) for error in errors[:MOST]]
    return element(
        "section",
        element("h2", "The worst errors"),
        paragraph(
            f"The {part_of(data)} with the largest loss, worst first. Look here for wrong labels, "
            + (PICTURES if data.is_of_pictures else ROWS)
        ),
        element("ol", items[:OPEN], class_="mistakes"),
        details(f"{len(items) - OPEN} more", element("ol", items[OPEN:], class_="mistakes"))
        if len(items) > OPEN
        else None,
        id="mistakes",
    )


def _mistake(data: ReportData, error: Json, left_out: Collection[str]) -> Markup:
    sure = error.get("confidence")
    measure = "off by" if sure is None else "loss"
    told = [
        element("span", data.told("row "), number(error.get("row")), class_="badge"),
        " was ", element("b", _said(error.get("truth"))),
        ", predicted ", element("b", _said(error.get("predicted"))),
        f" ({percent(sure)} sure)" if is_number(sure) else None,
        element("span", f"{measure} {number(error.get('loss'), digits=3)}", class_="quiet"),
    ]  # fmt: skip
    values = error.get("values") or {}
    pairs_of = values.items() if isinstance(values, Mapping) else ()
    shown = [(name, value) for name, value in pairs_of if name not in left_out]
    pairs: list[object] = [
        element("span", value_of_data(shorten(name, 40)), " ", element("b", _said(value)),
                class_="pair")
        for name, value in shown[:MOST_VALUES]
    ]  # fmt: skip
    more = len(shown) - MOST_VALUES
    if more > 0:
        pairs.append(element("span", f"and {number(more)} more", class_="quiet"))
    return element("li", element("div", told, class_="told"), element("div", pairs, class_="pairs"))


def _said(value: object) -> Markup:
    if isinstance(value, bool):
        return value_of_data(str(value).lower())
    words = "missing" if value is None else shorten(number(value, digits=5), 60)
    return value_of_data(words)
