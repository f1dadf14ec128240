"""A table of numbers as shades: confusion of classes, and many parameters over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ranvier.report.markup import Markup, element
from ranvier.report.plots.frame import LETTER, WIDTH, mark_title, place, svg, text
from ranvier.report.words import is_number, number, percent, shorten, tail

SHADES = 9  # the style sheet's .h0 … .h8


def confusion_map(
    labels: Sequence[str],
    counts: Sequence[Sequence[float]],
    *,
    title: str,
    description: str,
    noun: str = "row",
) -> Markup:
    """Rows of truth by columns of prediction: shade is the share of the row, text the count.

    `noun` is what is counted.
    """
    size = len(labels)
    shown = [shorten(label, 16 if size <= 4 else 12) for label in labels]
    longest = max(map(len, shown))
    left = max(LETTER * longest + 26, 40.0)
    wide = min(max((WIDTH - 8 - left) / size, 26.0), 110.0)
    tall = min(wide, 44.0)
    slant = LETTER * longest > wide - 4
    top = 26 + (LETTER * 0.72 * longest + 8 if slant else 14)
    width = max(left + wide * size + (LETTER * 0.72 * len(shown[-1]) if slant else 8), WIDTH)
    marks: list[Markup] = [
        text(left + wide * size / 2, 12, "predicted", anchor="middle", class_="note"),
        element("text", "truth", class_="note", text_anchor="middle",
                transform=f"translate(11 {place(top + tall * size / 2)}) rotate(-90)"),
    ]  # fmt: skip
    for index, (label, name) in enumerate(zip(labels, shown, strict=True)):
        across, down = left + wide * (index + 0.5), top + tall * (index + 0.5)
        whole = mark_title(label)
        marks.append(element("g", whole, text(left - 5, down + 4, name, anchor="end")))
        marks.append(element("g", whole, _column_name(across, top - 6, name, slant)))
    for row, (label, amounts) in enumerate(zip(labels, counts, strict=True)):
        total = sum(amounts)
        for column, amount in enumerate(amounts):
            share = amount / total if total else 0.0
            words = (
                f"truth {label}, predicted {labels[column]}: {number(amount)} {noun}s, "
                f"{percent(share)} of the truth's {number(total)}"
            )
            box = left + wide * column, top + tall * row, wide, tall
            marks.append(_cell(box, amount, share, words, is_right=row == column))
    return svg(title, description, marks, height=top + tall * size + 6, width=width)


def _column_name(x: float, y: float, name: str, slant: bool) -> Markup:
    if not slant:
        return text(x, y, name, anchor="middle")
    return element("text", name, transform=f"translate({place(x)} {place(y)}) rotate(-45)")


def _cell(
    box: tuple[float, float, float, float], amount: float, share: float, words: str, *,
    is_right: bool,
) -> Markup:  # fmt: skip
    x, y, wide, tall = box
    kind = ("c0" if is_right else "c1") + " share"
    rectangle = element(
        "rect", x=place(x), y=place(y), width=place(wide - 1), height=place(tall - 1),
        class_=kind, fill_opacity=f"{0.06 + 0.94 * share**0.6:.2f}" if amount else "0.03",
    )  # fmt: skip
    if not amount:
        return rectangle
    shade = " on-dark" if share > 0.42 else ""
    shown = f"{amount:,.0f}" if amount < 10_000 else f"{amount / 1000:,.0f}k"
    small = " small" if LETTER * len(shown) > wide - 2 else ""
    middle, down = x + (wide - 1) / 2, y + tall / 2
    if wide < 42 or tall < 34:
        label = text(middle, down + 4, shown, class_=f"cell{shade}{small}", anchor="middle")
        return element("g", mark_title(words), rectangle, label)
    labels = (
        text(middle, down - 2, shown, class_=f"cell{shade}", anchor="middle"),
        text(middle, down + 13, percent(share), class_=f"cell{shade}", anchor="middle"),
    )
    return element("g", mark_title(words), rectangle, labels)


def time_map(
    names: Sequence[str],
    x: Sequence[float],
    rows: Sequence[Sequence[float | None]],
    *,
    title: str,
    description: str,
    x_label: str,
    value_label: str,
) -> Markup | None:
    """One row a name, shade by the order of magnitude of the number at each time."""
    powers = [
        [math.log10(value) if is_number(value) and value > 0 else None for value in row]
        for row in rows
    ]
    known = sorted(value for row in powers for value in row if value is not None)
    if not known or not x:
        return None
    # A few extreme cells must not wash out all the others.
    low, high = known[len(known) // 50], known[-1 - len(known) // 50]
    high = max(high, low + 0.5)
    shown = [tail(name, 24) for name in names]
    left = min(12 + LETTER * max(map(len, shown)), 180.0)
    tall, top = 15.0, 8.0
    ruler = Ruler(x, x_label, left, (WIDTH - 8 - left) / len(x), tall, low, high)
    bottom = top + tall * len(names)
    marks: list[Markup] = []
    for index, (name, short) in enumerate(zip(names, shown, strict=True)):
        y = top + tall * index
        marks.append(element("g", mark_title(name), text(left - 6, y + 11, short, anchor="end")))
        marks.append(_row(ruler, y, powers[index], rows[index]))
    marks += _time_labels(x, left, bottom, x_label)
    marks += _key(bottom + 42, left, low, high, value_label)
    return svg(title, description, marks, height=bottom + 64)


@dataclass(frozen=True)
class Ruler:
    """Where a row's cells stand, and which powers of ten are palest and darkest."""

    x: Sequence[float]
    x_label: str
    left: float
    wide: float
    tall: float
    low: float
    high: float

    def shade(self, power: float | None) -> str:
        if power is None:
            return "none"
        share = (min(max(power, self.low), self.high) - self.low) / (self.high - self.low)
        return f"h{round((SHADES - 1) * share)}"


