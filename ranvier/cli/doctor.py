"""`ranvier doctor RUN`: what is wrong with a training, in words, with the evidence."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ranvier.cli.output import Output
from ranvier.core.errors import ConfigError, RunError, UnknownNameError, suggestion

if TYPE_CHECKING:
    from ranvier.cli.diagnosis import Examined
    from ranvier.runs.history import History

EXIT_ERROR_FOUND = 3
CATALOGUE = "ranvier doctor --list"


def doctor(
    run: Path | None = None,
    /,
    *,
    explain: Annotated[int | None, Parameter(metavar="NUMBER")] = None,
    list: bool = False,
    output: Output = Output(),
) -> int:
    """Read what RUN recorded and say what is wrong with it, the primary cause first.

    RUN may be finished, still going, or dead; nothing in it is changed. Exits 3 if there is an
    error among the findings.

    Parameters
    ----------
    run
        folder of the run, or the one that rv.Recorder wrote
    explain
        say what the symptom of this number is, how it is measured and what to do about it
    list
        name every symptom that is looked for, with its number
    """
    if list or explain is not None:
        return _look_up(explain, output)
    if run is None:
        raise ConfigError(
            "ranvier doctor: no run was named. Give the folder that ranvier train or rv.Recorder "
            f"wrote; {CATALOGUE} names what is looked for."
        )
    from ranvier.cli.diagnosis import words_of

    examined = examine(run)
    output.document(document_of(examined))
    output.result(words_of(examined, width=output.words().width))
    is_bad = any(finding.severity == "error" for finding in examined.findings)
    return EXIT_ERROR_FOUND if is_bad else 0


def examine(run: Path) -> Examined:
    """What the records of a run, or of a recorder, say about it.

    Raises:
        RunError: there is no run, or it has recorded nothing yet.
    """
    from ranvier.cli.diagnosis import Examined
    from ranvier.diagnose import AT_THE_END, diagnose
    from ranvier.runs.history import History

    events = _events_of(run)
    history = History.read(events)
    status = "recorded" if events == run else _status(run, history)
    found = diagnose(history)
    if status in ("running", "interrupted"):
        found = [finding for finding in found if finding.number not in AT_THE_END]
    return Examined(
        run=run,
        status=status,
        findings=tuple(found),
        history=history,
        command=_command(run),
    )


def document_of(examined: Examined) -> dict[str, Any]:
    """The one JSON document of what was found."""
    return {
        "run": examined.run,
        "status": examined.status,
        "findings": [finding.to_json() for finding in examined.findings],
        "interventions": examined.history.of("intervention"),
    }


def _events_of(run: Path) -> Path:
    """The records of a run, or of a recorder, which leaves nothing else.

    Raises:
        RunError: there are none.
    """
    from ranvier.runs.events import segment_numbers
    from ranvier.runs.layout import RunFolder

    if segment_numbers(run):
        return run
    events = RunFolder(run).events
    if not segment_numbers(events):
        RunFolder.open(run)
        raise RunError(f"{run}: this run has recorded nothing yet. Ask again once it has begun.")
    return events


def _status(run: Path, history: History) -> str:
    """Whether a run ended, how, or whether it is still going."""
    from ranvier.runs.layout import RunFolder

    ends = history.of("end")
    if ends:
        return "diverged" if ends[-1].get("reason") == "diverged" else "finished"
    return "running" if RunFolder(run).is_being_written() else "interrupted"


def _command(run: Path) -> str | None:
    """The command that made the run, without where it was put; None if no command did."""
    from ranvier.runs.documents import read_document
    from ranvier.runs.layout import RunFolder

    try:
        command = read_document(RunFolder(run).run).get("command")
        words = shlex.split(command) if isinstance(command, str) else [*map(str, command or ())]
    except (RunError, ValueError):
        return None
    if words[:2] != ["ranvier", "train"]:
        return None
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if before != "--out" and word.partition("=")[0] not in ("--out", "--heal")
    ]
    return shlex.join(kept)


def _look_up(number: int | None, output: Output) -> int:
    """The catalogue, or one symptom of it.

    Raises:
        UnknownNameError: no symptom has that number.
    """
    from ranvier.cli.diagnosis import explained, listed
    from ranvier.diagnose.catalogue import document_of, symptoms

    known = {symptom.number: symptom for symptom in symptoms()}
    width = output.words().width
    if number is None:
        output.document({"symptoms": [document_of(symptom) for symptom in known.values()]})
        output.result(listed(tuple(known.values())))
    elif number in known:
        output.document(document_of(known[number]))
        output.result(explained(known[number], width=width))
    else:
        raise UnknownNameError(
            f"--explain {number}: no symptom has this number. "
            f"{suggestion(str(number), map(str, sorted(known)), limit=60)} {CATALOGUE} names them."
        )
    return 0
