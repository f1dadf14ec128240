"""The worst errors on pictures, each beside where in it the network looked."""

from __future__ import annotations

from ranvier.report.blocks import details, label, paragraph, value_of_data
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.thumbnail import thumbnail
from ranvier.report.words import SPLIT_ROWS, chance, count, is_number, number, percent, shorten

OPEN = 12
SIDE = 96


def picture_errors(data: ReportData) -> Markup | None:
    """The pictures on which the network was most wrong; None where none were recorded."""
    record = data.pictures("errors")
    items = record.get("items") or ()
    if not items:
        return None
    cards = [_card(item) for item in items]
    has_heat = any(item.get("heat") for item in items)
    return element(
        "section",
        element("h2", "The worst errors"),
        paragraph(_sentence(data, record, len(items))),
        paragraph(_how_to_read(data), class_="caption") if has_heat else None,
        element("div", cards[:OPEN], class_="cards"),
        details(f"{number(len(cards) - OPEN)} more", element("div", cards[OPEN:], class_="cards"))
        if len(cards) > OPEN
        else None,
        id="mistakes",
    )


def _sentence(data: ReportData, record: Json, shown: int) -> str:
    part = data.told(SPLIT_ROWS.get(str(record.get("part")), "row"))
    if not data.task.classes:
        return (
            f"The {part}s whose number is furthest off, worst first. Look here for wrong numbers, "
            "damaged pictures and cases that a picture cannot tell."
        )
    wrong, of = record.get("wrong"), record.get("of")
    share = f" ({percent(wrong / of)})" if is_number(wrong) and is_number(of) and of else ""
    are = "is" if wrong == 1 else "are"
    which = (
        f"These are the {number(shown)} whose truth it believed in least, worst first"
        if is_number(wrong) and wrong > shown
        else "The one whose truth it believed in least comes first"
    )
    return (
        f"Of {count(of, part)} {number(wrong)} {are} answered wrong{share}. {which}. Look here "
        "for wrong labels, damaged pictures and classes that look alike."
    )


def _how_to_read(data: ReportData) -> list[object]:
    what = "the answer that it gave" if data.task.classes else "the number that it gave"
    return [
        element("b", "How to read it. "),
        f"On the left the picture, on the right the same with what spoke for {what}: the warmer, "
        "the more. Where the warm places are not on the thing itself, the network has learnt "
        "something beside it.",
    ]


def _card(item: Json) -> Markup:
    name = item.get("name", "a picture")
    return element(
        "figure",
        element(
            "div",
            thumbnail(item.get("png"), name, side=SIDE),
            thumbnail(item.get("heat"), f"where the network looked in {name}", side=SIDE),
            class_="pair-of-pictures",
        ),
        element(
            "figcaption",
            element("div", "was ", element("b", label(item.get("truth"))), ", said ",
                    element("b", label(item.get("predicted")))),
            _surely(item),
            element("div", value_of_data(shorten(name, 60)), class_="name"),
        ),
        class_="card",
    )  # fmt: skip


def _surely(item: Json) -> Markup | None:
    """How sure it was; where several classes may hold, of the one that it was most wrong about."""
    sure, about = item.get("confidence"), item.get("about")
    if not is_number(sure):
        return None
    if about is not None:
        return element("div", chance(sure), " sure of ", label(about), class_="sure")
    truth = item.get("truth_probability")
    words = f"{chance(sure)} sure"
    if is_number(truth):
        words += f", {chance(truth)} for the truth"
    return element("div", words, class_="sure")
