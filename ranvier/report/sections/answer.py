"""The top of the report: what was asked, and the answer in one sentence."""

from __future__ import annotations

from ranvier.report.blocks import enumerate_words, facts, paragraph, prose, table, value_of_data
from ranvier.report.gather import ReportData
from ranvier.report.interval import interval
from ranvier.report.lights import Light, lights, part_of, rows_of
from ranvier.report.markup import Markup, element
from ranvier.report.words import (
    NO_BREAK_SPACE,
    count,
    duration,
    is_number,
    metric_words,
    number,
    score,
)

SYMBOLS = {"green": "✓", "amber": "!", "red": "✕"}
CAUTION = {
    "test": "rows that took no part in training or in any choice",
    "validation": "validation rows; they also picked the best epoch, so this flatters a little, "
    "and there was no test part",
    "train": "the training rows themselves, as there was no other part; new rows will do worse",
}


def answer(data: ReportData) -> Markup:
    """The question, the answer, and the lights."""
    return element(
        "section", _asked(data), _verdict(data), _facts(data), _lights(lights(data)),
        _next(data), id="answer",
    )  # fmt: skip


def _asked(data: ReportData) -> Markup:
    task = data.task
    came_from = [", from ", value_of_data(_last_part(data.source))] if data.source else None
    if task.classes:
        shown: list[object] = [value_of_data(label) for label in task.classes[:6]]
        if len(task.classes) > 6:
            shown.append(f"{len(task.classes) - 6} more")
        kinds = count(len(task.classes), "class", plural="classes")
        some = "any of" if task.is_multilabel else "one of"
        what: list[object] = [f", {some} {kinds} (", enumerate_words(shown), ")"]
    elif task.kind != "regression":
        what = [", a class"]
    else:
        what = [", a number"]
    return paragraph("Asked: predict ", element("b", value_of_data(task.target)), what, came_from,
                     ".", class_="asked")  # fmt: skip


def _last_part(source: str) -> str:
    return source.replace("\\", "/").rstrip("/").rpartition("/")[2] or source


def _verdict(data: ReportData) -> Markup:
    split, metric = data.judged_on, data.primary_metric
    if split is None or metric is None:
        return _no_verdict(data)
    words = metric_words(metric)
    value = data.metrics(split).get(metric)
    trivial = data.baseline(split).get(metric)
    meaning = f"{words.name}: {words.meaning}" if words.meaning else words.name
    better = "higher is better" if words.is_higher_better else "lower is better"
    return element(
        "div",
        element(
            "div",
            element("span", score(value), class_="big"),
            element("span", f"{words.name} on {part_of(data)}", class_="unit"),
            _against(data, trivial),
            class_="hero",
        ),
        element(
            "div",
            paragraph(_sentence(data, split, metric), class_="sentence"),
            paragraph(data.told(f"Measured on {CAUTION[split]}. {meaning[:1].upper()}{meaning[1:]}"
                                f"; {better}."), class_="quiet"),
        ),
        class_="verdict",
    )  # fmt: skip


def _sentence(data: ReportData, split: str, metric: str) -> list[object]:
    """What the network reaches, what the trivial answer gets, and how sure the rows make it."""
    value, trivial = data.metrics(split).get(metric), data.baseline(split).get(metric)
    sentence: list[object] = [
        "On ", rows_of(data), " the network reaches ", metric_words(metric).name, " ",
        element("strong", score(value)),
    ]  # fmt: skip
    if is_number(trivial):
        sentence += ["; ", _trivial(data, metric), ", gets ", element("strong", score(trivial))]
    sentence.append(".")
    ends = interval(data)
    if ends is not None:
        sentence.append(data.told(
            f" So many rows leave room for {score(ends[0])} to {score(ends[1])} "
            f"(95{NO_BREAK_SPACE}% interval)."
        ))  # fmt: skip
    return sentence


def _against(data: ReportData, trivial: object) -> Markup | None:
    if not is_number(trivial):
        return None
    return element("span", f"baseline {score(trivial)}", class_="against")


# These ask for probabilities, which for the trivial answer are how frequent the classes are.
PROBABILITIES = ("log_loss", "brier", "expected_calibration_error", "roc_auc", "average_precision")


def _trivial(data: ReportData, metric: str) -> str:
    if data.task.kind != "regression" and metric in PROBABILITIES:
        return "the trivial answer, how frequent the classes are"
    if data.task.is_multilabel:
        return data.told(
            "the trivial answer, always the classes that more than half of the rows have"
        )
    if data.task.is_classification:
        return "the trivial answer, always the most frequent class"
    return data.told("the trivial answer, always the mean of the training rows")


def _no_verdict(data: ReportData) -> Markup:
    if data.is_finished:
        words = "The run ended before the network was measured; what it recorded follows."
    elif data.epochs:
        words = "The run has not been measured on the test rows yet; what it recorded follows."
    else:
        words = "The run has recorded no epoch yet; there is nothing to judge so far."
    return paragraph(data.told(words), class_="sentence")


def _facts(data: ReportData) -> Markup | None:
    summary = data.summary
    epochs = summary.get("epochs") or (data.epochs[-1].get("epoch") if data.epochs else None)
    best = f" (best: {number(data.best_epoch)})" if data.best_epoch is not None else ""
    steps = summary.get("steps") or data.end.get("step")
    seconds = summary.get("seconds") or data.end.get("seconds")
    parameters = summary.get("parameters") or (data.table or {}).get("parameters")
    trained_on = data.rows("train")
    return facts(
        [
            (data.told("training rows"), None if trained_on is None else number(trained_on)),
            ("parameters", None if parameters is None else number(parameters)),
            ("epochs", None if epochs is None else f"{number(epochs)}{best}"),
            ("steps", None if steps is None else number(steps)),
            ("time", None if seconds is None else duration(seconds)),
            ("status", summary.get("status") or ("ended" if data.end else "not finished")),
        ]
    )


def _lights(shown: tuple[Light, ...]) -> Markup:
    items = [
        element(
            "li",
            element("span", SYMBOLS[light.colour], class_=f"light {light.colour}",
                    role="img", aria_label=light.colour),
            element("span", element("b", light.question), " ", light.answer,
                    [" ", prose(light.advice)] if light.advice else None),
        )
        for light in shown
    ]  # fmt: skip
    return element("ul", items, class_="lights")


def _next(data: ReportData) -> Markup:
    """The commands that people want after reading this."""
    new, labelled = "new-rows.csv", "labelled-rows.csv"
    if data.is_of_pictures:
        new, labelled = "new-pictures", "labelled-pictures"
    after = [
        (f"ranvier predict RUN {new} --out predictions.csv",
         data.told("predict rows as they come")),
        (f"ranvier evaluate RUN {labelled}",
         data.told("measure it on rows from another time or place")),
        ("ranvier verify RUN", "prove that its files are whole and that it resumes exactly"),
    ]  # fmt: skip
    if not data.is_finished:
        after = [("ranvier resume RUN", "go on from the last checkpoint")]
    elif data.judged_on is None:
        after = [("ranvier doctor RUN", "what went wrong, in the terminal")]
    rows = [(element("code", command), words) for command, words in after]
    return element(
        "div", element("h3", "What next"), table(("", ""), rows, class_="next"),
        paragraph("RUN is the folder that holds this report.", class_="quiet"),
    )  # fmt: skip
