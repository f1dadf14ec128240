"""A run from its first line to its report, and going on with one: the same for all kinds of data.

An application is a package that knows one kind of data: how to prepare it for training, and how to
prepare it again as a run of it was begun.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from ranvier.apps.answering import AnsweringModel
from ranvier.apps.doctor import news
from ranvier.apps.healing import healing
from ranvier.apps.prepared import Prepared
from ranvier.core.config import resolve, to_json
from ranvier.core.errors import DataError, DivergedError, RunError
from ranvier.core.finding import Finding, grouped
from ranvier.nn import Wrapped
from ranvier.report import write_report
from ranvier.runs import checkpoints
from ranvier.runs.documents import read_document, write_document
from ranvier.runs.history import History
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.train.execution import settle
from ranvier.train.healing import in_force
from ranvier.train.machine import device_for, environment
from ranvier.train.progress import Progress

Given = Network | Wrapped | nn.Module | None


class Application(Protocol):
    """One kind of data; its name stands in the runs of it."""

    NAME: str

    def choose(
        self, given: Given, source: Any, settings: TrainSettings, *, progress: Progress
    ) -> Prepared:
        """Read and encode the source, and choose all that is open."""

    def again(
        self,
        source: Any,
        settings: TrainSettings,
        network: Network,
        *,
        document: Mapping[str, Any],
        module: nn.Module | None,
        progress: Progress,
    ) -> Prepared:
        """Read and encode the source as the run whose `document` this is once did."""

    def load_model(self, run: RunFolder, *, module: nn.Module | None = None) -> AnsweringModel:
        """The trained model of a run, in evaluation mode, every byte of it checked."""


def begin(
    application: Application,
    network: Given,
    source: Any,
    settings: TrainSettings,
    *,
    out: str | Path | None,
    progress: Progress,
    command: str | None = None,
) -> RunFolder:
    """Train from the first step to the report."""
    insisted = settings.threads
    settings = _found_again(settings)
    prepared = application.choose(network, source, settings, progress=progress)
    data = prepared.known
    for line in (*prepared.said(), *map(str, grouped(data.findings))):
        progress.say(line)
    # The job is made before the folder, so that what does not fit leaves no litter.
    job = prepared.job()
    # A run that heals itself looks at every attempt.
    opening = () if settings.heal else prepared.examined(job, progress)
    job, execution = settle(job, threads=insisted, data=data.fingerprint, report=progress.say)
    prepared = replace(prepared, settings=job.settings)
    run = RunFolder.create(out) if out is not None else RunFolder.create_next(data.source)
    with run.lock():
        if run.run.exists():
            raise RunError(f"{run.path}: another process began this run. Choose another --out.")
        session = prepared.session(job, run, progress, opening=opening)
        write_document(run.network, session.network)
        document = _run_document(application, prepared, requested=settings, command=command)
        write_document(run.run, {**document, "execution": execution.to_json()})
        heals = prepared.settings.heal
        training = healing(prepared, run, progress).begin if heals else session.begin
        _conclude(run, training, progress)
        _tell(run, progress)
    return run


def resume(
    application: Application,
    run: RunFolder,
    *,
    source: Any = None,
    module: nn.Module | None = None,
    progress: Progress,
) -> RunFolder:
    """Go on with a run exactly where it stopped; a finished one is left as it is.

    Raises:
        DataError: if the source is not the data that the run was begun with.
    """
    with run.lock():
        if not _is_finished(run):
            prepared = restore(application, run, source=source, module=module, progress=progress)
            _conclude(run, _rest_of(prepared, run, progress), progress)
        elif not run.report.is_file():  # stopped between the summary and the report
            write_report(run.path)
    return run


def restore(
    application: Application,
    run: RunFolder,
    *,
    source: Any = None,
    module: nn.Module | None = None,
    progress: Progress,
) -> Prepared:
    """What a run is trained with, made again from its files and its source.

    That is what it was begun with, unless it healed itself: then the newest checkpoint says.
    """
    document = read_document(run.run)
    settings = resolve(TrainSettings, (str(run.run), document["settings"]))
    known = in_force(run.checkpoints) if settings.heal else None
    settings, network = known or (
        settings,
        Network.from_json(json.dumps(read_document(run.network))),
    )
    source = _source_of(document, source)
    prepared = application.again(
        source, settings, network, document=document, module=module, progress=progress
    )
    data = prepared.known
    if data.fingerprint != document["data"]["fingerprint"]:
        raise DataError(
            f"{data.source}: this is not the data that {run.path} was begun with (fingerprint "
            f"{data.fingerprint[:12]}, then {document['data']['fingerprint'][:12]}). "
            "Restore the file as it was, or train anew."
        )
    return prepared


def path_of(source: Any) -> str | None:
    """Where a resumed run finds the source again; None where it was in memory."""
    if not isinstance(source, str | Path):
        return None
    return str(Path(source).resolve()) if Path(source).exists() else str(source)


def _found_again(settings: TrainSettings) -> TrainSettings:
    """The settings with paths that hold from whatever folder the run is resumed in."""
    return replace(
        settings,
        validation=path_of(settings.validation),
        test=path_of(settings.test),
        start_from=path_of(settings.start_from),
    )


def _tell(run: RunFolder, progress: Progress) -> None:
    """Say of the verdict what was not said while training went."""
    found = map(Finding.from_json, read_document(run.summary)["findings"])
    for finding in news(list(found), History.read(run.events)):
        progress.say(str(finding))


def _rest_of(
    prepared: Prepared, run: RunFolder, progress: Progress
) -> Callable[[], dict[str, Any]]:
    """What is left to train of a run that was stopped."""
    if prepared.settings.heal:
        return healing(prepared, run, progress).resume
    job = prepared.job()
    # Killed before its first checkpoint, it begins anew.
    is_new = not checkpoints.steps(run.checkpoints)
    opening = prepared.examined(job, progress) if is_new else ()
    return prepared.session(job, run, progress, opening=opening).resume


def _is_finished(run: RunFolder) -> bool:
    return run.summary.is_file() and read_document(run.summary)["status"] == "finished"


def _conclude(run: RunFolder, training: Callable[[], dict[str, Any]], progress: Progress) -> None:
    """Train and report; what came of a training that diverged is reported too."""
    try:
        summary = training()
    except DivergedError:
        write_report(run.path)
        raise
    write_report(run.path)
    progress.finish(summary)


def _source_of(document: Mapping[str, Any], source: Any) -> Any:
    if source is not None:
        return source
    known = document["data"]["path"]
    if known is None:
        raise RunError(
            f"the run was begun with data in memory ({document['data']['source']}), which is not "
            "stored with it. Give the same data: rv.resume(run, source=data)."
        )
    return known


def _run_document(
    application: Application,
    prepared: Prepared,
    *,
    requested: TrainSettings,
    command: str | None,
) -> dict[str, Any]:
    data, settings = prepared.known, prepared.settings
    unasked = to_json(TrainSettings())
    asked = {key: value for key, value in to_json(requested).items() if value != unasked[key]}
    return {
        "application": application.NAME,
        "task": data.task.to_json(),
        "settings": to_json(settings),
        "requested": asked,
        "choices": [choice.to_json() for choice in prepared.choices],
        "data": {
            "source": data.source,
            "path": path_of(prepared.source),
            "fingerprint": data.fingerprint,
            "split": data.split,
            "parts": dict(prepared.sizes()),
            **prepared.facts(),
            **data.profile,
        },
        "environment": environment(device_for(settings.device), threads=settings.threads or 1),
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
