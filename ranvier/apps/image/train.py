"""From pictures to a training: read, decode, choose; the same again for a run that goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from torch import nn

from ranvier.apps.choices import Choice, fill, implied, refuse, spell_out
from ranvier.apps.conduct import Given
from ranvier.apps.doctor import Doctor
from ranvier.apps.image.defaults import default_augmentation, default_network, default_settings
from ranvier.apps.image.entrance import behind_entrance, own_behind_entrance
from ranvier.apps.image.finetuning import (
    begun_from,
    finetuning_settings,
    in_form_of,
    started_network,
)
from ranvier.apps.image.gallery import looks_of
from ranvier.apps.image.model import head_for
from ranvier.apps.image.parts import measured, part_of, parts_of
from ranvier.apps.preflight import Preflight, preflight
from ranvier.apps.prepared import Prepared, Records
from ranvier.apps.starting import Start, fill_
from ranvier.data.image import PictureData, is_pictures, prepare
from ranvier.losses import loss_from
from ranvier.nn.foreign import build_or_copy
from ranvier.nn.views import Views
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Layer, Network
from ranvier.train.job import Job
from ranvier.train.machine import device_for, threads_for
from ranvier.train.progress import Progress, Silent
from ranvier.train.session import Session

NAME = "image"

# What is about the columns of a table, and what of that a table that names pictures has too.
FOR_TABLES, FOR_NAMING_TABLES = ("categories", "time"), ("ignore", "weight", "group")


def takes(source: Any, settings: TrainSettings) -> bool:
    """Whether a source holds pictures."""
    return is_pictures(source, settings)


@dataclass(frozen=True)
class PreparedPictures(Prepared):
    """Pictures, the network for them, and every setting chosen.

    `start` holds the weights that the network starts from, if it is not to be drawn.
    """

    data: PictureData
    start: Start | None = field(default=None, kw_only=True)

    def sizes(self) -> Mapping[str, int]:
        return {split: len(pictures) for split, pictures in parts_of(self.data).items()}

    def said(self) -> Iterable[str]:
        return (self.data.sizes, *super().said())

    def job(self) -> Job:
        data, settings = self.data, self.settings
        assert settings.loss is not None, "a loss must be chosen before a job is made"
        loss = loss_from(settings.loss)
        validation = data.validation
        job = Job(
            task=data.task,
            module=self._module(),
            head=head_for(self.network, data.encoder, loss),
            training=part_of(data.train, loss),
            validation=None if validation is None else part_of(validation, loss),
            settings=settings,
            device=device_for(settings.device),
            views=Views.from_names(settings.views or "none"),
        )
        job.check()
        return job

    def _module(self) -> nn.Module:
        """The network before its first update; one that was brought starts as it came."""
        shape = self.data.encoder.form.shape
        module = build_or_copy(self.network, shape, self.module, seed=self.settings.seed)
        if self.start is not None:
            fill_(module, self.start, keeps_head=self.start.suits(self.data.task))
        return module

    def usual(self) -> TrainSettings:
        head = head_for(self.network, self.data.encoder, None)
        follows = implied(TrainSettings(), single_logit=head.single_logit)
        defaults = default_settings(self.network, self.data, TrainSettings())
        return spell_out(fill(TrainSettings(), [*follows, *defaults])[0])

    def under(self, settings: TrainSettings, network: Network) -> Self:
        data = self.data
        if settings.class_weight != self.settings.class_weight:
            data = prepare(self.source, settings)
        return replace(self, data=data, settings=settings, network=network)

    def looked_at(self, job: Job) -> Preflight | None:
        return preflight(job, said=self.data.findings) if self.settings.preflight else None

    def session(
        self, job: Job, run: RunFolder, progress: Progress, *, opening: Records = ()
    ) -> Session:
        parts = parts_of(self.data)

        def row(split: str, position: int) -> tuple[int, dict[str, Any]]:
            pictures = parts[split]
            return int(pictures.numbers[position]), {"file": pictures.names[position]}

        return Session(
            job=job,
            run=run,
            parts={split: measured(pictures) for split, pictures in parts.items()},
            row=row,
            network=json.loads(self.network.to_json()),
            encoder=self.data.encoder.to_json(),
            progress=progress,
            findings=self.data.findings,
            opening=opening,
            watcher=Doctor(),
            looks=looks_of(self.data, job),
        )


def choose(
    given: Given, source: Any, settings: TrainSettings, *, progress: Progress | None = None
) -> PreparedPictures:
    """Read and decode the source, and choose all that is open."""
    refuse(settings, FOR_TABLES, "for columns of a table, but the source holds pictures")
    start = begun_from(settings, given)
    settings = in_form_of(start, settings)
    data = prepare(source, settings, progress=(progress or Silent()).work)
    if not str(data.profile["listing"].get("kind", "")).startswith("table"):
        refuse(settings, FOR_NAMING_TABLES, "for columns of a table, but none names the pictures")
    augmentation, changes = default_augmentation(data, settings)
    network, module, choices = _network(given, data, augmentation, settings, start)
    loss = None if settings.loss is None else loss_from(settings.loss)
    head = head_for(network, data.encoder, loss)
    follows = implied(settings, single_logit=head.single_logit)
    if start is not None:
        follows += finetuning_settings(start, network, data, settings)
    settings, taken = fill(settings, [*follows, *default_settings(network, data, settings)])
    settings, machine = fill(spell_out(settings), [_threads(network, data, settings)])
    return PreparedPictures(
        data,
        network,
        settings,
        choices=(*choices, *changes, *taken, *machine),
        module=module,
        source=source,
        start=start,
    )


def again(
    source: Any,
    settings: TrainSettings,
    network: Network,
    *,
    document: Mapping[str, Any],
    module: nn.Module | None = None,
    progress: Progress | None = None,
) -> PreparedPictures:
    """Read and decode the source as the run whose `document` this is once did."""
    data = prepare(source, settings, progress=(progress or Silent()).work)
    if module is not None:
        augmentation, _ = default_augmentation(data, settings)
        network, module = own_behind_entrance(module, data.encoder, augmentation)
    start = begun_from(settings, None)
    return PreparedPictures(data, network, settings, module=module, source=source, start=start)


def _network(
    given: Given,
    data: PictureData,
    augmentation: tuple[Layer, ...],
    settings: TrainSettings,
    start: Start | None,
) -> tuple[Network, nn.Module | None, list[Choice]]:
    """The network behind its entrance, the module if it is the caller's own, and why."""
    if start is not None:
        network, why = started_network(start, data, augmentation, settings)
        return network, None, [Choice("network", network.name or "as its weights have it", why)]
    if given is None:
        network, why = default_network(data, augmentation, settings)
        return network, None, [Choice("network", network.name or "default for pictures", why)]
    if isinstance(given, Network):
        return behind_entrance(given, data.encoder, augmentation), None, []
    network, module = own_behind_entrance(given, data.encoder, augmentation)
    return network, module, []


def _threads(network: Network, data: PictureData, settings: TrainSettings) -> Choice:
    rows = settings.batch_size or len(data.train)
    operations = network.describe(input=data.encoder.form.shape).flops
    threads = threads_for(3 * operations * rows)
    why = "measured for steps of this size" if threads > 1 else "a step this small gains by none"
    return Choice("threads", threads, why)
