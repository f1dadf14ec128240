"""What every page is put in: one file that fetches and sends nothing."""

from __future__ import annotations

import re
from importlib.resources import files

from ranvier.report.markup import Markup, element

# Even if something slipped through the escaping, the page may fetch and send nothing; pictures are
# part of the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def shell(title: str, body: Markup, *, styles: str = "") -> str:
    """The whole file of a page: its head, with the styles of all and its own, and its body."""
    head = element(
        "head",
        Markup('<meta charset="utf-8"/>'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1"/>'),
        Markup('<meta name="color-scheme" content="light dark"/>'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"/>'),
        element("title", title),
        element("style", asset("page.css"), Markup(styles)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def asset(name: str, *, package: str = "ranvier.report") -> Markup:
    """A file of a package that goes into the page as it stands."""
    text = files(package).joinpath(name).read_text(encoding="utf-8")
    return Markup(re.sub(r"\n\s+", "\n", text))