def _row(
    ruler: Ruler, y: float, powers: Sequence[float | None], values: Sequence[float | None]
) -> Markup:
    """The cells of one name; neighbours of one shade are one mark, which says where it leads."""
    shades = [ruler.shade(power) for power in powers]
    marks = []
    start = 0
    for shade, group in groupby(shades):
        end = start + len(list(group))
        first, last = values[start], values[end - 1]
        said = number(first, digits=3) + (
            f" to {number(last, digits=3)}" if end - start > 1 else ""
        )
        at = number(ruler.x[start]) + (f" to {number(ruler.x[end - 1])}" if end - start > 1 else "")
        marks.append(
            element(
                "rect", mark_title(f"{ruler.x_label} {at}: {said}"),
                x=place(ruler.left + ruler.wide * start), y=place(y),
                width=place(ruler.wide * (end - start) + 0.4), height=place(ruler.tall - 1),
                class_=shade,
            )
        )  # fmt: skip
        start = end
    return element("g", marks)


def _time_labels(x: Sequence[float], left: float, bottom: float, x_label: str) -> list[Markup]:
    middle = (left + WIDTH - 8) / 2
    first, last = text(left, bottom + 14, number(x[0])), None
    if len(x) > 1:
        last = text(WIDTH - 8, bottom + 14, number(x[-1]), anchor="end")
    label = text(middle, bottom + 14, x_label, anchor="middle")
    return [mark for mark in (first, last, label) if mark is not None]


def _key(y: float, left: float, low: float, high: float, label: str) -> list[Markup]:
    wide = 12.0
    start = WIDTH - 8 - LETTER * 9 - wide * SHADES
    boxes = [
        element("rect", x=place(start + wide * shade), y=place(y - 9), width=place(wide + 0.4),
                height=11, class_=f"h{shade}")
        for shade in range(SHADES)
    ]  # fmt: skip
    ends = [
        text(start - 6, y + 1, number(10.0**low, digits=2), class_="tick", anchor="end"),
        text(start + wide * SHADES + 6, y + 1, number(10.0**high, digits=2), class_="tick"),
    ]
    return [text(8, y + 1, label, class_="note"), *boxes, *ends]
