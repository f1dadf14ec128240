"""What the doctor says: findings, the cause first, each with its grounds and a plot; the cures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from ranvier.core.finding import Finding, grouped
from ranvier.report.blocks import details, paragraph, prose, value_of_data
from ranvier.report.finding_words import cure_words, evidence_words, intervention_words
from ranvier.report.gather import Json, ReportData
from ranvier.report.markup import Markup, element
from ranvier.report.plots import Guide, line_chart, thin
from ranvier.report.sections.learning import by_step, spans_decades
from ranvier.report.sections.symptom_plots import symptom_plot
from ranvier.report.words import count, is_number, number

SEVERITY = {"information": ("blue", "i"), "warning": ("amber", "!"), "error": ("red", "✕")}
CALM = "Nothing is wrong with this training that its records would show."
RANK = {"error": 0, "warning": 1, "information": 2}


def doctor_section(data: ReportData) -> Markup | None:
    """The findings in their order, what follows from a cause folded under it, and what was done."""
    found = grouped(data.findings)
    interventions = data.of_kind("intervention")
    if not found and not interventions and not data.of_kind("window"):
        return None
    told = [each for each in found if not each.because and each.severity != "information"]
    small = [each for each in found if not each.because and each.severity == "information"]
    items = [
        _told(data, finding, [each for each in found if each.because == finding.symptom])
        for finding in sorted(told, key=lambda finding: RANK.get(finding.severity, 2))
    ]
    return element(
        "section",
        element("h2", "What the doctor says"),
        element("ol", items, class_="findings") if items else _calm(small),
        _small(data, small), _timeline(data, interventions),
        id="doctor",
    )  # fmt: skip


def _calm(small: Sequence[Finding]) -> Markup:
    words = f"{CALM} What follows is good to know." if small else CALM
    return element(
        "p",
        element("span", "✓", class_="light green", role="img", aria_label="green"),
        element("span", words),
        class_="calm",
    )


def _told(data: ReportData, finding: Finding, followers: Sequence[Finding]) -> Markup:
    """An error or a warning: what and where, what it means, on what grounds, what to do."""
    colour, symbol = SEVERITY.get(finding.severity, SEVERITY["information"])
    shown = symptom_plot(data, finding)
    words = element(
        "div",
        element("h3", _capital(finding.symptom), _where(finding)),
        paragraph(_said(data, finding, finding.meaning)) if finding.meaning else None,
        _grounds(data, finding),
        # What reading the data has to say comes without a meaning, and was done already.
        paragraph(
            element("b", "What to do. ") if finding.meaning else None,
            prose(_said(data, finding, finding.advice)),
        ),
        _cure(data, finding),
        _followers(data, followers),
    )
    plot = None
    if shown is not None:
        caption = element("figcaption", shown.caption) if shown.caption else None
        plot = element("figure", shown.plot, caption, class_="figure")
    return element(
        "li",
        element("span", symbol, class_=f"light {colour}", role="img", aria_label=finding.severity),
        element("div", words, plot, class_="finding beside"),
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _where(finding: Finding) -> Markup | None:
    if not finding.where:
        return None
    return element("span", " ", value_of_data(finding.where), class_="quiet")


def _said(data: ReportData, finding: Finding, words: str) -> str:
    """What the catalogue says of rows; other findings were written of this very data."""
    return data.told(words) if finding.number else words


def _grounds(data: ReportData, finding: Finding) -> Markup | None:
    phrases = [
        element("li", value_of_data(_said(data, finding, phrase)))
        for phrase in evidence_words(finding)
    ]
    return element("ul", phrases, class_="grounds") if phrases else None


def _cure(data: ReportData, finding: Finding) -> Markup | None:
    if not finding.cure or finding.severity != "error":
        return None
    command = data.run.get("command") or ()
    words = shlex.split(command) if isinstance(command, str) else [*map(str, command)]
    if words[:2] != ["ranvier", "train"]:
        return None
    deed = f"Ranvier can {cure_words(finding.cure)} itself, and keep it if it helps"
    return paragraph(deed, ": train again with ", element("code", "--heal"), ".", class_="quiet")


def _followers(data: ReportData, followers: Sequence[Finding]) -> Markup | None:
    """What only follows from a cause, folded away."""
    if not followers:
        return None
    items = [
        element("li", _capital(each.symptom), _where(each), _grounds(data, each))
        for each in followers
    ]
    names = ", ".join(dict.fromkeys(each.symptom for each in followers))
    return details(f"Because of that: {names}", element("ul", items))


def _small(data: ReportData, small: Sequence[Finding]) -> Markup | None:
    """What is good to know, a line each."""
    if not small:
        return None
    items = [
        element(
            "li",
            element("span", "i", class_="light blue", role="img", aria_label="information"),
            element("span", element("b", _capital(each.symptom)), _where(each), ". ",
                    prose(_said(data, each, each.advice)), _grounds(data, each)),
        )
        for each in small
    ]  # fmt: skip
    return element("ul", items, class_="lights")


def _timeline(data: ReportData, records: Sequence[Json]) -> Markup | None:
    """What was changed while it trained: the loss with a mark at each, and the deeds in order."""
    if not records:
        return None
    items = [
        element("li", value_of_data(intervention_words(record)), _why(record)) for record in records
    ]
    return element(
        "div",
        element("h3", f"{count(len(records), 'change')} tried while it trained"),
        paragraph("On an error it went back to the last good checkpoint or to the start, changed "
                  "one thing and went on; what helped was kept, all else undone."),
        element(
            "div", element("ol", items, class_="timeline"), _loss_with_changes(data, records),
            class_="beside",
        ),
    )  # fmt: skip


def _why(record: Json) -> Markup | None:
    words = record.get("words")
    return element("span", " ", str(words), class_="quiet") if words else None


def _loss_with_changes(data: ReportData, records: Sequence[Json]) -> Markup | None:
    """The loss that was kept, with a mark where each change that helped begins."""
    steps, values = by_step(data.of_kind("window"), "loss")
    if len(steps) < 2:
        return None
    line = thin(steps, values)
    begins = [
        (place, _begin(record))
        for place, record in enumerate(records, start=1)
        if record.get("outcome") != "undone"
    ]
    guides = [
        Guide("x", max(at, steps[0]), number(place))
        for place, at in begins
        if at is not None and at <= steps[-1]
    ]
    plot = line_chart(
        [line], title="Loss, and what was changed", description=f"{number(len(guides))} changes.",
        x_label="step", y_label="loss", is_log=spans_decades([line]), guides=guides,
    )  # fmt: skip
    if plot is None:
        return None
    caption = element("figcaption", "The loss of what was kept; a dashed line is where a change "
                      "that helped begins.")  # fmt: skip
    return element("figure", plot, caption, class_="figure")


def _begin(record: Json) -> float | None:
    back = record.get("back_to")
    step = back.get("step") if isinstance(back, Mapping) else record.get("step")
    return float(step) if is_number(step) else None
