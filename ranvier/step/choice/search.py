"""The search among the candidates: the clock first, then the quality of what changes bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ranvier.step.choice.candidates import (
    by_rule,
    executors,
    in_bfloat16,
    variants,
    with_one_thread,
)
from ranvier.step.choice.choice import Candidate, Choice, Trial
from ranvier.step.choice.limits import Limits
from ranvier.step.choice.measure import Measurement, Timer
from ranvier.step.choice.quality import Quality
from ranvier.step.choice.scratch import Rows, Scratch
from ranvier.step.executors import EXECUTORS
from ranvier.step.objective import Batch
from ranvier.step.program import Program
from ranvier.step.state import State

# A training that takes less than this by the clock has little to gain.
WORTH_SECONDS = 20.0
# What changes bits must take less than this part of the time of what keeps them, beyond any noise.
GAIN = 0.9
# One thread is worth a trial only where a step takes less: two wait some 10 µs an operation.
ONE_THREAD_BELOW = 10.0
# So many variants are judged by their losses at most; each costs as many updates as a reference.
MOST_JUDGED = 2


class Search:
    """Trials on a copy of the training, and the candidate that they speak for."""

    def __init__(
        self,
        program: Program,
        state: State,
        rows: Rows,
        batch: Batch,
        learning_rates: Sequence[float],
        limits: Limits,
        timer: Timer,
    ) -> None:
        self.program = program
        self.state = state
        self.rows = rows
        self.batch = batch
        self.learning_rates = learning_rates
        self.limits = limits
        self.timer = timer

    def run(self, planned_updates: int) -> Choice:
        """The choice, with all that was tried."""
        try:
            self.scratch = Scratch(self.program, self.state)
        except (RuntimeError, TypeError, AttributeError) as error:
            return self._by_rule(f"the network cannot be copied: {error}")
        eager = Candidate("eager", self.limits.base)
        measurement = self._measurement()
        measurement.prepare([eager])
        measurement.run(rounds=1)
        first = measurement.trials[eager]
        if first.milliseconds is None:
            return self._by_rule(first.note)
        if planned_updates * first.milliseconds < 1e3 * WORTH_SECONDS:
            return self._by_rule(f"{planned_updates} updates take little time")
        measurement = self._timed()
        if not measurement.ordered:
            return self._by_rule("nothing that may run could be timed")
        chosen = self._best(measurement)
        return Choice(chosen, "measured", tuple(measurement.trials.values()))

    def _by_rule(self, reason: str) -> Choice:
        return by_rule(self.program, self.state, self.batch, self.limits, reason)

    def _measurement(self) -> Measurement:
        rate = self.learning_rates[0]
        return Measurement(self.scratch, self.batch, learning_rate=rate, timer=self.timer)

    def _timed(self) -> Measurement:
        """Every executor, every variant on one that keeps bits, one thread for the fastest."""
        measurement = self._measurement()
        measurement.prepare(executors(self.state.device, self.limits))
        ready = [trial.candidate for trial in measurement.trials.values() if not trial.note]
        carrier = next((way for way in ready if self._keeps_bits(way)), None)
        if carrier is not None:
            named = carrier.executor
            measurement.prepare(variants(self.scratch, self.batch, named, self.limits))
        for way in ready:
            if way.executor == "native":
                measurement.prepare(in_bfloat16(way, self.limits))
        measurement.run()
        fastest = [*measurement.ordered[:1], *self._summing(measurement)[:1]]
        if fastest and (fastest[0].milliseconds or 0.0) < ONE_THREAD_BELOW:
            for trial in fastest:
                measurement.prepare(with_one_thread(trial.candidate, self.limits))
            measurement.run()
        return measurement

    def _summing(self, measurement: Measurement) -> list[Trial]:
        """What was timed and changes no more than the order of sums, the fastest first."""
        return [t for t in measurement.ordered if not self._changes_numbers(t.candidate)]

    def _best(self, measurement: Measurement) -> Candidate:
        """The fastest that keeps bits, or one that is clearly faster and trains as well.

        What changes more than the order of sums must be clearly faster than what does not. What is
        refused for its losses is noted among the trials.
        """
        ordered = measurement.ordered
        keeping = [trial for trial in ordered if self._keeps_bits(trial.candidate)]
        kept = (keeping or ordered)[0]
        summing = self._summing(measurement)
        least = GAIN * (summing[0].milliseconds or 0.0) if summing else math.inf
        quality = Quality(self.scratch, self.rows, self.learning_rates, kept.candidate)
        judged = 0
        for trial in ordered:
            candidate = trial.candidate
            if (trial.milliseconds or 0.0) >= GAIN * (kept.milliseconds or 0.0):
                break
            if not self._changes_numbers(candidate):
                return candidate
            if judged < MOST_JUDGED and (trial.milliseconds or 0.0) < least:
                judged += 1
                if quality.accepts(candidate):
                    return candidate
                measurement.trials[candidate] = replace(trial, note="its losses are too far off")
        return kept.candidate

    def _keeps_bits(self, candidate: Candidate) -> bool:
        return EXECUTORS[candidate.executor].is_exact and candidate.variant == self.limits.base

    def _changes_numbers(self, candidate: Candidate) -> bool:
        """Whether more differs than the order of sums, which threads and executors may change."""
        base = self.limits.base
        return replace(candidate.variant, threads=base.threads) != base
