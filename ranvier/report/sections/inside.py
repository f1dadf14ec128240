"""What went on inside: gradients, updates, activations and weights while it learnt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ranvier.report.blocks import details, figure, figures, paragraph
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.plots import (
    Guide,
    Series,
    line_chart,
    quantile_bands,
    ridgeline,
    thin,
    time_map,
)
from ranvier.report.sections.learning import by_step
from ranvier.report.words import is_number, number

MOST_LINES = 7
MOST_ROWS = 20
MOST_TIMES = 32
MOST_SMALL = 9
SHOWN_OPEN = 6


def inside_section(data: ReportData) -> Markup | None:
    """Diagnostics over time, or None where none were recorded."""
    pictures = figures(
        _gradient_norm(data), _gradients(data), _updates(data), _shares(data, "dead"),
        _shares(data, "saturated"), _activation_size(data),
    )  # fmt: skip
    shapes = [
        part
        for part in (_weights(data), _activations(data), _gradient_distributions(data))
        if part is not None
    ]
    if pictures is None and not shapes:
        return None
    return element(
        "section",
        element("h2", "Inside the network"),
        paragraph("What training looked like from within: useful when the answer above is not "
                  "what was hoped for, and reassuring when it is."),
        pictures, *shapes, id="inside",
    )  # fmt: skip


def _names(data: ReportData) -> list[str]:
    return [str(name) for name in data.start.get("parameters") or ()]


def _gradient_norm(data: ReportData) -> Markup | None:
    steps, values = by_step(data.of_kind("window"), "gradient_norm")
    if not steps:
        return None
    known = [value for value in values if value is not None]
    plot = line_chart(
        [thin(steps, values)], title="Gradient norm by step", x_label="step", is_log=True,
        y_label="gradient norm",
        description=f"From {number(min(known))} to {number(max(known))}." if known else "None.",
    )  # fmt: skip
    return figure(
        "Gradient norm", plot,
        "How steep the loss is under the network at each step. It should stay within a few powers "
        "of ten: growing without end means that training is falling apart, vanishing means that "
        "it has stopped learning.",
    )  # fmt: skip


def _evenly(events: Sequence[Json], most: int = MOST_TIMES) -> Sequence[Json]:
    """At most `most` events, evenly spread, first and last among them."""
    if len(events) <= most:
        return events
    return [events[round(index * (len(events) - 1) / (most - 1))] for index in range(most)]


def _matrix(rows: Iterable[Sequence[Any]], width: int) -> list[list[float | None]]:
    """Columns of the given rows as series, padded where an event is short."""
    rows = list(rows)
    return [
        [float(row[i]) if i < len(row) and is_number(row[i]) else None for row in rows]
        for i in range(width)
    ]


def _said_first(names: Sequence[str]) -> list[int]:
    """Which of many parameters are drawn: weights before biases, in the network's order."""
    order = sorted(range(len(names)), key=lambda index: (names[index].endswith("bias"), index))
    return sorted(order[:MOST_ROWS])


def _left_out(names: Sequence[str]) -> str:
    more = len(names) - MOST_ROWS
    return f" {number(more)} more are in the run's events." if more > 0 else ""


def _gradients(data: ReportData) -> Markup | None:
    names = _names(data)
    windows = [w for w in data.of_kind("window") if w.get("parameter_gradient_norm")]
    windows = list(_evenly(windows))
    if not names or not windows:
        return None
    series = _matrix((w["parameter_gradient_norm"].get("mean") or () for w in windows), len(names))
    chosen = _said_first(names)
    plot = time_map(
        [names[i] for i in chosen], [float(w["step"]) for w in windows],
        [series[i] for i in chosen], title="Gradient norm of each parameter over time",
        description=f"{number(len(names))} parameters over {number(len(windows))} moments.",
        x_label="step", value_label="gradient norm",
    )  # fmt: skip
    return figure(
        "Gradients, parameter by parameter", plot,
        "A row is a parameter, from the first layer to the last; time runs to the right; darker is "
        "a larger gradient. A row that is pale all along hardly learns." + _left_out(names),
    )  # fmt: skip


