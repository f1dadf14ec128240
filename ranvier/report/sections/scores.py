"""How good it is: metrics by split beside the trivial answer, and the pictures behind them."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.report.blocks import details, figure, figures, paragraph, table, value_of_data
from ranvier.report.gather import Json, ReportData
from ranvier.report.lights import part_of
from ranvier.report.markup import Markup, element
from ranvier.report.plots import (
    binned,
    calibration_diagram,
    confusion_map,
    histogram,
    roc_chart,
    truth_scatter,
)
from ranvier.report.sections.classes import class_table
from ranvier.report.words import (
    headlines,
    is_number,
    metric_words,
    number,
    percent,
    score,
    shorten,
)

MOST_DRAWN = 30
MOST_SMALL = 12  # classes of a matrix that is readable in a column


def scores_section(data: ReportData) -> Markup | None:
    """Metrics, and by the task a confusion matrix or residuals."""
    if data.judged_on is None:
        return None
    event = data.evaluations.get(data.judged_on, {})
    return element(
        "section",
        element("h2", "How good it is"),
        _metrics(data),
        *_classification(data, event),
        *_regression(data, event),
        id="scores",
    )


def _metrics(data: ReportData) -> Markup | None:
    splits = [split for split in ("train", "validation", "test") if data.metrics(split)]
    names = list(dict.fromkeys(name for split in reversed(splits) for name in data.metrics(split)))
    judged = data.judged_on or ""
    primary = data.primary_metric
    first, rest = headlines(names, primary=primary)
    headers = ("metric", *splits, f"baseline, {judged}")
    shown, folded = (
        table(
            headers, _metric_rows(data, part, splits), numeric=range(1, len(headers)),
            marked=[index for index, name in enumerate(part) if name == primary],
            class_="metrics",
        )
        for part in (first, rest)
    )  # fmt: skip
    note = (
        "The baseline answers every row with the training rows' class frequencies."
        if data.task.classes
        else "The baseline answers every row with the mean of the training rows."
    )
    return element(
        "div", shown, details(f"{number(len(rest))} more metrics", folded),
        paragraph(data.told(" ".join(filter(None, [_splits_explained(splits), note]))),
                  class_="quiet"),
    )  # fmt: skip


def _splits_explained(splits: Sequence[str]) -> str | None:
    """What each part of the rows was for, so that nobody takes one for another."""
    if "test" not in splits:
        return None
    chosen = " validation rows picked the epoch that was kept;" if "validation" in splits else ""
    return (
        f"The weights were fitted to the training rows;{chosen} test rows took no part in either, "
        "so theirs is the number to expect on new rows."
    )


def _metric_rows(
    data: ReportData, names: Sequence[str], splits: Sequence[str]
) -> list[Sequence[object]]:
    trivial = data.baseline(data.judged_on or "")
    rows: list[Sequence[object]] = []
    for name in names:
        words = metric_words(name)
        arrow = "higher is better" if words.is_higher_better else "lower is better"
        meaning = data.told(f"{words.meaning}; {arrow}" if words.meaning else arrow)
        label = element(
            "span", element("b", words.name), element("small", meaning), class_="metric"
        )
        values = [score(data.metrics(split).get(name), name) for split in splits]
        rows.append((label, *values, score(trivial.get(name), name)))
    return rows


def _classification(data: ReportData, event: Json) -> list[Markup | None]:
    confusion = event.get("confusion") or {}
    labels = [str(label) for label in confusion.get("labels") or ()]
    counts = confusion.get("counts") or ()
    roc = event.get("roc") or {}
    bins = (event.get("calibration") or {}).get("bins") or ()
    square = bool(labels) and len(labels) == len(counts)
    matrix = _confusion(data, labels, counts) if square else None
    pictures = [_calibration(data, bins), _roc(data, roc)]
    is_small = len(labels) <= MOST_SMALL
    return [
        figures(matrix if is_small else None, *pictures),
        None if is_small else matrix,
        figures(
            class_table(data, labels, counts if square else (), tallies=event.get("labels") or ()),
            _confusions(data, labels, counts) if square else None,
            class_="beside",
        ),
    ]


def _confusion(
    data: ReportData, labels: Sequence[str], counts: Sequence[Sequence[float]]
) -> Markup | None:
    left_out = 0
    if len(labels) > MOST_DRAWN:
        errors = [
            sum(row) + sum(other[index] for other in counts) - 2 * row[index]
            for index, row in enumerate(counts)
        ]
        worst = sorted(sorted(range(len(labels)), key=lambda i: -errors[i])[:MOST_DRAWN])
        left_out = len(labels) - MOST_DRAWN
        labels, counts = [labels[i] for i in worst], [[counts[i][j] for j in worst] for i in worst]
    right = sum(row[index] for index, row in enumerate(counts))
    total = sum(map(sum, counts))
    plot = confusion_map(
        labels, counts, title=f"Confusion matrix on {part_of(data)}", noun=data.told("row"),
        description=data.told(
            f"{number(right)} of {number(total)} rows lie on the diagonal, which is right."
        ),
    )  # fmt: skip
    is_wide = len(labels) > MOST_SMALL
    drawn = element("div", plot, class_="scroller", tabindex=0) if is_wide else plot
    more = (
        f" The {MOST_DRAWN} classes with the most errors are drawn; {number(left_out)} are not."
        if left_out else ""
    )  # fmt: skip
    hint = " On a narrow screen, scroll sideways to see all of it." if is_wide else ""
    return figure(
        "Confusion of classes", drawn,
        data.told("Down the side the true classes, across the top what the network called them; "
                  "the number counts rows, and the shade is their share of the true class. Right "
                  "answers lie on the diagonal (blue), mistakes beside it (orange).")
        + more + hint, class_="wide" if is_wide else "",
    )  # fmt: skip


def _calibration(data: ReportData, bins: Sequence[Json]) -> Markup | None:
    """With two classes the second one's probability is held against its share, as in the events."""
    positive = str(data.task.classes[1]) if _has_a_second_class(data) else None
    plot = calibration_diagram(
        bins, "the class" if data.task.is_multilabel else positive, title="Calibration",
        noun=data.told("row"),
        description="What came true against the probability stated, in bins.",
    )  # fmt: skip
    how_to_read = _how_to_read_calibration(data, positive)
    larger = data.told(" A larger circle stands for more rows.")
    return figure("Calibration", plot, [*how_to_read, larger])


