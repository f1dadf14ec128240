"""For each symptom the one plot that shows it: of what was recorded, with its place marked."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ranvier.core.finding import Finding
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup
from ranvier.report.plots import Guide, Series, bar_chart, line_chart, thin
from ranvier.report.sections.learning import by_epoch, by_step, spans_decades
from ranvier.report.words import is_number, number, percent

MOST_BARS = 8
MOST_LINES = 4
HEALTHY = (1e-4, 1e-2)

Plot = Callable[[ReportData, Finding], Markup | None]


@dataclass(frozen=True)
class Shown:
    """A plot, and in words what to see in it."""

    plot: Markup
    caption: str


def symptom_plot(data: ReportData, finding: Finding) -> Shown | None:
    """The plot that shows a finding; None where none would, or nothing was recorded for it."""
    found = PLOTS.get(finding.number)
    if found is None:
        return None
    draw, caption = found
    plot = draw(data, finding)
    return None if plot is None else Shown(plot, caption)


# Over steps.


def _marks(finding: Finding, last: float) -> list[Guide]:
    """The step that a finding is about."""
    step = finding.evidence.get("step", finding.evidence.get("from_step"))
    if not is_number(step) or step > last:
        return []
    return [Guide("x", float(step), f"step {number(step)}")]


def _stepwise(name: str, words: str, *, is_log: bool | None = None) -> Plot:
    def draw(data: ReportData, finding: Finding) -> Markup | None:
        steps, values = by_step(data.of_kind("window"), name)
        if len(steps) < 2:
            return None
        line = thin(steps, values)
        known = [value for value in values if value is not None]
        ends = f"From {number(known[0])} to {number(known[-1])}." if known else "No finite number."
        return line_chart(
            [line], title=f"{words} by step", description=ends, x_label="step", y_label=words,
            is_log=spans_decades([line]) if is_log is None else is_log,
            guides=_marks(finding, steps[-1]),
        )  # fmt: skip

    return draw


def _places(data: ReportData) -> list[tuple[int, str]]:
    """Index and path of the weights, which have at least two axes, in the network's order."""
    start = data.start
    names, shapes = start.get("parameters") or (), start.get("parameter_shapes") or ()
    pairs = enumerate(zip(names, shapes, strict=False))
    return [(place, str(name)) for place, (name, shape) in pairs if len(shape) > 1]


def _looks(
    data: ReportData, kind: str, read: Callable[[Json, int], float | None], place: int
) -> tuple[list[float], list[float | None]]:
    events = data.of_kind(kind)
    return [float(e["step"]) for e in events], [read(event, place) for event in events]


def _at(name: str) -> Callable[[Json, int], float | None]:
    def read(event: Json, place: int) -> float | None:
        row = event.get(name) or ()
        value = row[place] if place < len(row) else None
        return float(value) if is_number(value) else None

    return read


def _ratio(event: Json, place: int) -> float | None:
    update, norm = _at("update")(event, place), _at("norm")(event, place)
    return update / norm if update is not None and norm else None


def _lines(
    data: ReportData, kind: str, places: Sequence[tuple[int, str]],
    read: Callable[[Json, int], float | None],
) -> list[Series]:  # fmt: skip
    """A line a place: those that are highest at their last look."""
    found = [Series(name, *_looks(data, kind, read, place)) for place, name in places]
    known = [line for line in found if any(is_number(value) for value in line.y)]
    highest = sorted(known, key=lambda line: -next(v for v in reversed(line.y) if is_number(v)))
    kept = {line.name for line in highest[:MOST_LINES]}
    return [line for line in known if line.name in kept]


def _update_ratio(data: ReportData, finding: Finding) -> Markup | None:
    lines = _lines(data, "weights", _places(data), _ratio)
    if not lines or len(lines[0].x) < 2:
        return None
    ends = [lines[0].x[0], lines[0].x[-1]]
    low, high = HEALTHY
    band = Series("healthy", ends, [None, None], [low, low], [high, high])
    return line_chart(
        [*lines, band], title="Size of updates", x_label="step", y_label="‖Δw‖ ÷ ‖w‖", is_log=True,
        description=f"Healthy is from {low} to {high}.", guides=_marks(finding, ends[-1]),
    )  # fmt: skip


def _weight_norms(data: ReportData, finding: Finding) -> Markup | None:
    lines = _lines(data, "weights", _places(data), _at("norm"))
    return line_chart(
        lines, title="Size of weights", description="Norm of each weight.", x_label="step",
        y_label="‖w‖", is_log=bool(lines) and spans_decades(lines),
        guides=_marks(finding, lines[0].x[-1]) if lines else (),
    )  # fmt: skip