def _updates(data: ReportData) -> Markup | None:
    names = _names(data)
    events = [event for event in data.of_kind("weights") if event.get("update")]
    events = list(_evenly(events))
    if not names or not events:
        return None
    ratios = _matrix((_ratios(event) for event in events), len(names))
    steps = [float(event["step"]) for event in events]
    title, description = "Update ratio", "Size of one step's change beside the size of the weights."
    if len(names) <= MOST_LINES:
        series = [Series(name, steps, line) for name, line in zip(names, ratios, strict=True)]
        plot = line_chart(
            series, title=title, description=description, x_label="step", is_log=True,
            y_label="update ÷ weights", guides=[Guide("y", 1e-3, "0.001")],
        )  # fmt: skip
    else:
        chosen = _said_first(names)
        plot = time_map(
            [names[i] for i in chosen], steps, [ratios[i] for i in chosen], title=title,
            description=description, x_label="step", value_label="update ÷ weights",
        )  # fmt: skip
    return figure(
        "Update ratio", plot,
        "How large one step's change of a parameter is beside the parameter itself. Around 0.001 "
        "is healthy; far above 0.01 the learning rate is high, far below 0.0001 it is low."
        + _left_out(names),
    )  # fmt: skip


def _ratios(event: Json) -> list[float | None]:
    pairs = zip(event.get("update") or (), event.get("norm") or (), strict=False)
    return [
        update / norm if is_number(update) and is_number(norm) and norm > 0 else None
        for update, norm in pairs
    ]


def _layers(data: ReportData) -> list[str]:
    return [str(layer) for layer in data.start.get("layers") or ()]


def _by_layer(data: ReportData, name: str) -> tuple[list[float], list[Series]]:
    events = [event for event in data.of_kind("activations") if event.get(name)]
    events = list(_evenly(events, 120))
    steps = [float(event["step"]) for event in events]
    layers = _layers(data)
    series = [
        Series(layer, steps, values)
        for layer, values in zip(
            layers, _matrix((event[name] for event in events), len(layers)), strict=True
        )
        if any(value is not None for value in values)
    ]
    return steps, series


SHARES = {
    "dead": (
        "Dead units",
        (
            "The share of a layer's units that never answer to any row. A few do no harm; a layer "
            "near 100\N{NO-BREAK SPACE}% is lost, often to a learning rate that was too high."
        ),
    ),
    "saturated": (
        "Saturated units",
        (
            "The share of answers at the very end of what a bounded activation can say (beyond "
            "0.95). There it is flat, so hardly any gradient passes: low is good."
        ),
    ),
}


def _shares(data: ReportData, name: str) -> Markup | None:
    title, how_to_read = SHARES[name]
    _, series = _by_layer(data, name)
    if not series:
        return None
    peak = max(value for line in series for value in line.y if value is not None)
    if peak == 0:
        return None
    worst = sorted(series, key=lambda s: -max(v for v in s.y if v is not None))[:MOST_LINES]
    shown = [line for line in series if line in worst]
    percents = [Series(s.name, s.x, [None if v is None else 100 * v for v in s.y]) for s in shown]
    plot = line_chart(
        percents, title=f"{title} by layer", x_label="step", y_label="% of the layer",
        description=f"At most {number(100 * peak, digits=3)} % in a layer.",
        y_range=(0.0, min(max(100 * peak * 1.15, 5.0), 100.0)),
    )  # fmt: skip
    more = len(series) - len(shown)
    note = f" {number(more)} layers with less are not drawn." if more > 0 else ""
    return figure(title, plot, data.told(how_to_read) + note)


