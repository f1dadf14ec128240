"""From a table to a training: read, encode, choose; the same again for a run that goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from torch import nn

from ranvier.apps.choices import Choice, fill, implied, refuse, spell_out
from ranvier.apps.conduct import Given
from ranvier.apps.doctor import Doctor
from ranvier.apps.hindsight import trials_of
from ranvier.apps.preflight import Preflight, preflight
from ranvier.apps.prepared import Prepared, Records
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
from ranvier.data.known import data_set, is_known
from ranvier.data.tabular import TableData, prepare
from ranvier.losses import Loss, loss_from
from ranvier.nn import Wrapped, wrap
from ranvier.nn.foreign import build_or_copy
from ranvier.nn.prior import start_first_output_at_
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.step.reading import reading_of
from ranvier.train.job import Job
from ranvier.train.machine import device_for, threads_for
from ranvier.train.progress import Progress
from ranvier.train.session import Session

NAME = "tabular"

# What is about pictures, or not yet done for tables.
NOT_FOR_TABLES = (
    *("size", "channels", "augmentation", "mixup", "cutmix", "views", "most_left_out"),
    *("minutes", "start_from", "freeze"),
)


@dataclass(frozen=True)
class PreparedTable(Prepared):
    """A table's rows, the network for them, and every setting chosen."""

    data: TableData

    def sizes(self) -> Mapping[str, int]:
        return {split: len(rows) for split, rows in parts_of(self.data).items()}

    def facts(self) -> dict[str, Any]:
        return {"form": self.data.encoder.form}

    def job(self) -> Job:
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
        head = head_for(self.network, self.data.encoder, None)
        num_rows = len(self.data.train.inputs)
        follows = implied(TrainSettings(), single_logit=head.single_logit)
        defaults = default_settings(self.network, self.data.task, num_rows=num_rows)
        return spell_out(fill(TrainSettings(), [*follows, *defaults])[0])

    def under(self, settings: TrainSettings, network: Network) -> Self:
        data = self.data
        if settings.class_weight != self.settings.class_weight:
            data = prepare(self.source, settings, form=data.encoder.form)
        return replace(self, data=data, settings=settings, network=network)

    def looked_at(self, job: Job) -> Preflight | None:
        if not self.settings.preflight:
            return None
        encoder = self.data.encoder
        return preflight(
            job,
            names=encoder.feature_names,
            looked_up=len(encoder.layout.cardinalities),
            said=self.data.findings,
        )

    def session(
        self, job: Job, run: RunFolder, progress: Progress, *, opening: Records = ()
    ) -> Session:
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
    given: Given, source: Any, settings: TrainSettings, *, progress: Progress | None = None
) -> PreparedTable:
    """Read and encode the source, and choose all that is open.

    A network that the caller brings gets plain numbers, categories as indicators; the default
    network embeds categories itself.
    """
    refuse(settings, NOT_FOR_TABLES, "for pictures, but the source is a table")
    source, settings = _official_parts(source, settings)
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
    return PreparedTable(
        data,
        network,
        settings,
        choices=(*choices, *taken, *machine),
        module=module,
        source=source,
    )


def again(
    source: Any,
    settings: TrainSettings,
    network: Network,
    *,
    document: Mapping[str, Any],
    module: nn.Module | None = None,
    progress: Progress | None = None,
) -> PreparedTable:
    """Read and encode the source as the run whose `document` this is once did."""
    data = prepare(source, settings, form=document["data"]["form"])
    return PreparedTable(data, network, settings, module=module, source=source)


def _official_parts(source: Any, settings: TrainSettings) -> tuple[Any, TrainSettings]:
    """The training part of a known data set that has an official test part, and that part."""
    whole = is_known(source) and ":" not in source
    if not whole or settings.test is not None or not data_set(source).parts:
        return source, settings
    return f"{source}:train", replace(settings, test=f"{source}:test")


def _threads(network: Network, data: TableData, settings: TrainSettings) -> Choice:
    rows = settings.batch_size or len(data.train.inputs)
    operations = network.describe(input=(data.train.inputs.shape[1],)).flops
    threads = threads_for(3 * operations * rows)
    why = "measured for steps of this size" if threads > 1 else "a step this small gains by none"
    return Choice("threads", threads, why)
