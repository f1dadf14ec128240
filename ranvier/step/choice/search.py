"""The search among the candidates: the clock first, then the quality of what changes bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ranvier.step.choice.candidates import by_rule, executors, variants, with_one_thread
from ranvier.step.choice.choice import Candidate, Choice, Trial
from ranvier.step.choice.limits import Limits
from ranvier.step.choice.measure import Timer, measure
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
        (first,) = self._measured([eager], rounds=1)
        if first.milliseconds is None:
            return self._by_rule(first.note)
        seconds = planned_updates * first.milliseconds / 1e3
        if seconds < WORTH_SECONDS:
            return self._by_rule(f"{planned_updates} updates take little time")
        trials = self._timed()
        chosen = self._best(trials)
        return Choice(chosen, "measured", tuple(trials.values()))

    def _by_rule(self, reason: str) -> Choice:
        return by_rule(self.state, self.batch, self.limits, reason)

    def _measured(self, candidates: Sequence[Candidate], *, rounds: int = 5) -> list[Trial]:
        return measure(
            self.scratch,
            candidates,
            self.batch,
            learning_rate=self.learning_rates[0],
            rounds=rounds,
            timer=self.timer,
        )

    def _timed(self) -> dict[Candidate, Trial]:
        """Every executor, every variant on the one that keeps bits, one thread for the fastest."""
        ways = executors(self.state.device, self.limits)
        carrier = next((way for way in ways if self._keeps_bits(way)), ways[0])
        more = variants(self.scratch, self.batch, carrier.executor, self.limits)
        trials = {trial.candidate: trial for trial in self._measured([*ways, *more])}
        fastest = _by_time(trials)[0]
        if fastest.milliseconds is not None and fastest.milliseconds < ONE_THREAD_BELOW:
            alone = with_one_thread(fastest.candidate, self.limits)
            if alone:
                again = self._measured([fastest.candidate, *alone])
                trials |= {trial.candidate: trial for trial in again}
        return trials

    def _best(self, trials: dict[Candidate, Trial]) -> Candidate:
        """The fastest that keeps bits, or one that is clearly faster and trains as well.

        What is refused for its losses is noted in `trials`.
        """
        ordered = _by_time(trials)
        kept = next((trial for trial in ordered if self._keeps_bits(trial.candidate)), ordered[0])
        assert kept.milliseconds is not None
        quality = Quality(self.scratch, self.rows, self.learning_rates, kept.candidate)
        judged = 0
        for trial in ordered:
            candidate = trial.candidate
            assert trial.milliseconds is not None
            if trial.milliseconds >= GAIN * kept.milliseconds:
                break
            if not self._changes_numbers(candidate):
                return candidate
            if judged < MOST_JUDGED:
                judged += 1
                if quality.accepts(candidate):
                    return candidate
                trials[candidate] = replace(trial, note="its losses are too far off")
        return kept.candidate

    def _keeps_bits(self, candidate: Candidate) -> bool:
        return EXECUTORS[candidate.executor].is_exact and candidate.variant == self.limits.base

    def _changes_numbers(self, candidate: Candidate) -> bool:
        """Whether more differs than the order of sums, which threads and executors may change."""
        base = self.limits.base
        return replace(candidate.variant, threads=base.threads) != base


def _by_time(trials: dict[Candidate, Trial]) -> list[Trial]:
    """Those that were timed, the fastest first."""
    timed = [trial for trial in trials.values() if trial.milliseconds is not None]
    return sorted(timed, key=lambda trial: trial.milliseconds or 0.0)
