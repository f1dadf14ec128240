"""A diagnosis in the terminal: the cause first, what it rests on, what to do, what followed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ranvier.cli.numbers import number
from ranvier.cli.pictures import Picture, picture_of
from ranvier.core.finding import Finding
from ranvier.diagnose import Symptom
from ranvier.diagnose.catalogue import stage_words
from ranvier.diagnose.cures import CURES
from ranvier.report.finding_words import cure_words, evidence_words, intervention_words
from ranvier.runs.history import History

MARKS = {"error": ("✗", "bold red"), "warning": ("!", "bold yellow"), "information": ("·", "blue")}
WIDEST = 100


@dataclass(frozen=True)
class Examined:
    """A run that the doctor has looked at.

    `status` is "finished", "diverged", "running", "interrupted", or "recorded" for the records of
    a loop that was written by hand; `command` is what made the run, where a command did.
    """

    run: Path
    status: str
    findings: tuple[Finding, ...]
    history: History
    command: str | None = None


def words_of(examined: Examined, *, width: int) -> Text:
    """All there is to say of a run, for people."""
    page = _Page(min(width, WIDEST))
    page.raw(str(examined.run), style="bold")
    page.say(_capital(_status_words(examined)), style="dim")
    if not examined.findings:
        page.gap()
        page.say("✓ Nothing is wrong with this training that its records would show.",
                 style="bold green")  # fmt: skip
    shown = [finding for finding in examined.findings if not finding.because]
    told = [f for f in shown if f.severity != "information"]
    for place, finding in enumerate(told):
        _tell(page, finding, examined, is_first=place == 0)
    _tell_small(page, [f for f in shown if f.severity == "information"])
    _tell_interventions(page, examined.history)
    return page.text


class _Page:
    """Lines of at most a width, put together one after another."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.text = Text()

    def gap(self) -> None:
        self.text.append("\n")

    def say(self, words: str, *, first: str = "", indent: int = 0, style: str = "") -> None:
        """A paragraph; `first` stands before its first line, and the others go under its words."""
        under = " " * (indent + len(first))
        lines = textwrap.wrap(
            words, self.width, initial_indent=" " * indent + first, subsequent_indent=under,
            break_on_hyphens=False,
        )  # fmt: skip
        self.raw("\n".join(lines), style=style)

    def raw(self, line: str, *, style: str = "") -> None:
        """Lines as they are."""
        if self.text:
            self.text.append("\n")
        self.text.append(line, style=style)


def _status_words(examined: Examined) -> str:
    history, run = examined.history, examined.run
    updates = sum(len(window.get("loss") or ()) for window in history.windows)
    so_far = f"{_count(len(history.epochs), 'epoch')}, {_count(updates, 'update')}"
    ends = history.of("end")
    if examined.status == "recorded":
        return f"recorded in a loop written by hand, {so_far} so far."
    if examined.status == "running":
        return f"still going, {so_far} so far. Ask again later."
    if examined.status == "interrupted":
        return (
            f"it did not come to its end, {so_far}. It was stopped or it died; "
            f"`ranvier resume {run}` goes on from its last checkpoint."
        )
    if examined.status == "diverged":
        return f"ended at step {number(ends[-1].get('step'))}, after {so_far}: its numbers broke."
    return f"finished, {so_far}."


def _count(amount: int, noun: str) -> str:
    return f"{number(amount)} {noun}{'' if amount == 1 else 's'}"


def _tell(page: _Page, finding: Finding, examined: Examined, *, is_first: bool) -> None:
    """An error or a warning: what, where, what it means, on what grounds, what to do."""
    mark, style = MARKS[finding.severity]
    page.gap()
    page.say(f"{_capital(finding.symptom)}: {finding.where}", first=f"{mark} ", style=style)
    if finding.meaning:
        page.say(finding.meaning, indent=2)
    picture = picture_of(finding, examined.history) if is_first else None
    if picture is not None:
        _draw(page, picture)
    for phrase in evidence_words(finding):
        page.say(phrase, first="- ", indent=2, style="dim")
    page.say(finding.advice, first="→ ", indent=2)
    if finding.cure in CURES and finding.severity == "error" and examined.command:
        page.say(f"Ranvier can {cure_words(finding.cure)} itself:", first="→ ", indent=2)
        page.raw(f"      {examined.command} --heal", style="cyan")
    followers = [f for f in examined.findings if f.because == finding.symptom] if is_first else []
    if followers:
        told = "; ".join(f"{f.symptom} ({f.where})" for f in followers)
        page.say(told, first="because of that: ", indent=2, style="dim")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _draw(page: _Page, picture: Picture) -> None:
    """A curve, its ends beside it and its mark beneath."""
    room = page.width - len(picture.name) - len(picture.ends) - 6
    line, column = picture.line(width=max(room, 10))
    page.raw(f"  {picture.name} {line} {picture.ends}", style="cyan")
    if column is not None:
        before = 3 + len(picture.name) + column
        words = f"▲ {picture.mark_name}"
        if before + len(words) > page.width:
            words = f"{picture.mark_name} ▲"
            before -= len(words) - 1
        page.raw(" " * before + words, style="cyan")


def _tell_small(page: _Page, findings: Sequence[Finding]) -> None:
    """What is good to know, a line each."""
    if not findings:
        return
    page.gap()
    mark, style = MARKS["information"]
    page.say("Good to know:", style=style)
    for finding in findings:
        grounds = evidence_words(finding)
        words = f"{finding.symptom} ({finding.where}){': ' if grounds else ''}"
        page.say(words + "; ".join(grounds[:2]), first=f"{mark} ", indent=2)


def _tell_interventions(page: _Page, history: History) -> None:
    """What was tried while it trained, in order."""
    records = history.of("intervention")
    if not records:
        return
    page.gap()
    page.say("What was tried while it trained:", style="bold")
    for record in records:
        page.say(intervention_words(record), first="- ", indent=2)


def listed(symptoms: Sequence[Symptom]) -> Table:
    """The catalogue, a line a symptom."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("number", justify="right")
    table.add_column("symptom")
    table.add_column("where the cause lies")
    for symptom in symptoms:
        table.add_row(str(symptom.number), symptom.name, stage_words(symptom))
    return table


def explained(symptom: Symptom, *, width: int) -> Text:
    """One symptom: what it is, how it is measured, how it looks, what to do."""
    page = _Page(min(width, WIDEST))
    page.say(f"{symptom.number} · {_capital(symptom.name)}", style="bold")
    page.say(symptom.meaning)
    for title, words in (
        ("Measured", symptom.statistic), ("Looks like", symptom.looks), ("Do", symptom.remedy),
        ("See", "; ".join(symptom.references)),
    ):  # fmt: skip
        if words:
            page.gap()
            page.say(words, first=f"{title}: ")
    return page.text
