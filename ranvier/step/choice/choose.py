"""From a program to what runs it: forced, by rule, known from before, or measured now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ranvier.step.choice.cache import keep_choice, key_of, load_choice
from ranvier.step.choice.candidates import by_rule
from ranvier.step.choice.choice import Choice
from ranvier.step.choice.limits import Limits
from ranvier.step.choice.measure import Timer, seconds_of
from ranvier.step.choice.quality import UPDATES
from ranvier.step.choice.scratch import Rows, untouched
from ranvier.step.choice.search import Search
from ranvier.step.executors import EXECUTORS, Executor
from ranvier.step.program import Program
from ranvier.step.state import State

# Trials cost about 200 updates: 128 for the quality, the rest for the clock. Of so many updates
# that is a fifth, and may halve the rest; shorter trainings run by rule.
MEASURED_FROM = 1000

LearningRates = Callable[[int], float]


def choose(
    program: Program,
    state: State,
    rows: Rows,
    *,
    learning_rate: LearningRates,
    planned_updates: int,
    exact: bool = False,
    forced: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    data: str = "",
    report: Callable[[str], None] = lambda line: None,
    timer: Timer = seconds_of,
) -> Choice:
    """What runs the program from its first update on; the training and its draws stay untouched.

    `rows` gives the batches of an epoch whose order a number decides, `learning_rate` the rate of
    an update, `data` tells the rows from others of the same form. Only a long training is measured,
    and only where the outcome can be kept in `cache`, so that the same command gives the same bits
    again; all others run by rule. The choice is told to `report` in one line.

    Raises:
        ConfigError, UnknownNameError: for a forced value that is not known, or that exact bits
            forbid.
    """
    limits = Limits(exact, dict(forced or {}))
    batch = next(iter(rows(0)))
    reason = _reason_not_to_measure(planned_updates, cache, limits)
    if reason is not None or cache is None:
        choice = by_rule(program, state, batch, limits, reason or "")
        report(choice.line)
        return choice
    key = key_of(program, state, batch, planned_updates=planned_updates, limits=limits, data=data)
    known = load_choice(cache, key)
    if known is None:
        rates = [learning_rate(state.step + update) for update in range(UPDATES)]
        with untouched(state.device):
            search = Search(program, state, rows, batch, rates, limits, timer)
            found = search.run(planned_updates)
        # Somebody who trained the same beside this one may have chosen first.
        known = load_choice(cache, key) or found
        if not keep_choice(cache, key, known):
            known = by_rule(program, state, batch, limits, "what was measured could not be kept")
    report(known.line)
    return known


def executor_of(choice: Choice, program: Program, state: State) -> Executor:
    """The executor that the choice names, on the program in the choice's variant.

    The number of threads is the process's, so it is for the caller to set.
    """
    return EXECUTORS[choice.executor](replace(program, variant=choice.variant), state)


def _reason_not_to_measure(planned_updates: int, cache: Path | None, limits: Limits) -> str | None:
    if planned_updates < MEASURED_FROM:
        return f"{planned_updates} updates are too few to measure"
    if cache is None:
        return "there is no folder to keep what is measured"
    if limits.leaves_one:
        return "the executor is told, and nothing else is open"
    return None