def _share_by_layer(name: str, words: str) -> Plot:
    def draw(data: ReportData, finding: Finding) -> Markup | None:
        layers = [(place, str(path)) for place, path in enumerate(data.start.get("layers") or ())]
        lines = _lines(data, "activations", layers, _at(name))
        percents = [
            Series(line.name, line.x, [None if v is None else 100 * v for v in line.y])
            for line in lines
        ]
        return line_chart(
            percents, title=f"{words} by layer", description="Share of each layer.",
            x_label="step", y_label=f"% {words}", y_range=(0.0, 104.0),
        )  # fmt: skip

    return draw


# Over layers.


def _gradient_by_layer(data: ReportData, finding: Finding) -> Markup | None:
    places = _places(data)
    middle: list[float | None] = []
    for place, _ in places:
        _, values = _looks(data, "weights", _at("gradient_mean"), place)
        known = [value for value in values if value is not None]
        middle.append(statistics.median(known) if known else None)
    if len(places) < 2:
        return None
    return line_chart(
        [Series("", [float(k + 1) for k in range(len(places))], middle)],
        title="Gradient by layer", description="Median of the mean gradient of each weight.",
        x_label="layer of weights, first to last", y_label="mean |gradient|", is_log=True,
    )  # fmt: skip


def _facts(data: ReportData, part: str) -> Json:
    """A part of what was measured before the first update."""
    records = data.of_kind("preflight")
    found = records[0].get(part) if records else None
    return found if isinstance(found, Mapping) else {}


def _start_by_layer(data: ReportData, finding: Finding) -> Markup | None:
    records = data.of_kind("preflight")
    layers = [layer for layer in (records[0].get("layers") or () if records else ())
              if is_number(layer.get("std"))]  # fmt: skip
    if len(layers) < 2:
        return None
    return line_chart(
        [Series("", [float(k + 1) for k in range(len(layers))], [x["std"] for x in layers])],
        title="Signal by layer", description="Standard deviation of each layer's output.",
        x_label="layer, first to last", y_label="standard deviation", is_log=True,
        guides=[Guide("y", 1.0, "1")],
    )  # fmt: skip


# Over epochs.


def _epochwise(name: str, words: str) -> Plot:
    def draw(data: ReportData, finding: Finding) -> Markup | None:
        parts = ("probe", "train") if _has(data, "probe", name) else ("train",)
        lines = [by_epoch(data, part, name) for part in (parts[0], "validation")]
        series = [line for line in lines if line is not None]
        if not series or len(series[0].x) < 2:
            return None
        best = finding.evidence.get("best_epoch")
        guides = [Guide("x", float(best), f"best: {number(best)}")] if is_number(best) else []
        return line_chart(
            series, title=f"{words} by epoch", x_label="epoch", y_label=words, guides=guides,
            description=" and ".join(line.name for line in series), is_log=spans_decades(series)
            and name == "loss",
        )  # fmt: skip

    return draw


def _has(data: ReportData, part: str, name: str) -> bool:
    return any(is_number((epoch.get(part) or {}).get(name)) for epoch in data.epochs)


def _same_rows(data: ReportData, finding: Finding) -> Markup | None:
    lines = [by_epoch(data, "train", "loss"), by_epoch(data, "probe", "loss")]
    names = ("in training", "in evaluation mode")
    series = [
        Series(name, line.x, line.y)
        for name, line in zip(names, lines, strict=True)
        if line is not None
    ]
    if len(series) < 2:
        return None
    return line_chart(
        series, title="The training rows in both modes", x_label="epoch", y_label="loss",
        description="Loss of the same rows in training and in evaluation mode.",
    )  # fmt: skip


# Amounts.


