"""A small training job with everything in it that has state: dropout, batch norm, average, clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ranvier.core.task import Task
from ranvier.nn import build
from ranvier.runs.settings import TrainSettings
from ranvier.spec import BatchNorm, Dense, Dropout, Network
from ranvier.step import Head
from ranvier.train.batches import Part
from ranvier.train.job import Job

MakeJob = Callable[..., Job]


def _part(rows: int, seed: int) -> Part:
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, 6)).astype(np.float32)
    truth = (inputs[:, 0] * inputs[:, 1] + 0.3 * inputs[:, 2] > 0).astype(np.int64)
    return Part(torch.from_numpy(inputs), torch.from_numpy(truth), truth)


@pytest.fixture
def make_job() -> MakeJob:
    def make(**changes: Any) -> Job:
        settings: dict[str, Any] = {
            "loss": "cross_entropy",
            "optimizer": {"kind": "adamw", "learning_rate": 0.01, "weight_decay": 0.01},
            "schedule": "cosine",
            "learning_rate": 0.01,
            "weight_decay": 0.01,
            "epochs": 6,
            "batch_size": 32,
            "clip_norm": 1.0,
            "average_decay": 0.9,
            "patience": 0,
            "threads": 1,
            "statistics_every": 7,
            **changes,
        }
        network = Network(Dense(16, activation="relu"), BatchNorm(), Dropout(0.2), Dense(2))
        task = Task("classification", "y", ("no", "yes"))
        return Job(
            task=task,
            module=build(network, (6,)),
            head=Head.fit(task, network.output_shape(6), network.members),
            training=_part(330, 0),
            validation=_part(120, 1),
            settings=TrainSettings(**settings),
            device=torch.device("cpu"),
        )

    return make
