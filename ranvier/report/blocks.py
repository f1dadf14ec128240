"""The few pieces that every section of the report is laid out with."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.report.markup import Markup, element, join
from ranvier.report.words import number, shorten


def figure(
    title: str, plot: Markup | None, how_to_read: object, *, class_: str = ""
) -> Markup | None:
    """A plot with its name above and, in plain words, how to read it below."""
    if plot is None:
        return None
    caption = element("figcaption", element("b", "How to read it. "), how_to_read)
    kind = f"figure {class_}".strip()
    return element("figure", element("h3", title), plot, caption, class_=kind)


def figures(*found: Markup | None, class_: str = "figures") -> Markup | None:
    """Figures side by side where the page is wide enough."""
    kept = [one for one in found if one is not None]
    return element("div", kept, class_=class_) if kept else None


def facts(pairs: Sequence[tuple[str, object]]) -> Markup | None:
    """Names with values; a value of None is left out."""
    kept = [
        element("div", element("dt", name), element("dd", value))
        for name, value in pairs
        if value is not None
    ]
    return element("dl", kept, class_="facts") if kept else None


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    numeric: Sequence[int] = (),
    marked: Sequence[int] = (),
    is_stacked: bool = True,
    class_: str = "",
) -> Markup | None:
    """Rows under headers; on a phone each row becomes a card of named values, if `is_stacked`.

    `numeric` columns are set right, `marked` rows are set off.
    """
    if not rows:
        return None
    kinds = ["number" if column in numeric else None for column in range(len(headers))]
    head = element(
        "tr", [element("th", name, class_=kind, scope="col")
               for name, kind in zip(headers, kinds, strict=True)]
    )  # fmt: skip
    body = [
        element(
            "tr",
            [
                element(
                    "td", element("span", value, class_="v"), class_=kind, data_label=name or None
                )
                for name, kind, value in zip(headers, kinds, row, strict=True)
                if value is not None or name
            ],
            class_="marked" if index in marked else None,
        )
        for index, row in enumerate(rows)
    ]
    return element(
        "table",
        element("thead", head),
        element("tbody", body),
        class_=f"{'stack ' if is_stacked else ''}{class_}".strip() or None,
    )


def paragraph(*parts: object, class_: str | None = None) -> Markup:
    """A paragraph."""
    return element("p", *parts, class_=class_)


def prose(text: str) -> Markup:
    """Words of Ranvier's own in which `backticks` set off what is typed.

    >>> prose("Try `--set l2=0.1`.")
    'Try <code>--set l2=0.1</code>.'
    """
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # A backtick without its pair is only a character.
        return join(text)
    return join(element("code", part) if i % 2 else part for i, part in enumerate(parts))


def value_of_data(value: object) -> Markup:
    """Something out of the user's data, kept from running into the words around it."""
    return element("bdi", value, class_="data")


def label(value: object, *, most: int = 40) -> Markup:
    """What holds of a picture, or is said of it: a class, several of them or none, or a number."""
    if isinstance(value, list | tuple):
        labels = [label(each, most=most) for each in value]
        return enumerate_words(labels) if labels else Markup("none of them")
    words = str(value) if isinstance(value, bool) else number(value, digits=4)
    return value_of_data(shorten(words, most))


def enumerate_words(words: Sequence[object]) -> Markup:
    """One, two and three.

    >>> enumerate_words(["a", "b", "c"])
    'a, b and c'
    """
    if len(words) <= 1:
        return join(words)
    return join([[word, ", "] for word in words[:-2]] + [words[-2], " and ", words[-1]])


def details(summary: object, *children: object) -> Markup | None:
    """What is folded away until it is asked for."""
    inner = join(children)
    return element("details", element("summary", summary), inner) if inner else None