def _classes(data: ReportData, finding: Finding) -> Markup | None:
    targets = _facts(data, "targets")
    counts = targets.get("counts") or ()
    names = targets.get("classes") or data.task.classes or range(len(counts))
    amounts = sorted(
        ((str(name), float(count)) for name, count in zip(names, counts, strict=False)),
        key=lambda pair: -pair[1],
    )
    total = sum(counts) or 1
    if len(amounts) > MOST_BARS:
        amounts = [*amounts[: MOST_BARS // 2], *amounts[-MOST_BARS // 2 :]]
    return bar_chart(
        amounts, title="Rows of each class", description="The commonest and the rarest classes.",
        notes=[f"{number(int(count))} ({percent(count / total)})" for _, count in amounts],
    )  # fmt: skip


def _scales(data: ReportData, finding: Finding) -> Markup | None:
    inputs = _facts(data, "inputs")
    spreads = [value for value in inputs.get("std") or () if is_number(value)]
    names = [*map(str, inputs.get("names") or ())]
    if len(names) != len(spreads):
        names = [f"feature {k}" for k in range(len(spreads))]
    amounts = sorted(zip(names, spreads, strict=True), key=lambda pair: -pair[1])
    if len(amounts) > MOST_BARS:
        amounts = [*amounts[: MOST_BARS // 2], *amounts[-MOST_BARS // 2 :]]
    return bar_chart(
        amounts, title="Spread of the features",
        description="Standard deviations, the widest and the narrowest features.",
    )  # fmt: skip


def _two(first: tuple[str, str], second: tuple[str, str], title: str) -> Plot:
    """Two numbers of the evidence, one beside the other: (name, words) of each."""

    def draw(data: ReportData, finding: Finding) -> Markup | None:
        found = [(words, finding.evidence.get(name)) for name, words in (first, second)]
        amounts = [(words, float(value)) for words, value in found if is_number(value)]
        return bar_chart(amounts, title=title, description=title, colours=["c1", "c0"]) if (
            len(amounts) == 2
        ) else None  # fmt: skip

    return draw


_loss, _norm = _stepwise("loss", "loss"), _stepwise("gradient_norm", "gradient norm", is_log=True)
_rate = _stepwise("learning_rate", "learning rate")
_losses, _accuracy = _epochwise("loss", "loss"), _epochwise("accuracy", "accuracy")
_GAP = "Both lines should fall together; where validation turns up, rows are learnt by heart."
_FLAT = "The loss of each update; it should fall, at first fast and then ever slower."
_BAND = "How far an update moves each weight, as a share of the weight: the shaded band is healthy."
_SIZE = "The length of the gradient at each update: steady within a few powers of ten is healthy."

PLOTS: Mapping[int, tuple[Plot, str]] = {
    1: (_loss, "The loss of each update: where the line ends, it is no number any more."),
    2: (_norm, _SIZE),
    3: (_gradient_by_layer, "Each layer's typical gradient: healthy ones stay within a few powers "
        "of ten from last to first."),
    4: (_share_by_layer("dead", "dead units"), "The share of each layer's units that answer to no "
        "row."),
    5: (_share_by_layer("saturated", "saturated values"), "The share of each layer's answers at "
        "an end of its range."),
    6: (_update_ratio, _BAND),
    7: (_update_ratio, _BAND),
    8: (_rate, "The learning rate at each update: it should last as long as there is something to "
        "learn."),
    9: (_losses, "The loss of each epoch: it should fall steadily, not swing."),
    10: (_loss, _FLAT),
    11: (_weight_norms, "The length of each weight: growing without end is a bad sign."),
    12: (_loss, _FLAT),
    13: (_accuracy, "The share of right answers by epoch: it should rise above that of the "
         "commonest class."),
    14: (_loss, _FLAT),
    15: (_update_ratio, _BAND),
    16: (_norm, _SIZE),
    17: (_loss, _FLAT),
    18: (_norm, _SIZE),
    19: (_norm, _SIZE),
    21: (_update_ratio, _BAND),
    22: (_loss, _FLAT),
    23: (_start_by_layer, "How strong the signal was after each layer before training: about 1 all "
         "along is healthy."),
    24: (_scales, "The spread of each feature: about 1 for all is what a network is made for."),
    25: (_scales, "The spread of each feature: about 1 for all is what a network is made for."),
    27: (_loss, _FLAT),
    29: (_start_by_layer, "How strong the signal was after each layer before training: about 1 all "
         "along is healthy."),
    30: (_two(("first_loss", "first loss"), ("usual", "usual"), "The first loss"),
         "The loss before the first update, beside that of knowing nothing."),
    31: (_accuracy, "Training rises by learning rows by heart; validation stays where luck is."),
    33: (_classes, "How many rows each class has."),
    36: (_accuracy, "Training and validation should go together, with validation a little below."),
    37: (_loss, "A shape that comes again every epoch is the order of the rows."),
    40: (_losses, _GAP),
    41: (_losses, _GAP),
    42: (_losses, "Both lines stay high: even the training rows are not learnt."),
    43: (_loss, "A line that still falls at its end was cut off."),
    44: (_weight_norms, "The length of each weight: one that falls to 0 is pulled too "
         "strongly."),
    45: (_losses, _GAP),
    46: (_same_rows, "The same rows in both modes: the two should be close."),
    47: (_loss, _FLAT),
    48: (_loss, _FLAT),
    49: (_norm, _SIZE),
    50: (_losses, _GAP),
    51: (_loss, _FLAT),
}  # fmt: skip
