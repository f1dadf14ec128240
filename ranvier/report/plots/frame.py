"""The paper a plot is drawn on: axes, grid, legend, and words for those who cannot see it.

All plots are 400 units wide, so that on a phone, where a unit is about a pixel, the text is as
large as in a column of a wide screen. Colours come from the page's style sheet by class, so one
drawing serves light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ranvier.report.markup import Markup, element
from ranvier.report.plots.scale import Scale
from ranvier.report.words import compact, tail

WIDTH = 400
LETTER = 6.7  # a letter's mean width at the plots' 12.5 units


@dataclass(frozen=True)
class Frame:
    """Two scales and the space around them."""

    x: Scale
    y: Scale
    height: float
    x_label: str
    y_label: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    legend: tuple[tuple[str, str], ...] = ()

    @property
    def top(self) -> float:
        return self.y.stop

    @property
    def bottom(self) -> float:
        return self.y.start

    @property
    def left(self) -> float:
        return self.x.start

    @property
    def right(self) -> float:
        return self.x.stop


def frame(
    x: tuple[float, float],
    y: tuple[float, float],
    *,
    x_label: str,
    y_label: str,
    legend: Sequence[tuple[str, str]] = (),
    height: float = 240,
    is_log_y: bool = False,
    x_ticks: Sequence[tuple[float, str]] | None = None,
    y_ticks: Sequence[tuple[float, str]] | None = None,
    is_whole_x: bool = False,
    headroom: float = 0,
) -> Frame:
    """Paper for data between `x` and `y`; `legend` holds (class of the mark, name)."""
    rows = legend_rows(legend)
    height += 16 * max(len(rows) - 1, 0)
    top, bottom = 24.0 + headroom + 16 * len(rows), height - 38.0
    down = Scale(y[0], y[1], bottom, top, is_log=is_log_y)
    if y_ticks is None:
        y_ticks = [(value, compact(value)) for value in down.ticks(5)]
    widest = max((len(text) for _, text in y_ticks), default=1)
    left = min(12 + LETTER * widest, 150.0)
    across = Scale(x[0], x[1], left, WIDTH - 12.0)
    if x_ticks is None:
        places = [v for v in across.ticks(6) if not is_whole_x or float(v).is_integer()]
        x_ticks = [(v, compact(v)) for v in places]
    return Frame(
        across, down, height, x_label, y_label, tuple(x_ticks), tuple(y_ticks), tuple(legend)
    )


def legend_rows(legend: Sequence[tuple[str, str]]) -> list[list[tuple[float, str, str, str]]]:
    """Where each name of the legend goes: rows of (x, class, shown, whole name)."""
    rows: list[list[tuple[float, str, str, str]]] = []
    at = float(WIDTH)
    for kind, name in legend:
        shown = tail(name, 24)
        width = 26 + LETTER * len(shown) + 12
        if at + width > WIDTH - 4:
            rows.append([])
            at = 8.0
        rows[-1].append((at, kind, shown, name))
        at += width
    return rows


def place(value: float) -> str:
    """A coordinate as short as a tenth of a unit allows.

    >>> place(12.04), place(3.25)
    ('12', '3.2')
    """
    return f"{value:.1f}".removesuffix(".0")


def mark_title(text: str) -> Markup:
    """What a mark says when it is pointed at, with or without the page's script."""
    return element("title", text)


def text(x: float, y: float, content: str, *, class_: str = "", anchor: str = "start") -> Markup:
    """A piece of text in a drawing."""
    return element(
        "text",
        content,
        x=place(x),
        y=place(y),
        class_=class_ or None,
        text_anchor=None if anchor == "start" else anchor,
    )


def svg(
    title: str, description: str, *marks: object, height: float, width: float = WIDTH
) -> Markup:
    """A drawing with its name and its description, which a screen reader speaks."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *marks,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {place(width)} {place(height)}",
        role="img",
        aria_label=title,
        class_="plot",
    )


def draw(on: Frame, title: str, description: str, *marks: object) -> Markup:
    """The marks upon their axes, grid and legend."""
    return svg(
        title, description, _grid(on), element("g", *marks, class_="marks"), _labels(on),
        height=on.height,
    )  # fmt: skip


def _grid(on: Frame) -> Markup:
    lines = "".join(
        f"M{place(on.left)} {place(on.y(value))}H{place(on.right)}" for value, _ in on.y_ticks
    )
    baseline = f"M{place(on.left)} {place(on.bottom)}H{place(on.right)}"
    return element(
        "g", element("path", d=lines, class_="grid") if lines else None,
        element("path", d=baseline, class_="axis"),
    )  # fmt: skip


def _labels(on: Frame) -> Markup:
    below = on.bottom + 16
    marks = [
        text(on.left - 6, on.y(value) + 4, words, class_="tick", anchor="end")
        for value, words in on.y_ticks
    ]
    marks += [
        text(on.x(value), below, words, class_="tick", anchor=_anchor(on, value, words))
        for value, words in _that_fit(on)
    ]
    marks.append(text((on.left + on.right) / 2, on.height - 6, on.x_label, anchor="middle"))
    marks.append(text(8, 13, on.y_label))
    for index, row in enumerate(legend_rows(on.legend)):
        y = 31.0 + 16 * index
        for x, kind, shown, whole in row:
            swatch = element("path", d=f"M{place(x)} {place(y - 4)}h18", class_=f"{kind} swatch")
            name = None if shown == whole else mark_title(whole)
            marks.append(element("g", name, swatch, text(x + 24, y, shown)))
    return element("g", marks)


def _anchor(on: Frame, value: float, words: str) -> str:
    reach = LETTER * len(words) / 2
    return "end" if on.x(value) + reach > WIDTH - 2 else "middle"


def _that_fit(on: Frame) -> list[tuple[float, str]]:
    """The x ticks whose words do not run into the words before them."""
    kept: list[tuple[float, str]] = []
    taken = -1e9
    for value, words in on.x_ticks:
        half = LETTER * len(words) / 2
        start = on.x(value) - half * (2 if _anchor(on, value, words) == "end" else 1)
        if start > taken + 6:
            kept.append((value, words))
            taken = start + 2 * half
    return kept
