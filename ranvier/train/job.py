"""A training with every choice made: data as tensors, network, loss, optimiser, plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ranvier.core.task import Task
from ranvier.losses import Loss, loss_from
from ranvier.metrics import METRICS
from ranvier.nn import Views
from ranvier.optim import freeze, optimizer_from, patterns_from, schedule_from
from ranvier.runs.settings import TrainSettings
from ranvier.step import Batch, Head, Program, executor_for
from ranvier.step.state import named_trainable
from ranvier.step.variants import Variant
from ranvier.train.batches import Batches, Part
from ranvier.train.evaluate import Evaluator, usual_metrics
from ranvier.train.journal import Journal
from ranvier.train.plan import LAST, LOOK_EVERY, Plan
from ranvier.train.progress import Progress
from ranvier.train.store import Store
from ranvier.train.trainer import Trainer
from ranvier.train.watcher import Watcher


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to train on what. `settings` has no None left but where None is a choice.

    The trained network is measured on averages over `views` of its pictures, if there are any; the
    epochs are measured without.
    """

    task: Task
    module: nn.Module
    head: Head
    training: Part
    validation: Part | None
    settings: TrainSettings
    device: torch.device
    views: Views | None = None

    @property
    def loss(self) -> Loss:
        return loss_from(_chosen(self.settings.loss, "loss"))

    @property
    def monitor(self) -> str:
        """What picks the epoch to keep: `loss`, a metric by its own name, or being the last."""
        metric = self.settings.metric or "loss"
        return metric if metric in ("loss", LAST) else METRICS[metric].name

    def evaluator(self) -> Evaluator:
        """Measures this job's network: the usual metrics, and the one that is monitored."""
        monitored = () if self.monitor in ("loss", LAST) else (self.monitor,)
        metrics = tuple(dict.fromkeys((*usual_metrics(self.head), *monitored)))
        return Evaluator(
            module=self.module,
            head=self.head,
            loss=self.loss,
            metrics=metrics,
        )

    def final_evaluator(self) -> Evaluator:
        """Measures the trained network as it will predict: on averages over `views`."""
        measured = self.evaluator()
        if self.views is None:
            return measured
        return replace(measured, module=self.views.around(self.module, self.task.kind))

    def check(self) -> None:
        """Measure two rows, so that what does not fit is refused before anything is written.

        Raises:
            ShapeError: for a loss that cannot take what the network gives.
            UnknownNameError, ConfigError: for a metric that is not known or is not for this task,
                or for settings of the update that do not go together.
        """
        program = self.program()
        program.groups(named_trainable(program.module))
        rows = self.training
        few = rows.inputs[:2], rows.targets[:2]
        self.final_evaluator().measure(Part(*few, rows.truth[:2]))
        program.mixing(Batch(*few), self.head, generator=torch.Generator().manual_seed(0))

    def trainer(
        self,
        journal: Journal,
        store: Store,
        progress: Progress,
        *,
        watcher: Watcher | None = None,
    ) -> Trainer:
        """The loop for this job, before its first step."""
        program = self.program()
        state = program.first_state(self.device)
        return Trainer(
            executor_for(self.settings.executor, program, state),
            self.evaluator(),
            self.plan(),
            training=self.training.to(self.device),
            validation=None if self.validation is None else self.validation.to(self.device),
            journal=journal,
            store=store,
            progress=progress,
            watcher=watcher,
        )

    def program(self) -> Program:
        """The update that the settings say, on a network whose frozen parameters are frozen."""
        settings = self.settings
        patterns = patterns_from(settings.parameter_groups)
        module = self.module.to(self.device)
        freeze(module, patterns)
        return Program(
            module=module,
            head=self.head,
            loss=self.loss,
            optimizer=optimizer_from(_chosen(settings.optimizer, "optimizer")),
            accumulate=settings.accumulate,
            clip_norm=settings.clip_norm or 0.0,
            clip_each_norm=settings.clip_each_norm,
            clip_value=settings.clip_value,
            clip_adaptive=settings.clip_adaptive,
            l1=settings.l1,
            l2=settings.l2,
            orthogonal=settings.orthogonal,
            patterns=patterns,
            average_decay=settings.average_decay or 0.0,
            average_after=self._average_after(),
            mixup=settings.mixup or 0.0,
            cutmix=settings.cutmix or 0.0,
            variant=Variant(
                number_format=settings.number_format or "float32", **(settings.kernels or {})
            ),
        )

    def _average_after(self) -> int | None:
        """The number of updates before the epoch from which weights are averaged equally."""
        if not self.settings.average_from:
            return None
        plan = self.plan()
        batches = Batches(self.training, batch_size=plan.batch_size, seed=plan.seed)
        return (self.settings.average_from - 1) * batches.steps_per_epoch

    def plan(self) -> Plan:
        """The loop that the settings say."""
        settings = self.settings
        return Plan(
            epochs=_chosen(settings.epochs, "epochs"),
            batch_size=_chosen(settings.batch_size, "batch_size"),
            learning_rate=_chosen(settings.learning_rate, "learning_rate"),
            schedule=schedule_from(_chosen(settings.schedule, "schedule")),
            seed=settings.seed,
            patience=settings.patience or 0,
            monitor=self.monitor,
            checkpoint_seconds=settings.checkpoint_seconds,
            statistics_every=LOOK_EVERY
            if settings.statistics_every is None
            else settings.statistics_every,
        )


def _chosen(value: Any, name: str) -> Any:
    if value is None:
        raise ValueError(f"{name} must be chosen before a job is made")
    return value
