"""How long a step takes on each candidate, in turns, so that a noisy machine is noisy for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from ranvier.step.choice.choice import Candidate, Trial
from ranvier.step.choice.scratch import Scratch
from ranvier.step.executors import Executor
from ranvier.step.objective import Batch

ROUNDS = 5
# A candidate that takes so many times as long as the fastest is not timed again.
FAR_OFF = 1.5
# A sample of a fast step is of as many steps as take so long: clocks and schedulers are coarse.
SAMPLE_SECONDS = 0.005


class Contender(NamedTuple):
    """A candidate that is ready to be timed: `step` runs it once."""

    candidate: Candidate
    step: Callable[[], object]


Timer = Callable[[Contender, int], float]
"""The seconds that so many steps of a contender take."""


def seconds_of(contender: Contender, steps: int) -> float:
    """The seconds by the clock; what runs beside the processor is waited for."""
    _wait()
    start = time.perf_counter()
    for _ in range(steps):
        contender.step()
    _wait()
    return time.perf_counter() - start


def measure(
    scratch: Scratch,
    candidates: Sequence[Candidate],
    batch: Batch,
    *,
    learning_rate: float,
    rounds: int = ROUNDS,
    timer: Timer = seconds_of,
) -> list[Trial]:
    """A trial of every candidate: the least time of several samples, taken in turns.

    A candidate that fails, or that could only run its update eagerly, is noted with the reason.
    The scratch has moved on afterwards; nobody's random numbers are asked for.
    """
    trials: dict[Candidate, Trial] = {}
    contenders = []
    for candidate in candidates:
        made = _prepared(scratch, candidate, batch, learning_rate)
        if isinstance(made, Trial):
            trials[candidate] = made
        else:
            contenders.append(made)
    trials |= {trial.candidate: trial for trial in _timed(contenders, rounds, timer)}
    return [trials[candidate] for candidate in candidates]


def _prepared(
    scratch: Scratch, candidate: Candidate, batch: Batch, learning_rate: float
) -> Contender | Trial:
    """The candidate after its first steps, in which it captures, or why it is out."""
    _set_threads(candidate)
    try:
        executor: Executor = scratch.executor(candidate)
        for _ in range(2):
            executor.run(batch, learning_rate)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        return Trial(candidate, note=_first_line(error))
    reason = next((remark.text for remark in executor.remarks if remark.is_fallback), None)
    if reason is not None:
        return Trial(candidate, note=reason.removeprefix(f"{candidate.executor}: "))
    return Contender(candidate, lambda: executor.run(batch, learning_rate))


def _timed(contenders: list[Contender], rounds: int, timer: Timer) -> list[Trial]:
    best: dict[Candidate, float] = {}
    steps: dict[Candidate, int] = {}
    for _ in range(rounds):
        for contender in contenders:
            candidate = contender.candidate
            if candidate in best and best[candidate] > FAR_OFF * min(best.values()):
                continue
            _set_threads(candidate)
            if candidate not in steps:
                once = timer(contender, 1)
                steps[candidate] = max(1, round(SAMPLE_SECONDS / max(once, 1e-9)))
            seconds = timer(contender, steps[candidate]) / steps[candidate]
            best[candidate] = min(seconds, best.get(candidate, seconds))
    return [Trial(candidate, 1e3 * seconds) for candidate, seconds in best.items()]


def _set_threads(candidate: Candidate) -> None:
    if candidate.variant.threads is not None:
        torch.set_num_threads(candidate.variant.threads)


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:100]
