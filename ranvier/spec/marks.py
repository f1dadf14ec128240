"""The few marks that a drawing of a network is made of, as SVG text.

Looks are set on each mark and never in a style sheet: a sheet inside an SVG would restyle the page
that the SVG stands in. The page may recolour the drawing, as for a dark screen, by giving values to
`--network-ink`, `--network-soft`, `--network-line`, `--network-frame`, `--network-paper` and
`--network-tint`; each colour is written twice because some viewers of SVG know no variables.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
SERIF = "'Latin Modern Math', 'STIX Two Text', Cambria, Georgia, 'DejaVu Serif', serif"

INK, SOFT, LINE = "#1c2733", "#5b6976", "#8b98a5"
FRAME, PAPER, TINT = "#cfd7df", "#ffffff", "#f6f8fa"
VARIABLES = {
    INK: "ink", SOFT: "soft", LINE: "line", FRAME: "frame", PAPER: "paper", TINT: "tint",
}  # fmt: skip


_RAISED = "⁽⁾⁰¹²³⁴⁵⁶⁷⁸⁹ˡᵏⁱʲ⁻ᶻⱼ"  # set about 0.6 as wide as other characters


@dataclass(frozen=True)
class Font:
    """A way of setting text; `advance` is the mean width of a character."""

    size: float
    advance: float
    family: str = SANS
    weight: str = "400"
    colour: str = INK
    style: str = "normal"

    def width(self, text: str) -> float:
        """How wide the text will be, roughly; no font can be asked where none is loaded."""
        raised = sum(1 for character in text if character in _RAISED)
        return self.advance * (len(text) - 0.4 * raised)


TITLE = Font(15, 9.0, weight="600")
DETAIL = Font(12.5, 6.6, colour=SOFT)
EQUATION = Font(13.5, 7.3, SERIF)
EDGE = Font(12.5, 7.0, colour=SOFT)
BADGE = Font(13, 8.0, weight="600", colour=PAPER)


def paint(*, fill: str, stroke: str | None = None) -> str:
    """Fill and stroke of a mark, as attributes and, where the page may change them, as a style.

    >>> paint(fill=INK)
    'fill="#1c2733" style="fill:var(--network-ink,#1c2733)"'
    """
    colours = {"fill": fill} if stroke is None else {"fill": fill, "stroke": stroke}
    plain = " ".join(f'{name}="{colour}"' for name, colour in colours.items())
    style = ";".join(
        f"{name}:var(--network-{VARIABLES[colour]},{colour})"
        for name, colour in colours.items()
        if colour in VARIABLES
    )
    return f'{plain} style="{style}"' if style else plain


def text(x: float, y: float, content: str, font: Font, *, anchor: str = "start") -> str:
    """A line of text with its baseline at y."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-family="{font.family}" font-size="{font.size:g}" '
        f'font-weight="{font.weight}" font-style="{font.style}" {paint(fill=font.colour)} '
        f'text-anchor="{anchor}">{html.escape(content)}</text>'
    )


def rectangle(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str = PAPER,
    stroke: str = FRAME,
    radius: float = 9,
    dashes: str = "",
) -> str:
    """A box with round corners."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}" '
        f'{paint(fill=fill, stroke=stroke)} stroke-width="1.2"{dashed}/>'
    )


def circle(x: float, y: float, radius: float) -> str:
    """The ring in which signals meet."""
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" '
        f'{paint(fill=PAPER, stroke=LINE)} stroke-width="1.5"/>'
    )


def path(commands: str) -> str:
    """A line along which a signal goes."""
    return (
        f'<path d="{commands}" {paint(fill="none", stroke=LINE)} stroke-width="1.6" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
    )


def arrow_head(x: float, y: float, *, right: bool = False, left: bool = False) -> str:
    """The tip at (x, y) of a line that comes from above, or goes to the right or to the left."""
    behind = x - 7 if right else x + 7
    back = (
        f"{behind:.1f} {y - 4:.1f} L {behind:.1f} {y + 4:.1f}"
        if right or left
        else f"{x - 4:.1f} {y - 7:.1f} L {x + 4:.1f} {y - 7:.1f}"
    )
    return f'<path d="M {x:.1f} {y:.1f} L {back} Z" {paint(fill=LINE)}/>'


def group(x: float, y: float, inside: str) -> str:
    """Marks moved to (x, y)."""
    return f'<g transform="translate({x:.1f} {y:.1f})">{inside}</g>'
