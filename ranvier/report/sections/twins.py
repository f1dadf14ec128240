"""Pictures that are there more than once, all but pixel by pixel."""

from __future__ import annotations

from ranvier.report.blocks import details, label, paragraph, value_of_data
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.thumbnail import thumbnail
from ranvier.report.words import count, number, shorten

SIDE = 72
OPEN = 8


def twins_section(data: ReportData) -> Markup | None:
    """Groups of near-duplicates that matter; None for a run that found none."""
    record = data.pictures("twins")
    groups = [_group(item) for item in record.get("items") or () if item.get("pictures")]
    if not groups:
        return None
    return element(
        "section",
        element("h2", "Pictures that are there twice"),
        paragraph(_sentence(record, len(groups))),
        element("div", groups[:OPEN], class_="cards groups"),
        details(f"{number(len(groups) - OPEN)} more",
                element("div", groups[OPEN:], class_="cards groups")) if len(groups) > OPEN
        else None,
        id="twins",
    )  # fmt: skip


def _sentence(record: Json, shown: int) -> str:
    crossing, disagreeing = record.get("across_parts") or 0, record.get("unlike_labels") or 0
    said = [f"{count(record.get('groups'), 'group')} of pictures that look the same were found."]
    if crossing:
        said.append(
            f"{number(crossing)} reach over two parts: what was learnt on one picture is then "
            "asked of its twin, which flatters the scores."
        )
    if disagreeing:
        said.append(f"{number(disagreeing)} have labels that differ: one of them must be wrong.")
    if shown < (record.get("groups") or 0):
        said.append(f"{number(shown)} are shown, those that matter most first.")
    return " ".join(said)


def _group(item: Json) -> Markup:
    labels = {str(each.get("label")) for each in item["pictures"]}
    parts = {str(each.get("part")) for each in item["pictures"]}
    said = [
        "labels differ" if len(labels) > 1 else None,
        "in two parts" if len(parts) == 2 else "in three parts" if len(parts) > 2 else None,
    ]
    badges = [element("span", words, class_="badge") for words in said if words]
    return element(
        "figure",
        element(
            "div",
            [thumbnail(each.get("png"), each.get("name", "a picture"), side=SIDE)
             for each in item["pictures"]],
            class_="pair-of-pictures",
        ),
        element("figcaption", element("div", badges) if badges else None,
                [_told(each) for each in item["pictures"]]),
        class_="card",
    )  # fmt: skip


def _told(picture: Json) -> Markup:
    part = f"{picture['part']}, " if picture.get("part") else ""
    return element(
        "div", element("b", label(picture.get("label"), most=24)), f" {part}",
        value_of_data(shorten(picture.get("name", "a picture"), 40)), class_="name",
    )  # fmt: skip
