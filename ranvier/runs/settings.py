"""What a run was asked to do: the one schema behind options, configuration files and arguments.

A setting left at None is chosen from the data; the value chosen, and why, stands in run.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ranvier.core.config import setting

DATA, PICTURES, NETWORK, TRAINING, MACHINE = "Data", "Pictures", "Network", "Training", "Machine"


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Everything `ranvier train` can be told."""

    # The data.
    target: str | None = setting(None, "column to predict; the last one if left out", group=DATA)
    task: str | None = setting(
        None,
        "what is predicted: one class, any number of them, or a number",
        group=DATA,
        choices=("classification", "multilabel", "regression"),
    )
    ignore: tuple[str, ...] = setting((), "columns to leave out", group=DATA)
    categories: tuple[str, ...] = setting((), "columns to read as categories", group=DATA)
    weight: str | None = setting(None, "column that says how much a row counts", group=DATA)
    group: str | None = setting(None, "column whose equal values are split together", group=DATA)
    time: str | None = setting(None, "column to split by: the latest rows are the test", group=DATA)
    validation: str | None = setting(None, "validation rows, instead of a split", group=DATA)
    test: str | None = setting(None, "test rows, instead of a split", group=DATA)
    validation_fraction: float = setting(0.15, "share of the rows for validation", group=DATA)
    test_fraction: float = setting(0.15, "share of the rows for the test", group=DATA)
    class_weight: str = setting(
        "none", "whether rare classes count more", group=DATA, choices=("none", "balanced")
    )

    # What is for pictures alone.
    size: str | None = setting(
        None, "sides that pictures get: 64, or 48x64 (height first)", group=PICTURES
    )
    channels: str | None = setting(
        None, "whether colour is kept", group=PICTURES, choices=("grey", "rgb")
    )
    augmentation: str | None = setting(
        None, "what changes in training: none, or names such as shift,flip,erase", group=PICTURES
    )
    mixup: float | None = setting(
        None, "how much pictures are blended with others; 0 for not", group=PICTURES, least=0
    )
    cutmix: float | None = setting(
        None, "how much boxes are taken from other pictures; 0 for not", group=PICTURES, least=0
    )
    views: str | None = setting(
        None, "what answers are averaged over: none, or names such as flip,shift", group=PICTURES
    )
    most_left_out: float = setting(
        0.05, "largest share of pictures that may be unfit to read", group=PICTURES, least=0
    )

    # The network.
    network: str | None = setting(None, "a network's description, a JSON file", group=NETWORK)
    start_from: str | None = setting(
        None, "weights to start from: a run, or a .safetensors file", group=NETWORK
    )
    freeze: str | None = setting(
        None,
        "which weights from there stay, and how long",
        group=NETWORK,
        choices=("none", "gradual", "backbone"),
    )

    # Its training.
    epochs: int | None = setting(
        None, "passes over the training rows, at most", group=TRAINING, least=1
    )
    minutes: float | None = setting(
        None, "how long training may take, about; sizes network and epochs", group=TRAINING, least=0
    )
    batch_size: int | None = setting(
        None, "rows an update; 0 for all at once", group=TRAINING, least=0
    )
    patience: int | None = setting(
        None, "epochs without gain before it stops; 0 for never", group=TRAINING, least=0
    )
    metric: str | None = setting(
        None, "validation metric that picks the epoch to keep; last keeps the last", group=TRAINING
    )
    loss: str | dict[str, Any] | None = setting(
        None, "what is made small, such as huber", group=TRAINING
    )
    optimizer: str | dict[str, Any] | None = setting(
        None, "how weights change, such as adamw or sgd", group=TRAINING
    )
    schedule: str | dict[str, Any] | None = setting(
        None, "how the learning rate goes, such as one_cycle", group=TRAINING
    )
    learning_rate: float | None = setting(None, "the peak of it", group=TRAINING)
    weight_decay: float | None = setting(
        None, "pull of the weights towards 0", group=TRAINING, least=0
    )
    l1: float = setting(0.0, "penalty on absolute weights", group=TRAINING, least=0)
    l2: float = setting(0.0, "penalty on squared weights, halved", group=TRAINING, least=0)
    orthogonal: float = setting(
        0.0, "penalty on weight rows that are not orthonormal", group=TRAINING, least=0
    )
    accumulate: int = setting(
        1, "parts that the rows of an update go through the network in", group=TRAINING, least=1
    )
    clip_norm: float | None = setting(
        None, "largest norm of the whole gradient; 0 for no limit", group=TRAINING, least=0
    )
    clip_each_norm: float = setting(
        0.0, "largest norm of a parameter's gradient; 0 for no limit", group=TRAINING, least=0
    )
    clip_value: float = setting(
        0.0, "largest element of a gradient; 0 for no limit", group=TRAINING, least=0
    )
    clip_adaptive: float = setting(
        0.0, "largest gradient norm of a unit, in those of its weights", group=TRAINING, least=0
    )
    parameter_groups: dict[str, Any] | None = setting(
        None, 'settings by name of parameters: {"dense_0": {"frozen": true}}', group=TRAINING
    )
    average_decay: float | None = setting(
        None, "decay of a moving average of weights; 0 for none", group=TRAINING, least=0, below=1
    )
    average_from: int = setting(
        0, "epoch from which weights are averaged equally; 0 for none", group=TRAINING, least=0
    )
    preflight: bool = setting(
        True,
        "look at data and network first, and stop at errors; --no-preflight leaves it out",
        group=TRAINING,
    )
    heal: bool = setting(
        False, "at an error go back, apply a cure, and keep it if it helps", group=TRAINING
    )
    seed: int = setting(0, "seed of everything random", group=TRAINING)

    # The machine.
    device: str = setting("auto", "auto, cpu, cuda, cuda:1 …", group=MACHINE)
    threads: int | None = setting(None, "processor threads", group=MACHINE, least=1)
    executor: str = setting(
        "auto",
        "what runs an update",
        group=MACHINE,
        choices=("auto", "eager", "replay", "native", "inductor", "inductor-beside", "cudagraph"),
    )
    number_format: str | None = setting(
        None,
        "of what is multiplied; weights stay in float32",
        group=MACHINE,
        choices=("float32", "bfloat16"),
    )
    kernels: dict[str, Any] | None = setting(
        None, 'other kernels and layouts, such as {"attention": "plain"}', group=MACHINE
    )
    exact: bool = setting(False, "only what gives the bits of eager execution", group=MACHINE)
    checkpoint_seconds: float = setting(
        30.0, "seconds between checkpoints, at least", group=MACHINE, least=0
    )
    statistics_every: int | None = setting(
        None, "updates between looks inside; 0 for none", group=MACHINE, least=0
    )
