"""What the network sees: pictures of every class, and what training makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ranvier.report.blocks import label, paragraph, value_of_data
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.thumbnail import thumbnail
from ranvier.report.words import count, percent, said, shorten

SIDE = 58
MIXING = {
    "mixup": "Mixup lays a second picture over the first",
    "cutmix": "Cutmix pastes a box of a second picture into the first",
}


def pictures_section(data: ReportData) -> Markup | None:
    """Samples and the sheet of augmentation; None for a run that recorded neither."""
    shown = [_samples(data), _augmented(data), _mixed(data), _failed(data)]
    if not any(shown):
        return None
    return element("section", element("h2", "What the network sees"), shown, id="pictures")


def _samples(data: ReportData) -> Markup | None:
    record = data.pictures("samples")
    items = record.get("items") or ()
    if not items:
        return None
    lines = [
        (of_class[0].get("label"), of_class)
        for _, found in groupby(items, key=lambda item: str(item.get("label")))
        if (of_class := list(found))
    ]
    of_each = max(len(found) for _, found in lines)
    how = "Training pictures in the form that all are brought into: every point is one that the "
    how += "network gets. If you cannot tell the classes apart here, it can hardly do so."
    if data.task.classes and of_each > 1:
        shown = element("div", [_line(name, found) for name, found in lines], class_="strips")
    else:
        shown = element("div", [_card(item) for item in items], class_="thumbs")
    left_out = len(data.task.classes) - len(lines)
    more = f" {count(left_out, 'class', plural='classes')} more are not shown." if (
        data.task.classes and left_out > 0) else ""  # fmt: skip
    return element("div", paragraph(how + more), shown)


def _line(name: object, items: Sequence[Json]) -> Markup:
    return element(
        "div",
        element("div", label(name), class_="strip-name"),
        element("div", [_thumb(item) for item in items], class_="strip"),
        class_="strip-line",
    )


def _card(item: Json) -> Markup:
    return element(
        "figure", _thumb(item), element("figcaption", label(item.get("label"), most=16)),
        class_="thumb-card",
    )  # fmt: skip


def _thumb(item: Json) -> Markup | None:
    return thumbnail(item.get("png"), item.get("name", "a picture"), side=SIDE)


def _augmented(data: ReportData) -> Markup | None:
    record = data.pictures("augmented")
    items = [item for item in record.get("items") or () if item.get("draws")]
    if not items:
        return None
    lines = [
        element(
            "div",
            thumbnail(item.get("png"), f"{item.get('name', 'a picture')} as it is", side=SIDE,
                      class_="plain"),
            [thumbnail(png, f"{item.get('name', 'a picture')} as in training", side=SIDE)
             for png in item["draws"]],
            class_="sheet-line",
        )
        for item in items
    ]  # fmt: skip
    layers = [element("code", layer) for layer in record.get("layers") or ()]
    return element(
        "div",
        element("h3", "As it is varied in training"),
        paragraph("On the left a picture as it is, beside it what training makes of it anew every "
                  "time, so that the network learns what does not matter. The answer must still "
                  "be plain: where it is not, vary less with ",
                  element("code", "--augmentation"), "."),
        element("div", lines, class_="sheet"),
        paragraph("The layers that do it, in training only: ",
                  [[code, ", "] for code in layers[:-1]], layers[-1:], ".", class_="quiet")
        if layers else None,
    )  # fmt: skip


def _mixed(data: ReportData) -> Markup | None:
    items = data.pictures("augmented").get("mixed") or ()
    kinds = [kind for kind in MIXING if any(item.get("kind") == kind for item in items)]
    if not kinds:
        return None
    words = "; ".join(MIXING[kind] for kind in kinds)
    return element(
        "div",
        element("h3", "Mixed with one another"),
        paragraph(f"{words}. What is to be answered is mixed in the same shares, so that the "
                  "network is not surer than the picture allows."),
        element("div", [_mixture(item) for item in items], class_="thumbs"),
    )  # fmt: skip


def _mixture(item: Json) -> Markup:
    own, other = [*(item.get("of") or ()), None, None][:2]
    share = float(item.get("share") or 0.0)
    return element(
        "figure",
        thumbnail(item.get("png"), f"{said(own)} and {said(other)}", side=SIDE),
        element(
            "figcaption", percent(share, digits=0), " ", label(own, most=14), element("br"),
            percent(1 - share, digits=0), " ", label(other, most=14),
        ),
        class_="thumb-card",
    )  # fmt: skip


def _failed(data: ReportData) -> Markup | None:
    """What was to be shown of pictures here or further down and could not be made, and why."""
    failed = [record for record in data.of_kind("pictures") if record.get("failed")]
    return element("div", [
        paragraph("Could not be made: ", str(record.get("what")), " (",
                  value_of_data(shorten(record["failed"], 300)), ").", class_="quiet")
        for record in failed
    ]) if failed else None  # fmt: skip
