"""From a table to a run: prepare, choose, build, train, write down; and how a run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import nn

from ranvier.apps.doctor import Doctor, news
from ranvier.apps.healing import healing
from ranvier.apps.hindsight import trials_of
from ranvier.apps.preflight import Preflight, preflight
from ranvier.apps.tabular.choices import Choice, fill, implied, spell_out
from ranvier.apps.tabular.defaults import default_network, default_settings
from ranvier.apps.tabular.losses import (
    asked_of,
    follows_from,
    require_fit,
    require_targets,
    starts_at,
)
from ranvier.apps.tabular.model import head_for
from ranvier.apps.tabular.parts import measured, part_of, parts_of
from ranvier.core.config import resolve, to_json
from ranvier.core.errors import DataError, DivergedError, RunError
from ranvier.core.finding import Finding, grouped
from ranvier.data.known import data_set, is_known
from ranvier.data.tabular import TableData, prepare
from ranvier.losses import Loss, loss_from
from ranvier.nn import Wrapped, wrap
from ranvier.nn.foreign import build_or_copy
from ranvier.nn.prior import start_first_output_at_
from ranvier.report import write_report
from ranvier.runs import checkpoints
from ranvier.runs.documents import read_document, write_document
from ranvier.runs.history import History
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.step.reading import reading_of
from ranvier.train.execution import settle
from ranvier.train.healing import in_force
from ranvier.train.job import Job
from ranvier.train.machine import device_for, environment, threads_for
from ranvier.train.progress import Progress
from ranvier.train.session import Session

Records = tuple[tuple[str, dict[str, Any]], ...]


@dataclass(frozen=True)
class Prepared:
    """A table's data, the network for it, and every setting chosen.

    `module` is the one to train a copy of, where the network was not built here; `source` is what
    the data was read from.
    """

    data: TableData
    network: Network
    settings: TrainSettings
    choices: tuple[Choice, ...] = ()
    module: nn.Module | None = None
    source: Any = None

    def job(self) -> Job:
        """The training of this network on this data, before its first step.

        Raises:
            NetworkError, ConfigError: for a network, loss, metric or device that does not fit.
        """
        data, settings = self.data, self.settings
        assert settings.loss is not None, "a loss must be chosen before a job is made"
        loss = loss_from(settings.loss)
        validation = data.validation
        job = Job(
            task=data.task,
            module=self._module(loss),
            head=head_for(self.network, data.encoder, loss),
            training=part_of(data.train, loss),
            validation=None if validation is None else part_of(validation, loss),
            settings=settings,
            device=device_for(settings.device),
        )
        job.check()
        return job

    def _module(self, loss: Loss) -> nn.Module:
        """The network before its first update; one that was brought starts as it came."""
        shape = (self.data.train.inputs.shape[1],)
        module = build_or_copy(self.network, shape, self.module, seed=self.settings.seed)
        start = starts_at(loss, self.data.train.truth)
        if start is not None and self.module is None:
            start_first_output_at_(module, start)
        return module

    def usual(self) -> TrainSettings:
        """The settings that this data and network would get where nothing was asked for."""
        head = head_for(self.network, self.data.encoder, None)
        num_rows = len(self.data.train.inputs)
        follows = implied(TrainSettings(), single_logit=head.single_logit)
        defaults = default_settings(self.network, self.data.task, num_rows=num_rows)
        return spell_out(fill(TrainSettings(), [*follows, *defaults])[0])

    def under(self, settings: TrainSettings, network: Network) -> Prepared:
        """The same data with other settings and another network."""
        data = self.data
        if settings.class_weight != self.settings.class_weight:
            data = prepare(self.source, settings, form=data.encoder.form)
        return replace(self, data=data, settings=settings, network=network)

    def looked_at(self, job: Job) -> Preflight | None:
        """What preflight finds, None where it is not asked for."""
        if not self.settings.preflight:
            return None
        encoder = self.data.encoder
        return preflight(
            job,
            names=encoder.feature_names,
            looked_up=len(encoder.layout.cardinalities),
            said=self.data.findings,
        )

    def examined(self, job: Job, progress: Progress) -> Records:
        """The records of preflight, if it is asked for, its warnings told.

        Raises:
            PreflightError: for what would spoil the training from its first update.
        """
        found = self.looked_at(job)
        if found is None:
            return ()
        found.require_no_error()
        for finding in found.said:
            progress.say(str(finding))
        return found.records

    def session(
        self, job: Job, run: RunFolder, progress: Progress, *, opening: Records = ()
    ) -> Session:
        """The job in its run directory; `opening` are records to come before its first step."""
        parts = parts_of(self.data)

        def row(split: str, position: int) -> tuple[int, dict[str, Any]]:
            rows = parts[split]
            return int(rows.row_numbers[position]), rows.values(position)

        return Session(
            job=job,
            run=run,
            parts={split: measured(rows) for split, rows in parts.items()},
            row=row,
            network=json.loads(self.network.to_json()),
            encoder=self.data.encoder.to_json(),
            progress=progress,
            findings=self.data.findings,
            opening=opening,
            watcher=Doctor(lambda: trials_of(self.job())),
        )


def choose(
    given: Network | Wrapped | nn.Module | None, source: Any, settings: TrainSettings
) -> Prepared:
    """Read and encode the source, and choose all that is open.

    A network that the caller brings gets plain numbers, categories as indicators; the default
    network embeds categories itself.
    """
    loss = None if settings.loss is None else loss_from(settings.loss)
    settings, asked = fill(settings, asked_of(loss))
    choices: list[Choice] = [*asked]
    data = prepare(source, settings, form="codes" if given is None else "one_hot")
    if loss is not None:
        require_fit(loss, data.task)
        require_targets(loss, parts_of(data), data.task.target)
    num_rows = len(data.train.inputs)
    network, module = given if isinstance(given, Network) else None, None
    if isinstance(given, Wrapped | nn.Module):
        wrapped = given if isinstance(given, Wrapped) else wrap(given)
        network, module = wrapped.network(data.train.inputs.shape[1]), wrapped.module
    if network is None:
        layout = data.encoder.layout
        numbers = data.train.inputs[:, : layout.numeric]
        outputs = reading_of(data.task, loss).width
        network, why = default_network(layout, data.task, numbers=numbers, outputs=outputs)
        choices.append(Choice("network", "default for tables", why))
    choices += follows_from(loss, is_own=module is not None)
    head = head_for(network, data.encoder, loss)
    follows = implied(settings, single_logit=head.single_logit)
    defaults = default_settings(network, data.task, num_rows=num_rows)
    settings, taken = fill(settings, [*follows, *defaults])
    settings, machine = fill(spell_out(settings), [_threads(network, data, settings)])
    return Prepared(data, network, settings, (*choices, *taken, *machine), module, source)


def official_parts(source: Any, settings: TrainSettings) -> tuple[Any, TrainSettings]:
    """The training part of a known data set that has an official test part, and that part."""
    whole = is_known(source) and ":" not in source
    if not whole or settings.test is not None or not data_set(source).parts:
        return source, settings
    return f"{source}:train", replace(settings, test=f"{source}:test")


def begin(
    network: Network | Wrapped | nn.Module | None,
    source: Any,
    settings: TrainSettings,
    *,
    out: str | Path | None,
    progress: Progress,
    command: str | None = None,
) -> RunFolder:
    """Train on a table from the first step to the report."""
    source, settings = official_parts(source, settings)
    insisted = settings.threads
    # Found again from whatever folder the run is resumed in.
    validation, test = _path_of(settings.validation), _path_of(settings.test)
    settings = replace(settings, validation=validation, test=test)
    prepared = choose(network, source, settings)
    for line in (prepared.data.split, *map(str, prepared.choices)):
        progress.say(line)
    for finding in grouped(prepared.data.findings):
        progress.say(str(finding))
    # The job is made before the folder, so that what does not fit leaves no litter.
    data, job = prepared.data, prepared.job()
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
        document = _run_document(prepared, source, requested=settings, command=command)
        write_document(run.run, {**document, "execution": execution.to_json()})
        heals = prepared.settings.heal
        training = healing(prepared, run, progress).begin if heals else session.begin
        _conclude(run, training, progress)
        _tell(run, progress)
    return run


def _tell(run: RunFolder, progress: Progress) -> None:
    """Say of the verdict what was not said while training went."""
    found = map(Finding.from_json, read_document(run.summary)["findings"])
    for finding in news(list(found), History.read(run.events)):
        progress.say(str(finding))


def resume(
    run: RunFolder, *, source: Any = None, module: nn.Module | None = None, progress: Progress
) -> RunFolder:
    """Go on with a run exactly where it stopped; a finished one is left as it is.

    Raises:
        DataError: if the source is not the data that the run was begun with.
    """
    with run.lock():
        if not _is_finished(run):
            prepared = restore(run, source=source, module=module)
            _conclude(run, _rest_of(prepared, run, progress), progress)
        elif not run.report.is_file():  # stopped between the summary and the report
            write_report(run.path)
    return run


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


def restore(run: RunFolder, *, source: Any = None, module: nn.Module | None = None) -> Prepared:
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
    form, source = document["data"]["form"], _source_of(document, source)
    data = prepare(source, settings, form=form)
    if data.fingerprint != document["data"]["fingerprint"]:
        raise DataError(
            f"{data.source}: this is not the data that {run.path} was begun with (fingerprint "
            f"{data.fingerprint[:12]}, then {document['data']['fingerprint'][:12]}). "
            "Restore the file as it was, or train anew."
        )
    return Prepared(data, network, settings, module=module, source=source)


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


def _source_of(document: dict[str, Any], source: Any) -> Any:
    if source is not None:
        return source
    known = document["data"]["path"]
    if known is None:
        raise RunError(
            f"the run was begun with data in memory ({document['data']['source']}), which is not "
            "stored with it. Give the same data: rv.resume(run, source=data)."
        )
    return known


def _path_of(source: Any) -> str | None:
    """Where a resumed run finds the source again; None where it was in memory."""
    if not isinstance(source, str | Path):
        return None
    return str(Path(source).resolve()) if Path(source).exists() else str(source)


def _threads(network: Network, data: TableData, settings: TrainSettings) -> Choice:
    rows = settings.batch_size or len(data.train.inputs)
    operations = network.describe(input=(data.train.inputs.shape[1],)).flops
    threads = threads_for(3 * operations * rows)
    why = "measured for steps of this size" if threads > 1 else "a step this small gains by none"
    return Choice("threads", threads, why)


def _run_document(
    prepared: Prepared, source: Any, *, requested: TrainSettings, command: str | None
) -> dict[str, Any]:
    data, settings = prepared.data, prepared.settings
    unasked = to_json(TrainSettings())
    asked = {key: value for key, value in to_json(requested).items() if value != unasked[key]}
    return {
        "task": data.task.to_json(),
        "settings": to_json(settings),
        "requested": asked,
        "choices": [choice.to_json() for choice in prepared.choices],
        "data": {
            "source": data.source,
            "path": _path_of(source),
            "form": data.encoder.form,
            "fingerprint": data.fingerprint,
            "split": data.split,
            "parts": {split: len(rows) for split, rows in parts_of(data).items()},
            **data.profile,
        },
        "environment": environment(device_for(settings.device), threads=settings.threads or 1),
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
