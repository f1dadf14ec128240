"""The network and the training that pictures get where nothing was asked for, and why."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np

from ranvier.apps.choices import Choice
from ranvier.apps.image.augmentations import (
    Canvas,
    Symmetries,
    named_layers,
    names_of,
    usual_names,
)
from ranvier.apps.image.budget import Budget, budget_for
from ranvier.apps.image.entrance import entrance
from ranvier.apps.image.networks import FEW_PICTURES, Demand, network_for
from ranvier.core.task import Task
from ranvier.data.image import PictureData
from ranvier.losses import loss_from
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Layer, Network
from ranvier.step.reading import reading_of
from ranvier.train.plan import LAST

# Passes over the pictures after which more bring little, and updates that few pictures take.
MOST_EPOCHS, FEWEST_UPDATES = 40, 2_000
# What a simple classifier gets right of pictures that are easy to tell apart.
EASY_SCORE = 0.9
# So few pictures to validate on tell one epoch from the next by luck.
FEW_TO_VALIDATE = 500
MUON_RATE, ADAMW_RATE = 0.02, 0.001
BATCH = 128


def default_augmentation(
    data: PictureData, settings: TrainSettings
) -> tuple[tuple[Layer, ...], list[Choice]]:
    """The layers that change pictures in training, and how they were chosen if nobody named them.

    Raises:
        ConfigError: for a name that is not known.
    """
    canvas = Canvas.of(data.encoder)
    if settings.augmentation is not None:
        return named_layers(names_of(settings.augmentation), canvas), []
    names, why = usual_names(canvas, symmetries_of(data), rows=len(data.train))
    choice = Choice("augmentation", ",".join(names) or "none", why)
    return named_layers(names, canvas), [choice]


def symmetries_of(data: PictureData) -> Symmetries:
    """What the training pictures show of their symmetry; none where nobody looked."""
    known = data.profile.get("symmetry")
    if not known:
        return Symmetries()
    return Symmetries(**{each.name: known[each.name] for each in fields(Symmetries)})


def default_network(
    data: PictureData, augmentation: tuple[Layer, ...], settings: TrainSettings
) -> tuple[Network, str]:
    """The network for these pictures behind its entrance, and why it is that one."""
    loss = None if settings.loss is None else loss_from(settings.loss)
    outputs = reading_of(data.task, loss).width
    network, why = network_for(demand_of(data, outputs), _budget(data, settings))
    layers = (*entrance(data.encoder, augmentation), *network.layers)
    return Network(*layers, name=network.name), why


def default_settings(network: Network, data: PictureData, settings: TrainSettings) -> list[Choice]:
    """Every setting of the training that data and time should decide, and why it is so."""
    rows, budget = len(data.train), _budget(data, settings)
    batch_size = settings.batch_size or default_batch_size(rows)
    steps = math.ceil(rows / batch_size)
    return [
        *_objective(data.task),
        *_optimizer(network, batch_size=batch_size),
        Choice("batch_size", batch_size, f"{steps:,} updates an epoch of {rows:,} pictures"),
        _epochs(demand_of(data, data.task.outputs), network, budget, steps=steps),
        Choice("clip_norm", 0.0, "no limit: these networks train well without"),
        Choice("patience", 0, "never: the last epochs, at the smallest rates, bring the most"),
        Choice("cutmix", 0.0, "none: it pays in trainings many times as long"),
        *_against_chance(rows, validation_rows=demand_of(data, 1).validation_rows),
        _views(symmetries_of(data)),
    ]


def demand_of(data: PictureData, outputs: int) -> Demand:
    """What the data asks of a network."""
    seen = 0 if data.validation is None else len(data.validation)
    return Demand(data.encoder.form.shape, len(data.train), seen, outputs)


def default_batch_size(rows: int) -> int:
    """Pictures per update: the power of two nearest to a 32nd of them, from 16 to 128.

    Above 200,000 it is 256.

    >>> [default_batch_size(rows) for rows in (200, 2_000, 50_000, 1_000_000)]
    [16, 64, 128, 256]
    """
    if rows > 200_000:
        return 2 * BATCH
    return int(np.clip(2 ** round(math.log2(max(1, rows / 32))), 16, BATCH))


def _budget(data: PictureData, settings: TrainSettings) -> Budget:
    return budget_for(
        settings.minutes,
        is_easy=data.profile.get("symmetry_scores", {}).get("score", 0.0) >= EASY_SCORE,
        device=settings.device,
        threads=settings.threads,
    )


def _objective(task: Task) -> list[Choice]:
    if task.is_multilabel:
        loss = "binary_cross_entropy"
        return [Choice("loss", loss, "asks of each class by itself whether it holds")]
    if not task.is_classification:
        return [Choice("loss", "mean_squared_error", "rewards the mean of what to expect")]
    smoothed = {"kind": "cross_entropy", "label_smoothing": 0.1}
    return [Choice("loss", smoothed, "smoothed: no picture is worth certainty")]


def _optimizer(network: Network, *, batch_size: int) -> list[Choice]:
    """How weights change: Muon for the usual convolutional networks, AdamW for all others.

    On Fashion-MNIST four epochs of one compact network came to a validation accuracy of 91.6 % by
    Muon, 90.5 % by AdamW and 88.7 % by momentum.
    """
    anneal = {"kind": "one_cycle", "warmup": 0.25}
    schedule = Choice("schedule", anneal, "a rise, then a fall to 0, so that weights settle")
    scale = math.sqrt(batch_size / BATCH)
    if not is_usual_convolutional(network):
        return [
            Choice("optimizer", "adamw", "gives each weight a step of its own size"),
            Choice("learning_rate", ADAMW_RATE * scale, "the usual one for any network"),
            Choice("weight_decay", 0.05, "pulls weights towards 0, so that less noise is learnt"),
            schedule,
        ]
    return [
        Choice("optimizer", "muon", "learns convolutions in half the epochs that others take"),
        Choice("learning_rate", MUON_RATE * scale, f"suits {batch_size} pictures an update"),
        Choice("weight_decay", 0.01, "pulls weights towards 0, so that less noise is learnt"),
        schedule,
    ]


def is_usual_convolutional(network: Network) -> bool:
    """Whether it is a residual network as `default_network` gives them."""
    return (network.name or "").startswith(("compact_resnet", "resnet"))


def _epochs(demand: Demand, network: Network, budget: Budget, *, steps: int) -> Choice:
    """As many as there is time for, and as bring something."""
    fitting = demand.epochs(network, budget)
    enough = max(MOST_EPOCHS, math.ceil(FEWEST_UPDATES / steps))
    if fitting >= enough:
        return Choice("epochs", enough, f"{enough * steps:,} updates; more would bring little")
    words = f"{budget.minutes:g} minute{'s' if budget.minutes != 1 else ''}"
    asked = "" if budget.is_asked else ", the usual time; ask for more with --minutes"
    return Choice("epochs", fitting, f"what fits into about {words}{asked}")


def _against_chance(rows: int, *, validation_rows: int) -> list[Choice]:
    """What keeps few pictures from being learnt by heart, and few others from misleading.

    On 170 pictures of pullovers and coats (Fashion-MNIST, three draws, tested on all 2,000) keeping
    the last epoch is worth 1.0 point of accuracy over that of 30 pictures' lowest loss; averaging
    and mixup add 0.8.
    """
    if validation_rows < FEW_TO_VALIDATE:
        picks = Choice("metric", LAST, "too few pictures validate to tell one epoch from the next")
    else:
        picks = Choice("metric", "loss", "of the validation pictures; it picks the epoch to keep")
    if rows < FEW_PICTURES:
        return [
            picks,
            Choice("average_decay", 0.98, "of the last updates: few pictures make each a gamble"),
            Choice("mixup", 0.4, "between few pictures others are made, so that none is learnt"),
        ]
    return [
        picks,
        Choice("average_decay", 0.0, "none: a rate that falls to 0 averages by itself"),
        Choice("mixup", 0.0, "none: it pays in trainings many times as long"),
    ]


def _views(symmetries: Symmetries) -> Choice:
    if symmetries.flips:
        return Choice("views", "flip", "a picture and its mirror image are alike here")
    return Choice("views", "none", "nothing shows that pictures seen otherwise are alike")
