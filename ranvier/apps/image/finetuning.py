"""Picture networks that start from weights: their form, their head, and how fast what moves."""

from __future__ import annotations

from dataclasses import replace

from ranvier.apps.choices import Choice
from ranvier.apps.conduct import Given
from ranvier.apps.freezing import default_freeze, freezing
from ranvier.apps.image.entrance import entrance
from ranvier.apps.starting import Start, fill_, network_from, read_start
from ranvier.core.errors import ConfigError
from ranvier.data.image import PictureData
from ranvier.losses import loss_from
from ranvier.nn import build
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Layer, Network
from ranvier.step.reading import reading_of

# Weights that know something already are moved more slowly than those that were drawn.
LEARNING_RATE = 0.001
# What few pictures have to say is said in so many epochs.
EPOCHS = 20


def begun_from(settings: TrainSettings, given: Given) -> Start | None:
    """The weights that the settings name, for the network that was brought, if one was.

    Raises:
        ConfigError: for a module of the caller's own, which starts as it comes.
        RunError, NetworkError: for weights that cannot be read.
    """
    if settings.start_from is None:
        if settings.freeze is not None:
            raise ConfigError(
                f"freeze={settings.freeze}: there are no weights to keep. Say what to start from "
                "too, as in --start-from RUN."
            )
        return None
    if given is not None and not isinstance(given, Network):
        raise ConfigError(
            f"start_from={settings.start_from}: the network is a module of your own, which starts "
            "as it comes. Load the weights into it first, and leave start_from out."
        )
    return read_start(settings.start_from, network=given)


def in_form_of(start: Start | None, settings: TrainSettings) -> TrainSettings:
    """The settings with the size and the colours that the weights were trained on."""
    if start is None:
        return settings
    size, channels = settings.size, settings.channels
    if size is None and start.size is not None:
        size = f"{start.size[0]}x{start.size[1]}"
    if channels is None and start.form is not None:
        channels = "grey" if start.form.channels == 1 else "rgb"
    return replace(settings, size=size, channels=channels)


def started_network(
    start: Start, data: PictureData, augmentation: tuple[Layer, ...], settings: TrainSettings
) -> tuple[Network, str]:
    """The network that the weights are of, under a head for this data, and what became of them."""
    loss = None if settings.loss is None else loss_from(settings.loss)
    numbers, *_ = entrance(data.encoder, ())
    form = data.encoder.form
    network = network_from(
        start,
        outputs=reading_of(data.task, loss).width,
        channels=form.channels,
        numbers=numbers,
        augmentation=augmentation,
    )
    module = build(network, form.shape)
    return network, fill_(module, start, keeps_head=start.suits(data.task))


def finetuning_settings(
    start: Start, network: Network, data: PictureData, settings: TrainSettings
) -> list[Choice]:
    """What is chosen otherwise for weights that know something already.

    Raises:
        ConfigError: for layers that are said twice to rest.
    """
    if settings.parameter_groups and settings.freeze in ("gradual", "backbone"):
        raise ConfigError(
            f"freeze={settings.freeze} says which layers rest, and so does parameter_groups; got "
            "both. Leave one of them out."
        )
    freeze, why = default_freeze(len(data.train))
    if settings.parameter_groups:
        freeze, why = "none", "parameter_groups says what rests"
    epochs = settings.epochs or EPOCHS
    chosen = freezing(network, data.encoder.form.shape, settings.freeze or freeze, epochs=epochs)
    return [
        Choice("freeze", freeze, why),
        Choice("parameter_groups", chosen.groups or None, chosen.words),
        Choice("optimizer", "adamw", "gives each weight a step of its own size"),
        Choice("learning_rate", LEARNING_RATE, "small, so that what is known is not lost"),
        Choice("epochs", epochs, "what is new here is learnt in few"),
    ]
