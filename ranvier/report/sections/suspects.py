"""Labels that the network doubts, to be looked at again by somebody."""

from __future__ import annotations

from ranvier.report.blocks import details, enumerate_words, label, paragraph, table, value_of_data
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.thumbnail import thumbnail
from ranvier.report.words import SPLIT_ROWS, chance, count, number, shorten

SIDE = 84
OPEN = 12
MOST_LISTED = 200


def suspects_section(data: ReportData) -> Markup | None:
    """The most doubted labels first; None for a run that looked for none."""
    record = data.pictures("suspects")
    if not record:
        return None
    items = record.get("items") or ()
    shown = [_card(item) for item in items if item.get("png")]
    return element(
        "section",
        element("h2", "Labels that the network doubts"),
        paragraph(_sentence(data, record)),
        element("div", shown[:OPEN], class_="cards") if shown else None,
        details(f"{number(len(shown) - OPEN)} more",
                element("div", shown[OPEN:], class_="cards")) if len(shown) > OPEN else None,
        details(f"All {number(len(items))} by name", _list(record)) if len(items) > OPEN else None,
        paragraph(_how_it_is_found(record), class_="quiet"),
        id="suspects",
    )  # fmt: skip


def _sentence(data: ReportData, record: Json) -> list[object]:
    found, looked_at = record.get("found") or {}, record.get("looked_at") or {}
    rows = {
        split: count(amount, data.told(SPLIT_ROWS.get(split, "row")))
        for split, amount in looked_at.items()
    }
    total = sum(found.values())
    if not total:
        return ["It doubts none of the labels of ", enumerate_words([*rows.values()]), "."]
    parts = [f"{number(found.get(split, 0))} of {words}" for split, words in rows.items()]
    return [
        f"{count(total, 'label')} may be wrong: ", enumerate_words(parts),
        ". A doubt is no proof: look at each, mend what is wrong in the data, and train again. "
        "The strongest doubts come first.",
    ]  # fmt: skip


def _how_it_is_found(record: Json) -> str:
    words = (
        "A label is doubted where the network finds another class as likely as it usually finds "
        "that class in pictures of it (confident learning), and the label surprises it more than "
        "its own uncertainty explains. Validation and test pictures are judged by a network that "
        "did not learn from them, though validation picked its epoch."
    )
    if "train" in (record.get("looked_at") or {}):
        words += (
            " Training pictures are judged by the network that learnt their labels, wrong ones "
            "too: only the doubts that outlived learning are seen there, and more may be wrong."
        )
    else:
        words += " Training pictures were not looked at."
    return words


def _card(item: Json) -> Markup:
    name = item.get("name", "a picture")
    part = str(item.get("part", ""))
    return element(
        "figure",
        thumbnail(item.get("png"), name, side=SIDE),
        element(
            "figcaption",
            _doubt(item),
            element("div", f"{chance(item.get('suggested_probability'))} against "
                    f"{chance(item.get('given_probability'))}", class_="sure"),
            element("div", f"{part}: " if part else None, value_of_data(shorten(name, 60)),
                    class_="name"),
        ),
        class_="card beside-it",
    )  # fmt: skip


def _doubt(item: Json) -> Markup:
    about = item.get("about")
    if about is not None:
        given, seen = ("has", "has none") if item.get("given") else ("has no", "has one")
        return element(
            "div",
            element("div", f"labelled: {given} ", element("b", label(about))),
            element("div", f"looks as if it {seen}"),
        )
    return element(
        "div",
        element("div", "labelled ", element("b", label(item.get("given")))),
        element("div", "looks like ", element("b", label(item.get("suggested")))),
    )


def _list(record: Json) -> Markup | None:
    items = record.get("items") or ()
    rows = [
        (
            value_of_data(item.get("name")), item.get("part"),
            *_given_and_suggested(item),
            f"{chance(item.get('suggested_probability'))} / "
            f"{chance(item.get('given_probability'))}",
        )
        for item in items[:MOST_LISTED]
    ]  # fmt: skip
    left_out = sum((record.get("found") or {}).values()) - len(rows)
    more = paragraph(f"{number(left_out)} more, doubted less, are not listed.", class_="quiet")
    return element("div", table(("picture", "part", "label", "looks like", "sure"), rows,
                                numeric=(4,)), more if left_out > 0 else None)  # fmt: skip


def _given_and_suggested(item: Json) -> tuple[object, object]:
    about = item.get("about")
    if about is None:
        return label(item.get("given")), label(item.get("suggested"))
    return tuple(
        [label(about), f": {'yes' if item.get(name) else 'no'}"] for name in ("given", "suggested")
    )  # type: ignore[return-value]
