"""Training that goes on: one pass at a time, or anew from the weights that there are."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars
from torch import Tensor

from ranvier.apps.choices import fill, implied, spell_out
from ranvier.apps.tabular import PreparedTable, TableModel, choose
from ranvier.apps.tabular.defaults import default_settings
from ranvier.apps.tabular.parts import part_of
from ranvier.data.tabular import Rows, labelled_rows, prepare
from ranvier.estimators.table import TARGET
from ranvier.losses import loss_from
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.train.job import Job
from ranvier.train.journal import Journal
from ranvier.train.machine import device_for
from ranvier.train.progress import Silent
from ranvier.train.store import Cursor, NoStore
from ranvier.train.trainer import Outcome


@dataclass(frozen=True)
class Checkpoint:
    """The place that the next pass goes on from: weights, the optimiser's state, random numbers."""

    tensors: Mapping[str, Tensor]
    document: Mapping[str, Any]


class MemoryStore(NoStore):
    """Keeps the newest checkpoint in memory, apart from the tensors that go on changing."""

    newest: Checkpoint

    def save(self, cursor: Cursor, tensors: dict[str, Tensor], document: dict[str, Any]) -> None:
        # The best weights are not kept: without validation the next pass is better by definition.
        kept = {
            name: tensor.detach().to("cpu", copy=True)
            for name, tensor in tensors.items()
            if not name.startswith("best/")
        }
        self.newest = Checkpoint(kept, document)


def one_pass(
    job: Job, checkpoint: Checkpoint | None, journal: Journal, *, passes: int
) -> tuple[Outcome, Checkpoint]:
    """Train once over the rows of `job`, after `passes` of them; nothing is held out.

    The loop is that of a run resumed from `checkpoint` for one epoch more; without one, the
    optimiser starts anew.
    """
    store = MemoryStore()
    settings = replace(job.settings, epochs=passes + 1, schedule="constant", patience=0)
    trainer = replace(job, settings=settings).trainer(journal, store, Silent())
    if checkpoint is None:
        trainer.cursor = Cursor(step=0, epoch=passes, step_in_epoch=0)
    else:
        trainer.load(checkpoint.tensors, {**checkpoint.document, "finished": None})
    outcome = trainer.run()
    return outcome, store.newest


def first_pass(
    network: Any, frame: polars.DataFrame, settings: TrainSettings, *, num_classes: int | None
) -> PreparedTable:
    """Encoder, network and settings from the first rows of a stream, which all train.

    Of `num_classes` classes, None for a regression, any may be missing among these rows.
    """
    settings = replace(settings, validation_fraction=0.0)
    prepared = choose(network, _with_all_classes(frame, num_classes), settings)
    encoder = prepared.data.encoder
    truth = frame[TARGET].to_numpy()
    if num_classes is None and truth.min() == truth.max():
        encoder = replace(encoder, target_center=float(truth[0]), target_scale=1.0)
    rows = labelled_rows(encoder, frame, weight=settings.weight)
    return replace(prepared, data=replace(prepared.data, encoder=encoder, train=rows))


def _with_all_classes(frame: polars.DataFrame, num_classes: int | None) -> polars.DataFrame:
    """`frame` as a table to choose by: a target that varies, with a row of each class at least.

    All rows come equally often, so that the encoder is that of the rows as they are.
    """
    copies = -(-max(2, num_classes or 2) // frame.height)
    frame = polars.concat([frame] * copies)
    target = frame[TARGET].to_numpy().copy()
    if num_classes is None:
        if target.min() == target.max():
            target[1::2] += max(1.0, abs(target[0]))
    else:
        present, first = np.unique(target, return_index=True)
        missing = np.setdiff1d(np.arange(num_classes), present)
        spare = np.setdiff1d(np.arange(len(target)), first)
        target[spare[: len(missing)]] = missing
    return frame.with_columns(polars.Series(TARGET, target))


def job_on(model: TableModel, train: Rows, validation: Rows | None, settings: TrainSettings) -> Job:
    """A training that starts from a copy of the model's weights, on rows that it encoded."""
    loss = loss_from(settings.loss) if settings.loss is not None else None
    return Job(
        task=model.task,
        # The model answers in float64 but was trained in float32, and comes back to the bit.
        module=copy.deepcopy(model.module).float(),
        head=model.head,
        training=part_of(train, loss),
        validation=None if validation is None else part_of(validation, loss),
        settings=settings,
        device=device_for(settings.device),
    )


def from_weights(
    model: TableModel, network: Network, frame: polars.DataFrame, settings: TrainSettings
) -> Job:
    """A whole training on `frame` from the weights of `model`, behind its encoder."""
    encoder = model.encoder
    data = prepare(frame, settings, form=encoder.form)
    rows = labelled_rows(encoder, frame, weight=settings.weight)
    train = _at(rows, data.train.row_numbers)
    validation = None if data.validation is None else _at(rows, data.validation.row_numbers)
    follows = implied(settings, single_logit=model.head.single_logit)
    defaults = default_settings(network, model.task, num_rows=len(train))
    settings, _ = fill(settings, [*follows, *defaults])
    job = job_on(model, train, validation, spell_out(settings))
    job.check()
    return job


def _at(rows: Rows, numbers: np.ndarray) -> Rows:
    """The rows of these numbers; every row of the table has a target, so number N is at N − 1."""
    places = numbers - 1
    weights = None if rows.weights is None else rows.weights[places]
    return Rows(
        rows.inputs[places],
        rows.targets[places],
        rows.truth[places],
        weights,
        weights,
        numbers,
        rows.frame,
    )
