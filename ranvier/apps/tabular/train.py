"""From a table to a run: prepare, choose, build, train, write down."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ranvier.apps.tabular.choices import Choice, choose_network, choose_settings
from ranvier.core import config
from ranvier.core.errors import ConfigError, RunError
from ranvier.core.shapes import Shape
from ranvier.data.tabular import Rows, TableData, prepare
from ranvier.nn import build
from ranvier.runs.documents import read_document, write_document
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.step import Head
from ranvier.train.batches import Part
from ranvier.train.job import Job
from ranvier.train.machine import device_for, environment
from ranvier.train.progress import Progress
from ranvier.train.session import Session

FORMAT = 1


@dataclass(frozen=True)
class Prepared:
    """A job on a table with what must be written beside its weights."""

    job: Job
    data: TableData
    network: dict[str, Any]
    choices: tuple[Choice, ...]


def assemble(
    network: Network | nn.Module | None, data: TableData, settings: TrainSettings
) -> Prepared:
    """Choose what is open, build the network, make the job."""
    choices: list[Choice] = []
    if network is None:
        network, chosen = choose_network(data)
        choices += chosen
    settings, chosen = choose_settings(network, data, settings)
    choices += chosen
    shape = (data.train.inputs.shape[1],)
    module, output_shape, members, document = _module(network, shape, seed=settings.seed)
    job = Job(
        task=data.task,
        module=module,
        head=Head.fit(data.task, output_shape, members),
        training=part_of(data.train),
        validation=part_of(data.validation) if len(data.validation.inputs) else None,
        settings=settings,
        to_values=data.encoder.to_values,
        device=device_for(settings.device),
    )
    return Prepared(job, data, document, tuple(choices))
