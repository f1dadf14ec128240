"""Red, amber, green: the few questions anyone asks of a run first, answered from its numbers."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from ranvier.core.finding import grouped
from ranvier.report.gather import ReportData
from ranvier.report.interval import interval
from ranvier.report.words import (
    SPLIT_ROWS,
    count,
    is_number,
    metric_words,
    number,
    percent,
    score,
    shorten,
)

Colour = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class Light:
    """One question's answer."""

    colour: Colour
    question: str
    answer: str
    advice: str = ""


def lights(data: ReportData) -> tuple[Light, ...]:
    """Every light that the run's numbers can answer."""
    found = (
        beats_baseline(data), finds_every_class(data), holds_on_new_rows(data),
        tells_too_much(data), converged(data), finished(data), stayed_finite(data),
        is_sound(data),
    )  # fmt: skip
    return tuple(light for light in found if light is not None)


def gain(metric: str, value: float, baseline: float) -> float:
    """How much better than the baseline, positive where better."""
    return value - baseline if metric_words(metric).is_higher_better else baseline - value


def error_removed(metric: str, value: float, baseline: float) -> float | None:
    """The share of the baseline's shortfall from perfection that is gone.

    >>> error_removed("accuracy", 0.95, 0.5)
    0.9
    """
    perfect = 1.0 if metric_words(metric).is_higher_better else 0.0
    shortfall = abs(perfect - baseline)
    return round(1 - abs(perfect - value) / shortfall, 12) if shortfall > 0 else None


def beats_baseline(data: ReportData) -> Light | None:
    """Whether the network learnt anything that the trivial answer does not know."""
    split, metric = data.judged_on, data.primary_metric
    if split is None or metric is None:
        return None
    value, trivial = data.metrics(split).get(metric), data.baseline(split).get(metric)
    if not is_number(value) or not is_number(trivial):
        return None
    words = metric_words(metric).name
    ahead = gain(metric, value, trivial)
    question = "Better than a trivial answer?"
    numbers = f"{words} {score(value)} against {score(trivial)} on {part_of(data)}"
    if ahead <= 0:
        return Light("red", question, f"No: {numbers}.", NOTHING_LEARNT_OF_PICTURES
                     if data.is_of_pictures else NOTHING_LEARNT)  # fmt: skip
    ends = interval(data)
    if ends is not None and any(gain(metric, end, trivial) <= 0 for end in ends):
        return Light("amber", question, f"Perhaps: {numbers}, which {rows_of(data)} cannot tell "
                     "from luck.", data.told("Gather more rows, or hold out more of them with "
                     "`--test-fraction 0.3`."))  # fmt: skip
    removed = error_removed(metric, value, trivial)
    if removed is not None and removed < 0.05:
        return Light("amber", question, f"Barely: {numbers}.")
    return Light("green", question, f"Yes: {numbers}{_much(metric, value, trivial)}.")


NOTHING_LEARNT = "See which columns tell of the target."
NOTHING_LEARNT_OF_PICTURES = "See whether the labels belong to the pictures."


def _much(metric: str, value: float, trivial: float) -> str:
    if not metric_words(metric).is_higher_better:
        return f", {percent(1 - value / trivial, digits=0)} less" if trivial > 0 else ""
    way = error_removed(metric, value, trivial)
    return f", {percent(way, digits=0)} of the way to perfect" if way is not None else ""


def rows_of(data: ReportData) -> str:
    """How many rows of which part the run is judged on."""
    split = data.judged_on or "test"
    rows = data.rows(split)
    return count(rows, data.told(SPLIT_ROWS[split])) if rows else part_of(data)


def part_of(data: ReportData) -> str:
    """The rows that the run is judged on, however many."""
    return data.told(f"{SPLIT_ROWS[data.judged_on or 'test']}s")


def finds_every_class(data: ReportData) -> Light | None:
    """Whether some class is never or seldom recognised, which a mean over rows can hide."""
    found = _recalls(data)
    if len(found) < 2:
        return None
    question = "Does it recognise every class?"
    share, label, rows = min(found)
    name = f"“{shorten(label, 40)}”"
    is_balanced = (data.run.get("settings") or {}).get("class_weight") == "balanced"
    cure = (
        data.told("Classes count alike already; more rows of it help most.")
        if is_balanced
        else "`--class-weight balanced` makes rare classes count as much as common ones."
    )
    never = sum(recall == 0 for recall, _, _ in found)
    if never:
        others = f" and {number(never - 1)} more" if never > 1 else ""
        return Light("red", question, f"No: {name}{others} is found in none of "
                     f"{count(rows, data.told('row'))}.", cure)  # fmt: skip
    words = f"of {name}, the hardest, it finds {percent(share)} of {count(rows, data.told('row'))}"
    if share < 0.5:
        return Light("amber", question, f"Partly: {words}.", cure)
    return Light("green", question, f"Yes: {words}.")


def _recalls(data: ReportData) -> list[tuple[float, str, float]]:
    """Of each class that there is: the share of its rows that is found, its name, its rows."""
    event = data.evaluations.get(data.judged_on or "", {})
    confusion = event.get("confusion") or {}
    labels, counts = confusion.get("labels") or (), confusion.get("counts") or ()
    found = [
        (row[index], str(label), sum(row))
        for index, (label, row) in enumerate(zip(labels, counts, strict=False))
    ]
    found += [(each["hit"], str(each["label"]), each["is"]) for each in event.get("labels") or ()]
    return [(hit / rows, label, rows) for hit, label, rows in found if rows]


