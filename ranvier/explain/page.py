"""The page of an explanation: every picture beside its heat, one file that opens offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ranvier.core.version import VERSION
from ranvier.explain.heat import Bytes, factor_for, in_colour, overlay
from ranvier.report.blocks import facts, paragraph, value_of_data
from ranvier.report.markup import Markup, element
from ranvier.report.png import data_address
from ranvier.report.shell import asset, shell
from ranvier.report.words import number, percent

if TYPE_CHECKING:
    from ranvier.explain.explanation import Explanation, Told

LIMITS = (
    "A map shows what moves this network's answer, not what is true of the picture. If it lies on "
    "the ground and not on the thing, the network may have learnt the ground; look at more "
    "pictures and at another method before you believe it."
)
LEGEND_LENGTH, LEGEND_HEIGHT = 220, 12


def page_of(explanation: Explanation) -> str:
    """The explanation as HTML; the same explanation gives the same text."""
    attribution = explanation.attribution
    title = explanation.source or "pictures"
    body = element(
        "body",
        element(
            "header",
            element("div", element("span", "Ranvier", class_="brand"), " seeing why",
                    class_="over"),
            element("h1", element("bdi", title)),
        ),
        element(
            "main",
            element(
                "section",
                _facts(explanation),
                paragraph(element("b", "How to read it. "), attribution.method.reading),
                paragraph(LIMITS),
                _legend(is_signed=attribution.method.is_signed),
                element(
                    "ul",
                    [_seen(explanation, row, told) for row, told in enumerate(explanation.told())],
                    class_="seen",
                ),
                _rest(explanation),
            ),
        ),
        element("footer", f"Made by Ranvier {VERSION}. It is one file: it opens offline, and "
                "nothing in it leaves this machine."),
    )  # fmt: skip
    return shell(f"{title}: seeing why", body, styles=asset("page.css", package="ranvier.explain"))


def _facts(explanation: Explanation) -> Markup | None:
    attribution = explanation.attribution
    options = {
        name: value
        for name, value in vars(attribution.method).items()
        if value is not None and name != "layer"
    }
    spelled = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in options.items())
    return facts(
        [
            ("method", attribution.method.kind.replace("_", " ")),
            ("layer", attribution.layer),
            ("options", spelled or None),
            ("pictures", number(len(explanation))),
        ]
    )


def _legend(*, is_signed: bool) -> Markup:
    start = -1.0 if is_signed else 0.0
    heat = np.linspace(start, 1.0, LEGEND_LENGTH)[None, None, :]
    plain = np.full((1, 1, LEGEND_LENGTH, 1), 128, dtype=np.uint8)
    strip = overlay(plain, heat, percentile=100.0)[0].repeat(LEGEND_HEIGHT, axis=0)
    low, high = ("against the answer", "for the answer") if is_signed else ("nothing", "most")
    picture = element("img", src=data_address(strip), alt=f"colours from {low} to {high}")
    return element("div", low, picture, high, class_="legend")


def _seen(explanation: Explanation, row: int, told: Told) -> Markup:
    picture = in_colour(explanation.pictures[row])
    return element(
        "li",
        element(
            "div",
            _image(picture, told.name),
            _image(explanation.overlays[row], f"heat of {told.name}"),
            class_="two",
        ),
        element("div", element("bdi", told.name), class_="name"),
        element("p", _said(told), class_="said"),
        _shares(told),
    )


def _image(pixels: Bytes, says: str) -> Markup:
    height, width = pixels.shape[:2]
    factor = factor_for(height, width)
    return element(
        "img", src=data_address(pixels), alt=says, width=width * factor, height=height * factor,
        class_="pixels" if factor > 1 else None,
    )  # fmt: skip


def _said(told: Told) -> list[object]:
    if told.prediction is None:
        said: list[object] = ["output ", element("b", value_of_data(told.explained)), " "]
        return [*said, f"({number(told.output, digits=4)}) explained"]
    shown = number(told.prediction, digits=5) if told.probability is None else told.prediction
    said = ["says ", element("b", value_of_data(shown))]
    if told.probability is not None:
        said.append(f" ({percent(told.probability)} sure)")
    if told.explained is not None and told.explained != told.prediction:
        said += ["; explained is ", element("b", value_of_data(told.explained))]
    return said


def _shares(told: Told) -> Markup | None:
    if len(told.top) < 2:
        return None
    rows = []
    for name, share in told.top:
        bar = element("span", "", class_="bar", style=f"width:{max(1.0, 90 * share):.1f}px")
        rows += [element("span", value_of_data(name)), bar,
                 element("span", percent(share), class_="value")]  # fmt: skip
    return element("div", rows, class_="shares")


def _rest(explanation: Explanation) -> Markup | None:
    if not explanation.left_out:
        return None
    return paragraph(f"{number(explanation.left_out)} more pictures were left out.", class_="quiet")