def _activation_size(data: ReportData) -> Markup | None:
    events = [event for event in data.of_kind("activations") if event.get("mean_abs")]
    steps, series = _by_layer(data, "mean_abs")
    if not series or not events:
        return None
    title, description = "Size of activations", "Mean absolute activation of each layer over time."
    if len(series) <= MOST_LINES:
        plot = line_chart(
            series, title=title, description=description, x_label="step", is_log=True,
            y_label="mean |activation|",
        )  # fmt: skip
    else:
        columns = range(0, len(steps), -(-len(steps) // MOST_TIMES))
        chosen = series[:MOST_ROWS]
        plot = time_map(
            [line.name for line in chosen], [steps[i] for i in columns],
            [[line.y[i] for i in columns] for line in chosen], title=title,
            description=description, x_label="step", value_label="mean |activation|",
        )  # fmt: skip
    return figure(
        title, plot,
        "How strong the signal is after each layer. It should neither fade nor swell from layer to "
        "layer, nor drift far as training goes on.",
    )  # fmt: skip


def _histograms(
    data: ReportData, name: str
) -> dict[str, tuple[list[float], list[Sequence[float]]]]:
    """For each parameter or layer: the epochs it was looked at, and its histogram at each."""
    found: dict[str, tuple[list[float], list[Sequence[float]]]] = {}
    for event in _evenly(data.of_kind("distributions")):
        at = event.get("epoch", event.get("step", 0))
        for key, counts in (event.get(name) or {}).items():
            if counts and all(map(is_number, counts)):
                times, histograms = found.setdefault(str(key), ([], []))
                times.append(float(at))
                histograms.append(counts)
    return found


def _weights(data: ReportData) -> Markup | None:
    found = _histograms(data, "weights")
    names = [name for name in found if not name.endswith("bias")] or list(found)
    plots = [
        _small(name, ridgeline(
            *found[name], title=f"Weights of {name} over time", time_label="epoch",
            description="Histogram of the size of the weights at several epochs.",
            x_label="size of a weight, |w|",
        ))
        for name in names[:MOST_SMALL]
    ]  # fmt: skip
    return _gallery(
        "Weights over time", plots, len(names),
        "Each hill is one epoch, the latest in front: how many weights are how large, each mark "
        "twice the one before. Hills should move a little and keep their shape; one that runs to "
        "the left is dying away, one that runs to the right is growing without bound.",
    )  # fmt: skip


def _activations(data: ReportData) -> Markup | None:
    return _bands(
        data, "activations", "Activations over time", "|activation|",
        "The line is the median size of a layer's answers, the dark band holds the middle half of "
        "them, the pale one nine tenths; each mark is a power of two. Answers that are exactly 0, "
        "as ReLU gives, are counted apart. Bands should settle.",
    )  # fmt: skip


def _gradient_distributions(data: ReportData) -> Markup | None:
    return _bands(
        data, "gradients", "Gradients over time", "|gradient|",
        "The same for the gradients of each parameter. Towards the end they shrink, as there is "
        "less to learn; one that sinks early has stopped learning.",
    )  # fmt: skip


def _bands(
    data: ReportData, kind: str, title: str, y_label: str, how_to_read: str
) -> Markup | None:
    found = _histograms(data, kind)
    names = [name for name in found if not name.endswith("bias")] or list(found)
    plots = [
        _small(name, quantile_bands(
            *found[name], title=f"{title}: {name}", x_label="epoch", y_label=y_label,
            description="Median, middle half and middle nine tenths by epoch.",
        ))
        for name in names[:MOST_SMALL]
    ]  # fmt: skip
    return _gallery(title, plots, len(names), how_to_read)


def _small(name: str, plot: Markup | None) -> Markup | None:
    if plot is None:
        return None
    return element("figure", element("h4", element("code", name)), plot, class_="figure small")


def _gallery(
    title: str, plots: Sequence[Markup | None], total: int, how_to_read: str
) -> Markup | None:
    kept = [plot for plot in plots if plot is not None]
    if not kept:
        return None
    more = total - MOST_SMALL
    note = f" {number(more)} more are in the run's events." if more > 0 else ""
    rest = kept[SHOWN_OPEN:]
    shown = kept[: len(kept) - len(rest)]
    return element(
        "div",
        element("h3", title),
        paragraph(element("b", "How to read it. "), how_to_read + note, class_="caption"),
        figures(*shown, class_="figures gallery"),
        details(f"{len(rest)} more", figures(*rest, class_="figures gallery")) if rest else None,
    )
