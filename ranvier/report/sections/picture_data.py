"""The pictures of a run: how many, in which form and why, of what files, and what was odd."""

from __future__ import annotations

from typing import Any

from ranvier.report.blocks import (
    details,
    enumerate_words,
    facts,
    figure,
    figures,
    paragraph,
    table,
    value_of_data,
)
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.plots import bar_chart
from ranvier.report.sections.target import target_figure
from ranvier.report.words import NOTHING, SPLIT_ROWS, count, is_number, number, percent, shorten

OPEN_PROBLEMS = 6
ALLOWED = {
    "flips": "mirrored left to right",
    "flips_vertically": "mirrored upside down",
    "turns": "given quarter turns",
}


def picture_data(data: ReportData) -> Markup:
    """The section of the data, where that is pictures."""
    print_ = data.data.get("fingerprint")
    left_out = data.data.get("left_out")
    return element(
        "section",
        element("h2", "The data"),
        _sentence(data.data.get("split")),
        facts(
            [
                ("source", value_of_data(data.source or NOTHING)),
                *[(data.told(f"{SPLIT_ROWS[split]}s"), number(data.rows(split)))
                  for split in ("train", "validation", "test") if data.rows(split)],
                ("classes", number(len(data.task.classes)) if data.task.classes else None),
                ("left out", number(left_out) if left_out else None),
                ("form", _form(_mapping(data, "form"))),
                ("fingerprint", None if print_ is None
                 else element("code", shorten(print_, 20), title=print_)),
            ]
        ),
        figures(target_figure(data), _sizes(data)),
        _form_and_symmetry(data),
        _problems(data),
        id="data",
    )  # fmt: skip


def _mapping(data: ReportData, name: str) -> Json:
    found = data.data.get(name)
    return found if isinstance(found, dict) else {}


def _sentence(words: Any) -> Markup | None:
    return paragraph(value_of_data(words)) if words else None


def _form(form: Json) -> str | None:
    if not form:
        return None
    colour = {1: "grey", 3: "colour"}.get(form.get("channels", 0), "")
    return f"{number(form.get('height'))} × {number(form.get('width'))} {colour}".strip()


def _sizes(data: ReportData) -> Markup | None:
    """The sizes that pictures came in, where they came in more than one."""
    sizes = _mapping(data, "sizes")
    different, total = sizes.get("different"), sizes.get("pictures")
    if not is_number(different) or different < 2 or not is_number(total):
        return None
    shown = [
        (f"{number(each.get('width'))} × {number(each.get('height'))}", float(each["count"]))
        for each in sizes.get("commonest") or ()
        if is_number(each.get("count"))
    ]
    plot = bar_chart(
        shown, title="Sizes of the pictures",
        description=", ".join(f"{name}: {number(amount)}" for name, amount in shown),
        notes=[f"{number(amount)} ({percent(amount / total)})" for _, amount in shown],
    )  # fmt: skip
    return figure(
        "The sizes that they came in", plot,
        f"Width and height in pixels. There are {number(different)} sizes; the commonest are "
        "drawn. All pictures are brought into one form before training.",
    )  # fmt: skip


def _form_and_symmetry(data: ReportData) -> Markup | None:
    why = _mapping(data, "form").get("why")
    symmetry = _mapping(data, "symmetry")
    traits = _mapping(data, "traits")
    files = [[f"{number(amount)} ", value_of_data(name)] for name, amount in traits.items()]
    said = [
        ("form", value_of_data(why) if why else None),
        ("files", enumerate_words(files) if files else None),
        ("symmetry", _symmetry(symmetry) if symmetry else None),
        ("copies", _copies(_mapping(data, "twins"))),
    ]
    rows = [(name, words) for name, words in said if words]
    if not rows:
        return None
    return element("div", element("h3", "How they were read"),
                   table(("", ""), rows, class_="said"))  # fmt: skip


def _symmetry(symmetry: Json) -> list[object]:
    """What may be done to a picture without making another of it, and how that is known."""
    may = [words for name, words in ALLOWED.items() if symmetry.get(name)]
    may_not = [words for name, words in ALLOWED.items() if not symmetry.get(name)]
    told: list[object] = []
    if may:
        told.append(["They may be ", enumerate_words(may)])
    if may_not:
        told.append([", but not " if may else "They may not be ", _alternatives(may_not)])
    evidence = symmetry.get("evidence")
    return [told, [": ", value_of_data(evidence)] if evidence else None, "."]


def _alternatives(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _copies(twins: Json) -> str | None:
    exact, near = twins.get("exact"), twins.get("near")
    if not is_number(exact) or not is_number(near):
        return None
    if not exact and not near:
        return "No picture is there twice."
    pairs = count(exact + near, "pair")
    return f"{pairs} of pictures look the same, {number(exact)} of them byte for byte."


def _problems(data: ReportData) -> Markup | None:
    """Each kind of problem, what was done about it, and the first names."""
    found = data.data.get("problems")
    rows = [
        (
            value_of_data(each.get("kind")),
            number(each.get("count")),
            "left out" if each.get("is_left_out") else "read all the same",
            _names(each),
        )
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, dict)
    ]
    if not rows:
        return None
    headers = ("what", "how often", "done", "where")
    return element(
        "div",
        element("h3", "What was odd"),
        table(headers, rows[:OPEN_PROBLEMS], numeric=(1,), class_="problems"),
        details(f"{number(len(rows) - OPEN_PROBLEMS)} more kinds",
                table(headers, rows[OPEN_PROBLEMS:], numeric=(1,), class_="problems")),
    )  # fmt: skip


def _names(problem: Json) -> list[object]:
    names = [str(name) for name in problem.get("names") or ()]
    more = int(problem.get("count") or 0) - len(names)
    told: list[object] = [
        [value_of_data(shorten(name, 60)), ", " if index < len(names) - 1 else None]
        for index, name in enumerate(names)
    ]
    if more > 0 and names:
        told.append(f" and {number(more)} more")
    detail = problem.get("detail")
    words = f"{'The first: ' if len(names) > 1 else ''}{shorten(detail, 300)}"
    return [told, element("small", value_of_data(words)) if detail else None]
