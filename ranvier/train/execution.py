"""What runs a job's updates: settled once before the first, and part of its settings from there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from ranvier.core.cache import cache_folder
from ranvier.runs.settings import TrainSettings
from ranvier.step.choice import Choice, Limits, choose
from ranvier.step.choice.candidates import SMALL
from ranvier.step.choice.choice import Candidate
from ranvier.step.choice.choose import MEASURED_FROM
from ranvier.step.choice.operations import multiply_adds
from ranvier.step.native import will_compile
from ranvier.train.batches import Batches
from ranvier.train.job import Job
from ranvier.train.machine import machine
from ranvier.train.plan import LOOK_EVERY, Plan

# Seconds of training below which capturing, building or measuring costs more than it brings.
WORTH_SECONDS = 2.0
# A look inside takes about two milliseconds, and may cost this share of the time.
LOOK_SECONDS, LOOK_SHARE = 2e-3, 0.03
MOST_BETWEEN_LOOKS = 4096
# What an update takes at least, and how many multiply-adds a second a processor does: coarse on
# purpose, since the same training must come to the same answer on a busy machine.
LEAST_SECONDS, MULTIPLY_ADDS = 1.5e-4, 5e10
NATIVE_LEAST_SECONDS, NATIVE_MULTIPLY_ADDS = 1e-5, 3e11


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
        size = _Size(
            plan.epochs * batches.steps_per_epoch,
            multiply_adds(program.module, state, batches.bounds[1]),
        )
        if "executor" not in forced and size.seconds < WORTH_SECONDS:
            choice = Choice(Candidate("eager", limits.base), "by rule, as it takes little time")
        else:
            if size.may_run_natively(job, forced) and will_compile(cache_folder()):
                report("compiles the native library, once on this machine: some seconds")
            choice = choose(
                program,
                state,
                batches.epoch,
                learning_rate=partial(_learning_rate, plan, size.updates),
                planned_updates=size.updates,
                exact=settings.exact,
                forced=forced,
                cache=cache_folder(),
                data=data,
            )
        if settings.statistics_every is None:
            every = looks_every(choice.executor, size.operations)
            settings = replace(settings, statistics_every=every)
    report(choice.line)
    return replace(job, settings=told(settings, choice)), choice


class _Size(NamedTuple):
    """A training as rules see it: how many updates, and how many multiply-adds each."""

    updates: int
    operations: int

    @property
    def seconds(self) -> float:
        """About how long it takes eagerly, by a rule that no clock has a say in."""
        return self.updates * max(LEAST_SECONDS, self.operations / MULTIPLY_ADDS)

    def may_run_natively(self, job: Job, forced: Mapping[str, Any]) -> bool:
        """Whether the native library is tried, or taken."""
        if job.device.type != "cpu" or job.settings.exact:
            return False
        is_tried = self.operations < SMALL or self.updates >= MEASURED_FROM
        return forced.get("executor", "native") == "native" and is_tried


def _learning_rate(plan: Plan, updates: int, step: int) -> float:
    return plan.learning_rate * plan.schedule.factor(step, total_steps=updates, scores=())


def looks_every(executor: str, operations: int) -> int:
    """How many updates of so many multiply-adds lie between looks, so that looking costs little.

    That is a matter for the native library alone, whose updates may take a hundredth of a look.
    """
    if executor != "native":
        return LOOK_EVERY
    seconds = NATIVE_LEAST_SECONDS + operations / NATIVE_MULTIPLY_ADDS
    wanted = LOOK_SECONDS / LOOK_SHARE / seconds
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