def _how_to_read_calibration(data: ReportData, positive: str | None) -> list[object]:
    line = "points on the dashed line. Below it the network "
    if data.task.is_multilabel:
        words = (
            f"Of the answers with a probability of {percent(0.3)}, {percent(0.3)} should be so: "
            f"{line}says yes too readily, above it too rarely. All classes of all rows are in it."
        )
        return [data.told(words)]
    if positive is None:
        words = (
            f"Of the rows that the network is {percent(0.8)} sure of, {percent(0.8)} should be "
            f"right: {line}is too sure of itself, above it too modest."
        )
        return [data.told(words)]
    return [
        data.told(f"Of the rows given a probability of {percent(0.3)} for "),
        value_of_data(positive),
        f", {percent(0.3)} should be so: {line}says ", value_of_data(positive),
        " too readily, above it too rarely.",
    ]  # fmt: skip


def _has_a_second_class(data: ReportData) -> bool:
    return data.task.is_classification and len(data.task.classes) == 2


def _roc(data: ReportData, roc: Json) -> Markup | None:
    area = data.metrics(data.judged_on or "").get("roc_auc")
    plot = roc_chart(
        roc.get("false_positive_rate") or (), roc.get("true_positive_rate") or (),
        title="ROC curve", area=area, noun=data.told("row"),
        description=f"Area under the curve: {number(area)}.",
    )  # fmt: skip
    classes = data.task.classes
    positive = [" Positive here is ", value_of_data(classes[1]), "."] if len(classes) == 2 else ""
    how_to_read = (
        "Each point is a threshold above which a row is called positive. The nearer the curve "
        "comes to the upper left corner the better; the dashed line is guessing."
    )
    return figure("ROC curve", plot, [data.told(how_to_read), positive])


def _confusions(
    data: ReportData, labels: Sequence[str], counts: Sequence[Sequence[float]]
) -> Markup | None:
    pairs = [
        (amount, labels[row], labels[column], amount / max(sum(counts[row]), 1))
        for row in range(len(labels))
        for column, amount in enumerate(counts[row])
        if row != column and amount
    ]
    if len(labels) < 3 or not pairs:
        return None
    pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    rows = [
        (value_of_data(truth), value_of_data(called), number(amount), percent(share))
        for amount, truth, called, share in pairs[:8]
    ]
    shown = table(
        ("truth", "called", data.told("rows"), "of the class"), rows, numeric=(2, 3),
        class_="narrow", is_stacked=False,
    )  # fmt: skip
    return element("div", element("h3", "The most frequent confusions"), shown)


def _regression(data: ReportData, event: Json) -> list[Markup | None]:
    residuals = event.get("residuals") or {}
    pairs = [
        (predicted, truth)
        for predicted, truth in zip(
            residuals.get("predicted") or (), residuals.get("truth") or (), strict=False
        )
        if is_number(predicted) and is_number(truth)
    ]
    if not pairs:
        return []
    predicted, truth = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    target = shorten(data.task.target, 24)
    scatter = truth_scatter(
        predicted, truth, title="Prediction against truth", unit=target,
        description=data.told(f"{number(len(pairs))} rows of the {data.judged_on} part."),
    )  # fmt: skip
    errors = [p - t for p, t in pairs]
    edges, counts = binned(errors)
    residual = histogram(
        edges, counts, title="Residuals", x_label=f"prediction − truth, {target}",
        description=f"Errors from {number(min(errors))} to {number(max(errors))}.",
    )  # fmt: skip
    return [
        figures(
            figure("Prediction against truth", scatter,
                   data.told("Each point is a row; on the dashed line the prediction is exactly "
                             "right. A cloud that leaves the line at one end says which values are "
                             "hard.")),
            figure("Residuals", residual,
                   "How far predictions are off, and how often. A good network's hill is narrow, "
                   "stands over 0 and leans to neither side."),
        )
    ]  # fmt: skip
