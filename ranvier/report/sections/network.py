"""The network: its drawing, and its layers with shapes, weights and equations."""

from __future__ import annotations

from typing import Any

from ranvier.report.blocks import details, figure, paragraph, prose, table
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.words import NOTHING, count, number
from ranvier.spec.layer import LAYERS


def network_section(data: ReportData) -> Markup | None:
    """The network as it is described, or as its parameters tell it."""
    if data.table is None and data.drawing is None and not data.start.get("parameters"):
        return None
    return element(
        "section",
        element("h2", "The network"),
        _sentence(data),
        _ensemble(data),
        _drawing(data),
        _layers(data.table) or _parameters(data.start),
        _meanings(data),
        details("The description, as JSON", element("pre", data.network_text))
        if data.network_text
        else None,
        id="network",
    )


def _sentence(data: ReportData) -> Markup | None:
    table_ = data.table or {}
    parameters = table_.get("parameters") or data.summary.get("parameters")
    flops = table_.get("flops")
    said: list[str] = []
    if parameters is not None:
        said.append(f"It has {count(parameters, 'trainable number')} (parameters)")
    if flops:
        said.append(f"{'and needs' if said else 'It needs'} {number(flops, digits=3)} "
                    + data.told("floating-point operations for one row"))  # fmt: skip
    return paragraph(" ".join(said), ".") if said else None


def _ensemble(data: ReportData) -> Markup | None:
    """What it means that one network is several, said where the reader first meets it."""
    members = data.members
    if members is None:
        return None
    answer = "answers" if data.task.kind == "regression" else "probabilities"
    return paragraph(
        f"It is an ensemble of {number(members)} networks in one. ", element("code", "Members"),
        data.told(f" hands each row to all {number(members)} members; in the equations, [k] ")
        + "stands for member k. Each learns to predict alone, and what the network predicts is "
        f"the mean of their {answer}: they are wrong in different places, so their mean is wrong "
        "less often.",
    )  # fmt: skip


def _drawing(data: ReportData) -> Markup | None:
    if data.drawing is None:
        return None
    return figure(
        "The network drawn", element("div", Markup(data.drawing), class_="drawing"),
        data.told("A row of data enters at the beginning and passes from layer to layer to the "
                  "prediction; the shape beside a layer is how many numbers leave it for each "
                  "row."),
        class_="wide",
    )  # fmt: skip


def _layers(described: Json | None) -> Markup | None:
    rows = [
        (
            _name(layer),
            _shape(layer["output_shape"]),
            number(layer["parameters"]),
            number(layer["flops"], digits=3),
            element("span", layer["equation"] or NOTHING, class_="equation"),
        )
        for layer in (described or {}).get("layers") or ()
    ]
    return table(
        ("layer", "gives", "parameters", "operations", "equation"), rows, numeric=(2, 3),
        class_="layers",
    )  # fmt: skip


def _meanings(data: ReportData) -> Markup | None:
    """What each kind of layer does, and how its equation is to be read."""
    kinds = dict.fromkeys(layer["kind"] for layer in (data.table or {}).get("layers") or ())
    rows = [
        (element("code", LAYERS[kind].__name__), prose(meaning))
        for kind in kinds
        if (meaning := LAYERS[kind].meaning())
    ]
    if not rows:
        return None
    return element(
        "div", element("h3", "What the layers do"), table(("layer", "does"), rows, class_="kinds"),
        paragraph(
            data.told("In the equations a⁽ˡ⁾ is what layer l gives, a⁽⁰⁾ the row of data; W are "
                      "its weights and b its bias; ⊙ multiplies number by number, and [x; y] is x "
                      "followed by y."),
            class_="quiet",
        ),
    )  # fmt: skip


def _name(layer: Json) -> Markup:
    times = f" × {number(layer['times'])}" if layer["times"] > 1 else ""
    indent = f"depth{min(layer['depth'], 4)}" if layer["depth"] else None
    return element("span", element("code", layer["path"]), times, class_=indent)


def _shape(shape: Any) -> str:
    if not isinstance(shape, list | tuple):
        return NOTHING if shape is None else str(shape)
    return " × ".join(number(size) for size in shape)


def _parameters(start: Json) -> Markup | None:
    names, shapes = start.get("parameters") or (), start.get("parameter_shapes") or ()
    rows = [
        (element("code", name), _shape(shape)) for name, shape in zip(names, shapes, strict=False)
    ]
    return table(("parameter", "shape"), rows)
