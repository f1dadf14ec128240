"""How long a step takes on each candidate, in turns, so that a noisy machine is noisy for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
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
SAMPLE_SECONDS = 0.01
# Threads of the last candidate go on watching for work, on the cores that the next one wants.
SECONDS_UNTIL_IDLE = 0.02


class Contender(NamedTuple):
    """A candidate that is ready to be timed: `step` runs it once."""

    candidate: Candidate
    step: Callable[[], object]


Timer = Callable[[Contender, int], float]
"""The seconds that so many steps of a contender take."""


def seconds_of(contender: Contender, steps: int) -> float:
    """The seconds by the clock; what runs beside the processor is waited for."""
    _wait()
    time.sleep(SECONDS_UNTIL_IDLE)
    start = time.perf_counter()
    for _ in range(steps):
        contender.step()
    _wait()
    return time.perf_counter() - start


class Measurement:
    """Trials of candidates that are timed in turns; the least time of several samples counts.

    A candidate that fails, or that could only run its update eagerly, is noted with the reason.
    The scratch moves on all the while.
    """

    def __init__(
        self, scratch: Scratch, batch: Batch, *, learning_rate: float, timer: Timer = seconds_of
    ) -> None:
        self.scratch = scratch
        self.batch = batch
        self.learning_rate = learning_rate
        self.timer = timer
        self.trials: dict[Candidate, Trial] = {}
        self._contenders: list[Contender] = []
        self._steps: dict[Candidate, int] = {}

    def prepare(self, candidates: Iterable[Candidate]) -> None:
        """Take each through its first steps, in which it captures; what is known is left alone."""
        for candidate in candidates:
            if candidate not in self.trials:
                self.trials[candidate] = self._prepared(candidate)

    def run(self, *, rounds: int = ROUNDS) -> None:
        """Time all that are ready in so many turns, without those that are far off by then."""
        for _ in range(rounds):
            for contender in self._contenders:
                if not self._is_far_off(contender.candidate):
                    self._sample(contender)

    @property
    def ordered(self) -> list[Trial]:
        """The trials that were timed, the fastest first."""
        timed = [trial for trial in self.trials.values() if trial.milliseconds is not None]
        return sorted(timed, key=lambda trial: trial.milliseconds or 0.0)

    def _prepared(self, candidate: Candidate) -> Trial:
        use_threads_of(candidate)
        try:
            executor: Executor = self.scratch.executor(candidate)
            for _ in range(2):
                executor.run(self.batch, self.learning_rate)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            return Trial(candidate, note=_first_line(error))
        reason = next((remark.text for remark in executor.remarks if remark.is_fallback), None)
        if reason is not None:
            return Trial(candidate, note=reason.removeprefix(f"{candidate.executor}: "))
        step = partial(executor.run, self.batch, self.learning_rate)
        self._contenders.append(Contender(candidate, step))
        return Trial(candidate)

    def _is_far_off(self, candidate: Candidate) -> bool:
        own, fastest = self.trials[candidate].milliseconds, self.ordered[:1]
        return own is not None and own > FAR_OFF * (fastest[0].milliseconds or 0.0)

    def _sample(self, contender: Contender) -> None:
        candidate = contender.candidate
        use_threads_of(candidate)
        if candidate not in self._steps:
            once = self.timer(contender, 1)
            self._steps[candidate] = max(1, round(SAMPLE_SECONDS / max(once, 1e-9)))
        steps = self._steps[candidate]
        milliseconds = 1e3 * self.timer(contender, steps) / steps
        before = self.trials[candidate].milliseconds
        least = milliseconds if before is None else min(before, milliseconds)
        self.trials[candidate] = Trial(candidate, least)


def use_threads_of(candidate: Candidate) -> None:
    """Give the process as many threads as the candidate's variant says."""
    if candidate.variant.threads is not None:
        torch.set_num_threads(candidate.variant.threads)


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:100]
