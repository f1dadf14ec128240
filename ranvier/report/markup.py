"""HTML and SVG by construction: what is not made by `element` is escaped when it meets it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

# What XML 1.0 cannot hold, lone surrogates (no UTF-8), and characters that reorder the text after
# them: a cell value must not be able to make the page read differently from what it says.
UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufffe\uffff]"
)


class Markup(str):
    """Text that already is HTML, and is written as it stands."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """`text` as it reads, never as markup.

    >>> escape("<b>")
    '&lt;b&gt;'
    """
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text)), quote=True))


def join(children: object) -> Markup:
    """Children one after another: markup as it stands, strings escaped, None left out."""
    if children is None:
        return Markup("")
    if isinstance(children, str):
        return escape(children)
    if isinstance(children, Iterable):
        return Markup("".join(join(child) for child in children))
    return escape(children)


def element(name: str, *children: object, **attributes: object) -> Markup:
    """One element, valid as HTML and as XML; an attribute of None is left out.

    A trailing underscore keeps clear of Python's words, an inner one stands for a hyphen.

    >>> element("p", "a < b", class_="note", data_label=None)
    '<p class="note">a &lt; b</p>'
    >>> element("path", d="M0 0", stroke_width=2)
    '<path d="M0 0" stroke-width="2"/>'
    """
    spelled = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = join(children)
    if not inner and name not in MUST_CLOSE:
        return Markup(f"<{name}{spelled}/>")
    return Markup(f"<{name}{spelled}>{inner}</{name}>")


# HTML reads `<td/>` as an opening tag, so these close in full even when empty.
MUST_CLOSE = frozenset(
    [
        "a",
        "b",
        "body",
        "code",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "footer",
        "h1",
        "h2",
        "h3",
        "head",
        "header",
        "html",
        "i",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "script",
        "section",
        "small",
        "span",
        "strong",
        "style",
        "summary",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "title",
        "tr",
        "ul",
    ]
)
