"""Everything that the report shows of a run's pictures, made once when training is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ranvier.apps.image.gallery.augmented import augmented
from ranvier.apps.image.gallery.classes import class_scores
from ranvier.apps.image.gallery.errors import errors
from ranvier.apps.image.gallery.heat import heat_of
from ranvier.apps.image.gallery.samples import samples
from ranvier.apps.image.gallery.suspects import suspects
from ranvier.apps.image.gallery.twins import groups_of, twins
from ranvier.apps.image.parts import parts_of
from ranvier.data.image import PictureData
from ranvier.step import Head
from ranvier.step.reading import PREDICTION, Arrays
from ranvier.train.job import Job

KIND = "pictures"
JUDGED_ON = ("test", "validation")

Payload = dict[str, Any]
Looks = Callable[[nn.Module, Mapping[str, Arrays]], Iterator[tuple[str, Payload]]]


def looks_of(data: PictureData, job: Job) -> Looks:
    """What makes the records of this job's pictures of the trained network and its answers."""
    settings = job.settings

    def looks(module: nn.Module, answers: Mapping[str, Arrays]) -> Iterator[tuple[str, Payload]]:
        predicted = {split: answer[PREDICTION] for split, answer in answers.items()}
        for payload in gallery(
            module, job.head, data, predicted,
            seed=settings.seed, mixup=settings.mixup or 0.0, cutmix=settings.cutmix or 0.0,
        ):  # fmt: skip
            yield KIND, payload

    return looks


def gallery(
    module: nn.Module,
    head: Head,
    data: PictureData,
    answers: Mapping[str, NDArray[np.float64]],
    *,
    seed: int = 0,
    mixup: float = 0.0,
    cutmix: float = 0.0,
) -> Iterator[Payload]:
    """The payloads of the events of kind "pictures", in the order in which the report shows them.

    `answers` are the network's by part ("train", "validation", "test"), probabilities `[N, C]` or
    numbers `[N]`; a part without them is not looked at for errors and doubts. Errors are those of
    the test part, or else of the validation part. The network is left as it was.
    """
    task, parts = head.task, parts_of(data)
    wanted: dict[str, Callable[[], Payload | None]] = {
        "samples": lambda: samples(task, data.train),
        "augmented": lambda: augmented(
            module, task, data.train, seed=seed, mixup=mixup, cutmix=cutmix
        ),
    }
    judged = next((split for split in JUDGED_ON if split in answers and split in parts), None)
    if judged is not None:
        part, answer = parts[judged], answers[judged]
        wanted["classes"] = lambda: class_scores(task, part.truth, answer, split=judged)
        wanted["errors"] = lambda: errors(
            task, part, answer, split=judged, heat=heat_of(module, head)
        )
    wanted["suspects"] = lambda: suspects(task, parts, answers)
    wanted["twins"] = lambda: twins(task, parts, groups_of(data))
    for what, make in wanted.items():
        payload = _made(what, make)
        if payload is not None:
            yield payload


def _made(what: str, make: Callable[[], Payload | None]) -> Payload | None:
    """What is made, or a word on why it could not be: showing must not cost what was trained."""
    try:
        return make()
    except Exception as error:  # whatever a module written elsewhere may raise
        return {"what": what, "items": [], "failed": f"{type(error).__name__}: {error}"}
