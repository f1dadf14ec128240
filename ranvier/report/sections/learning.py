"""How it learnt: loss and metrics by epoch, loss by step, learning rate, speed."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.report.blocks import figure, figures, paragraph
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.plots import Guide, Series, line_chart, thin
from ranvier.report.words import is_number, metric_words, number

MOST_EPOCHS = 400


def learning_section(data: ReportData) -> Markup | None:
    """Curves over epochs, and over steps where there are few epochs."""
    if not data.epochs and not data.of_kind("window"):
        return None
    return element(
        "section",
        element("h2", "How it learnt"),
        _sentence(data),
        figures(_loss(data), _metric(data), _loss_by_step(data), _learning_rate(data),
                _speed(data)),
        id="learning",
    )  # fmt: skip


def _sentence(data: ReportData) -> Markup | None:
    if not data.epochs:
        return paragraph("No epoch is complete yet; this is what its steps show so far.")
    epochs = data.epochs
    best = data.best_epoch
    kept = (
        f" The weights of epoch {number(best)} were kept{_why(data)}." if best is not None else ""
    )
    if not any((epoch.get("validation") or {}) for epoch in epochs):
        kept += " There was no validation part to hold the curves against."
    return paragraph(data.told(f"One epoch is one pass over the training rows; this run made "
                               f"{number(epochs[-1].get('epoch'))}.{kept}"))  # fmt: skip


def _why(data: ReportData) -> str:
    metric = (data.run.get("settings") or {}).get("metric")
    if not metric or not any(epoch.get("validation") for epoch in data.epochs):
        return ""
    if metric == "last":
        return ", which was the last"
    words = metric_words(str(metric))
    most = "highest" if words.is_higher_better else "lowest"
    return f", which had the {most} {words.name} on the validation rows"


def by_epoch(data: ReportData, part: str, name: str) -> Series | None:
    """A score of "train", "validation" or "probe" rows by epoch, or None if it was not recorded."""
    epochs = data.epochs[:: -(-len(data.epochs) // MOST_EPOCHS)] if data.epochs else ()
    values = [_finite((epoch.get(part) or {}).get(name)) for epoch in epochs]
    if not any(value is not None for value in values):
        return None
    shown = {"validation": "validation"}.get(part, "training")
    return Series(shown, [float(epoch["epoch"]) for epoch in epochs], values)


def _finite(value: object) -> float | None:
    return float(value) if is_number(value) else None


def _best(data: ReportData) -> list[Guide]:
    if data.best_epoch is None or len(data.epochs) < 2:
        return []
    return [Guide("x", float(data.best_epoch), f"kept: {number(data.best_epoch)}")]


def _loss(data: ReportData) -> Markup | None:
    lines = [by_epoch(data, "train", "loss"), by_epoch(data, "validation", "loss")]
    series = [line for line in lines if line is not None]
    if not series:
        return None
    plot = line_chart(
        series, title="Loss by epoch", description=_story(series, "loss"), x_label="epoch",
        y_label="loss", is_log=spans_decades(series), guides=_best(data),
    )  # fmt: skip
    return figure(
        "Loss", plot,
        data.told("Lower is better. Both lines should fall; where validation turns upwards while "
                  "training still falls, the network begins to learn its own rows by heart."),
    )  # fmt: skip


def spans_decades(series: Sequence[Series]) -> bool:
    """Whether only logarithms show all of the lines."""
    known = [y for line in series for y in line.y if y is not None]
    return bool(known) and min(known) > 0 and max(known) / min(known) > 30


def _story(series: Sequence[Series], name: str) -> str:
    told = []
    for line in series:
        known = [value for value in line.y if value is not None]
        told.append(f"{line.name} {name} from {number(known[0])} to {number(known[-1])}")
    return "; ".join(told) + "."


def _metric(data: ReportData) -> Markup | None:
    names = [name for epoch in data.epochs for name in (epoch.get("validation") or {})]
    known = list(dict.fromkeys(name for name in names if name != "loss"))
    primary = data.primary_metric
    metric = primary if primary in known else next(iter(known), None)
    if metric is None:
        return None
    lines = [by_epoch(data, "train", metric), by_epoch(data, "validation", metric)]
    series = [line for line in lines if line is not None]
    words = metric_words(metric)
    plot = line_chart(
        series, title=f"{words.name} by epoch", description=_story(series, words.name),
        x_label="epoch", y_label=words.name, guides=_best(data),
    )  # fmt: skip
    better = "Higher is better" if words.is_higher_better else "Lower is better"
    return figure(
        data.told(f"{words.name[:1].upper()}{words.name[1:]} on validation rows")
        if len(series) == 1
        else f"{words.name[:1].upper()}{words.name[1:]}",
        plot,
        f"{better}. The dashed line marks the epoch whose weights were kept; it need not be the "
        "peak here if another measure picked it. A flat end says that more epochs would change "
        "little.",
    )  # fmt: skip


def by_step(windows: Sequence[Json], name: str) -> tuple[list[float], list[float | None]]:
    """A per-step series of the windows, with the number of each step."""
    steps: list[float] = []
    values: list[float | None] = []
    for window in windows:
        found = window.get(name) or ()
        first = int(window.get("step", 0)) - len(found) + 1
        steps += [float(first + index) for index in range(len(found))]
        values += [_finite(value) for value in found]
    return steps, values


def _loss_by_step(data: ReportData) -> Markup | None:
    steps, values = by_step(data.of_kind("window"), "loss")
    if len(steps) < 2:
        return None
    line = thin(steps, values)
    plot = line_chart(
        [line], title="Training loss by step", description=_story_of_steps(values, "loss"),
        x_label="step", y_label="loss of the batch", is_log=spans_decades([line]),
    )  # fmt: skip
    return figure(
        "Loss, step by step", plot,
        data.told("One step is one update from one batch of rows, so this is rougher than the "
                  "curve by epoch. Sudden jumps mean a learning rate that is too high, or a few "
                  "odd rows. A shaded band, where there is one, spans the least and the largest "
                  "nearby."),
    )  # fmt: skip


def _story_of_steps(values: Sequence[float | None], name: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return f"No finite {name} was recorded."
    return (
        f"{name} over {number(len(values))} steps, from {number(known[0])} to {number(known[-1])}."
    )


def _learning_rate(data: ReportData) -> Markup | None:
    steps, values = by_step(data.of_kind("window"), "learning_rate")
    x_label = "step"
    if not steps:
        steps = [float(epoch["epoch"]) for epoch in data.epochs]
        values = [_finite(epoch.get("learning_rate")) for epoch in data.epochs]
        x_label = "epoch"
    line = thin(steps, values)
    plot = line_chart(
        [Series("", line.x, line.y)], title="Learning rate",
        description=_story_of_steps(values, "learning rate"), x_label=x_label,
        y_label="learning rate",
    )  # fmt: skip
    return figure(
        "Learning rate", plot,
        "How far each step goes. Schedules rise at first, so that the first steps do no harm, and "
        "fall towards the end, so that the network settles.",
    )  # fmt: skip


def _speed(data: ReportData) -> Markup | None:
    timings = [event for event in data.of_kind("timing") if is_number(event.get("rows_per_second"))]
    if len(timings) < 2:
        return None
    plot = line_chart(
        [Series("", [float(t["epoch"]) for t in timings], [t["rows_per_second"] for t in timings])],
        title=data.told("Rows a second"), description="Training speed by epoch.", x_label="epoch",
        y_label=data.told("rows a second"),
        y_range=(0.0, 1.1 * max(t["rows_per_second"] for t in timings)),
    )  # fmt: skip
    return figure(
        "Speed", plot,
        data.told("Rows trained on each second. A dip is the machine doing something else, not the "
                  "network."),
    )  # fmt: skip
