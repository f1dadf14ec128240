"""What runs a job's updates: settled once before the first, and part of its settings from there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ranvier.core.cache import cache_folder
from ranvier.runs.settings import TrainSettings
from ranvier.step.choice import Choice, Limits, choose
from ranvier.step.choice.choice import Candidate
from ranvier.step.choice.operations import multiply_adds
from ranvier.train.batches import Batches
from ranvier.train.job import Job
from ranvier.train.machine import machine
from ranvier.train.plan import LOOK_EVERY

# Seconds of training below which capturing, building or measuring costs more than it brings.
WORTH_SECONDS = 2.0
# A look inside takes about a millisecond, and may cost this share of the time.
LOOK_SECONDS, LOOK_SHARE = 1e-3, 0.03
MOST_BETWEEN_LOOKS = 4096
# What an update takes at least, and how many multiply-adds a second a processor does: coarse on
# purpose, since the same training must come to the same answer on a busy machine.
LEAST_SECONDS, MULTIPLY_ADDS = 1.5e-4, 5e10


def settle(
    job: Job,
    *,
    threads: int | None = None,
    data: str = "",
    report: Callable[[str], None] = lambda line: None,
) -> tuple[Job, Choice]:
    """The job with executor, number format, kernels and threads told, and how they were found.

    `threads` are those that the caller insists on; the settings' own number may be lowered. `data`
    is the fingerprint of the rows. Measuring happens on copies: the job's network is left as it is.

    Raises:
        ConfigError, UnknownNameError: for settings that do not go together.
    """
    settings = job.settings
    forced = _forced(settings, threads)
    with machine(job.device, threads=settings.threads or 1, seed=settings.seed):
        limits = Limits(settings.exact, forced)
        program, plan = job.program(), job.plan()
        state = program.first_state(job.device)
        batches = Batches(job.training.to(job.device), batch_size=plan.batch_size, seed=plan.seed)
        updates = plan.epochs * batches.steps_per_epoch
        operations = multiply_adds(program.module, state, batches.bounds[1])

        def learning_rate(step: int) -> float:
            return plan.learning_rate * plan.schedule.factor(step, total_steps=updates, scores=())

        if "executor" not in forced and _seconds(operations, updates) < WORTH_SECONDS:
            choice = Choice(Candidate("eager", limits.base), "by rule, as it takes little time")
        else:
            choice = choose(
                program,
                state,
                batches.epoch,
                learning_rate=learning_rate,
                planned_updates=updates,
                exact=settings.exact,
                forced=forced,
                cache=cache_folder(),
                data=data,
            )
        if settings.statistics_every is None:
            every = looks_every(choice.executor, operations)
            settings = replace(settings, statistics_every=every)
    report(choice.line)
    return replace(job, settings=told(settings, choice)), choice


def looks_every(executor: str, operations: int) -> int:
    """How many updates of so many multiply-adds lie between looks, so that looking costs little.

    That is a matter for the native library alone, whose updates may take a hundredth of a look.
    """
    if executor != "native":
        return LOOK_EVERY
    wanted = LOOK_SECONDS / LOOK_SHARE / (operations / MULTIPLY_ADDS)
    return min(MOST_BETWEEN_LOOKS, max(LOOK_EVERY, 2 ** math.ceil(math.log2(wanted))))


def told(settings: TrainSettings, choice: Choice) -> TrainSettings:
    """The settings with nothing left open of what the choice decided."""
    variant = choice.variant.to_json()
    threads = variant.pop("threads") or settings.threads
    number_format = variant.pop("number_format")
    return replace(
        settings,
        executor=choice.executor,
        number_format=number_format,
        kernels=variant,
        threads=threads,
    )


def _forced(settings: TrainSettings, threads: int | None) -> dict[str, Any]:
    told = {
        "executor": None if settings.executor == "auto" else settings.executor,
        "number_format": settings.number_format,
        "threads": threads,
        **(settings.kernels or {}),
    }
    return {name: value for name, value in told.items() if value is not None}


def _seconds(operations: int, updates: int) -> float:
    """About how long so many updates take eagerly, by a rule that no clock has a say in."""
    return updates * max(LEAST_SECONDS, operations / MULTIPLY_ADDS)
