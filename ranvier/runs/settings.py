"""What a run was asked to do: the one schema behind options, configuration files and arguments.

A setting left at None is chosen from the data; the value chosen, and why, stands in run.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ranvier.core.config import setting


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Everything `ranvier train` can be told."""

    # The data.
    target: str | None = setting(None, "column to predict; the last one if left out")
    task: str | None = setting(
        None, "what to predict: a class or a number", choices=("classification", "regression")
    )
    ignore: tuple[str, ...] = setting((), "columns to leave out")
    categories: tuple[str, ...] = setting((), "columns to read as categories")
    weight: str | None = setting(None, "column of sample weights")
    group: str | None = setting(None, "column whose equal values stay in one part of the split")
    time: str | None = setting(None, "column to split by time on: the latest rows are the test")
    validation: str | None = setting(None, "a source of validation rows, instead of a split")
    test: str | None = setting(None, "a source of test rows, instead of a split")
    validation_fraction: float = setting(0.15, "share of the rows held out for validation")
    test_fraction: float = setting(0.15, "share of the rows held out for the test")
    class_weight: str = setting(
        "none", "weigh classes by inverse frequency, or not", choices=("none", "balanced")
    )

    # The network and its training.
    network: str | None = setting(None, "a network description (JSON); chosen if left out")
    loss: str | dict[str, Any] | None = setting(None, "loss, by name or {kind, options}")
    optimizer: str | dict[str, Any] | None = setting(None, "optimiser, by name or {kind, options}")
    schedule: str | dict[str, Any] | None = setting(None, "learning-rate schedule")
    learning_rate: float | None = setting(None, "peak learning rate")
    weight_decay: float | None = setting(
        None, "decoupled weight decay per unit of learning rate", least=0
    )
    epochs: int | None = setting(None, "passes over the training rows, at most", least=1)
    batch_size: int | None = setting(
        None, "rows per update; 0 for all of them (full batch)", least=0
    )
    clip_norm: float | None = setting(
        None, "largest global gradient norm; 0 for no clipping", least=0
    )
    l1: float = setting(0.0, "weight of the sum of absolute weights added to the loss", least=0)
    l2: float = setting(0.0, "weight of half the sum of squared weights added to the loss", least=0)
    average_decay: float | None = setting(
        None, "decay of the exponential moving average of weights; 0 for none", least=0, below=1
    )
    patience: int | None = setting(
        None, "evaluations without gain before stopping; 0 for never", least=0
    )
    metric: str | None = setting(None, "validation metric that picks the best epoch")
    seed: int = setting(0, "seed of everything random")

    # The machine and the run.
    device: str = setting("auto", "where to train: auto, cpu, cuda, cuda:1 …")
    threads: int | None = setting(None, "processor threads; chosen if left out", least=1)
    executor: str = setting("auto", "what runs the step", choices=("auto", "eager"))
    checkpoint_seconds: float = setting(30.0, "seconds between checkpoints, at least", least=0)
    statistics_every: int = setting(64, "steps between looks at weights and activations", least=0)