def tells_too_much(data: ReportData) -> Light | None:
    """Whether a single column all but is the target, as one noted after the fact would be."""
    columns = [column for column in data.data.get("columns") or () if isinstance(column, dict)]
    telling = [
        (column["association"], str(column.get("name")))
        for column in columns
        if is_number(column.get("association")) and column["association"] >= TOO_TELLING
    ]
    if not telling:
        return None
    strength, name = max(telling)
    return Light(
        "amber", "Does a column give the answer away?",
        f"Perhaps: “{shorten(name, 40)}” alone tells {percent(strength, digits=0)} of the target.",
        f"If it is known only afterwards, leave it out with `--ignore {shlex.quote(name)}`.",
    )  # fmt: skip


TOO_TELLING = 0.9


def holds_on_new_rows(data: ReportData) -> Light | None:
    """Whether what was learnt on the training rows is true of others."""
    split, metric = data.judged_on, data.primary_metric
    if split is None or split == "train" or metric is None:
        return None
    seen, fresh = data.metrics("train").get(metric), data.metrics(split).get(metric)
    trivial = data.baseline(split).get(metric)
    if not is_number(seen) or not is_number(fresh) or not is_number(trivial):
        return None
    learnt = gain(metric, seen, trivial)
    if learnt <= 0:
        return None
    kept = gain(metric, fresh, trivial) / learnt
    question = data.told("Does it hold on rows it has not seen?")
    numbers = data.told(
        f"{metric_words(metric).name} {score(seen)} on training rows, {score(fresh)} on "
        f"{SPLIT_ROWS[split]}s"
    )
    if kept < 0.5:
        return Light("red", question, f"Hardly: {numbers}. "
                     + data.told("It learnt its own rows by heart."),
                     data.told(LEARN_LESS))  # fmt: skip
    if kept < 0.8:
        return Light("amber", question, f"Partly: {numbers}.", data.told(LEARN_LESS))
    return Light("green", question, f"Yes: {numbers}.")


LEARN_LESS = "More rows help most; else a larger `--weight-decay`, or a smaller network."


def finished(data: ReportData) -> Light:
    """Whether the run came to its end."""
    question = "Did the run come to its end?"
    if not data.is_finished:
        so_far = (
            f"after {number(len(data.epochs))} recorded epochs" if data.epochs else "at its start"
        )
        return Light("amber", question, f"Not yet: these are its files {so_far}. It is either "
                     "still going or was ended from outside.",
                     "`ranvier resume` goes on from its last checkpoint.")  # fmt: skip
    reason = str(data.end.get("reason") or data.summary.get("status") or "")
    if reason in ("diverged", "failed", "error"):
        return Light("red", question, f"No: it ended as “{reason}”.",
                     "Try a smaller `--learning-rate`.")  # fmt: skip
    if reason in ("interrupted", "stopped by signal", "stopped"):
        return Light("amber", question, f"It was stopped (“{reason}”).",
                     "`ranvier resume` goes on where it stopped.")  # fmt: skip
    shown = REASONS.get(reason, reason)
    return Light("green", question, f"Yes: {shown}." if shown else "Yes.")


REASONS = {
    "finished": "it trained as long as it was asked to",
    "done": "it trained as long as it was asked to",
    "completed": "it trained as long as it was asked to",
    "all epochs": "it trained all the epochs it was allowed",
    "no gain": "it stopped early, as validation no longer gained",
    "epochs": "it trained all the epochs it was allowed",
    "patience": "it stopped early, as validation no longer gained",
    "early_stopping": "it stopped early, as validation no longer gained",
}


def converged(data: ReportData) -> Light | None:
    """Whether the best epoch lies before the last, so that training longer would not help."""
    best = data.best_epoch
    if best is None or len(data.epochs) < 2 or not data.is_finished:
        return None
    last = data.epochs[-1].get("epoch", len(data.epochs))
    question = "Was it trained long enough?"
    if best >= last:
        return Light("amber", question, f"Perhaps not: the last epoch ({number(last)}) was the "
                     "best.", f"Give it more, such as `--epochs {2 * int(last)}`.")  # fmt: skip
    return Light("green", question, f"Yes: epoch {number(best)} of {number(last)} was the best.")


def stayed_finite(data: ReportData) -> Light | None:
    """Whether every loss and gradient was a number."""
    windows = data.of_kind("window")
    if not windows:
        return None
    broken = sum(
        not is_number(value)
        for window in windows
        for name in ("loss", "gradient_norm")
        for value in window.get(name) or ()
    )
    question = "Did the numbers stay finite?"
    if broken:
        return Light("red", question, f"No: {number(broken)} values of loss or gradient norm "
                     "are not finite numbers.")  # fmt: skip
    return Light("green", question, "Yes: every loss and gradient norm was.")


def is_sound(data: ReportData) -> Light | None:
    """Whether the doctor found anything that spoils the training or puts it at risk."""
    told = [each for each in grouped(data.findings) if not each.because]
    if not told and not data.of_kind("window"):
        return None
    question = "Does the doctor find anything wrong?"
    colours: dict[str, Colour] = {"error": "red", "warning": "amber"}
    for severity, colour in colours.items():
        found = list(dict.fromkeys(each.symptom for each in told if each.severity == severity))
        if found:
            more = f" and {number(len(found) - 1)} more" if len(found) > 1 else ""
            return Light(colour, question, f"Yes: {found[0]}{more}; see below.")
    return Light("green", question, "No.")
