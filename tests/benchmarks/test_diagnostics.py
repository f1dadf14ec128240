"""What watches a loop leaves its training as it is, or its cost would say nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import diagnostics
from benchmarks.contenders import Contender
from benchmarks.ours import learner as own_learner
from benchmarks.peers.job import Job
from benchmarks.race import Entry
from benchmarks.watched import LOGGERS, WATCHES, learner
from benchmarks.workloads.job import write_job
from benchmarks.workloads.registry import WORKLOADS
from benchmarks.workloads.workload import Data


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """W1's network on few rows, with the order of two epochs."""
    draw = np.random.default_rng(0)
    inputs = draw.normal(size=(3 * 32, 20)).astype(np.float32)
    targets = draw.integers(10, size=len(inputs))
    data = Data(inputs, targets, inputs[:10], targets[:10])
    folder = tmp_path_factory.mktemp("job")
    write_job(
        replace(WORKLOADS["w1"], load=lambda: data), folder, epochs=2, seeds=(0,), device="cpu"
    )
    return Job.read(folder)


def losses(job: Job, watch: str) -> list[float]:
    member = job.members[0][0]
    trained = learner(job, member, watch=watch)
    found = [trained.train(order) for order in job.order(member)]
    trained.watch.close()
    return found


@pytest.mark.parametrize("watch", [name for name in WATCHES if name != "nothing"])
def test_a_loop_that_is_watched_has_the_losses_of_one_that_is_not(job: Job, watch: str) -> None:
    if watch == "histograms" and not LOGGERS.exists():
        pytest.skip("TensorBoard's writer is not installed: python -m benchmarks.diagnostics")
    assert losses(job, watch) == losses(job, "nothing")


def test_hooks_and_histograms_of_gradients_keep_what_they_look_at(job: Job) -> None:
    member = job.members[0][0]
    hooks = learner(job, member, watch="hooks")
    hooks.train(job.order(member)[0])
    assert {len(kept) for kept in hooks.watch.kept.values()} == {3}
    gradients = learner(job, member, watch="gradients")
    gradients.train(job.order(member)[0])
    ((least, most, counts),) = gradients.watch.kept["0.weight"]
    assert least < 0 < most and sum(counts) == gradients.module[0].weight.numel()


def test_ours_trains_alike_with_the_doctor_and_without_any_look(job: Job) -> None:
    member = job.members[0][0]
    both = [
        own_learner(job, member, executor="eager", number_format="float32", **options)
        for options in ({"watched": True}, {"statistics_every": 0})
    ]
    one, other = ([trained.train(order) for order in job.order(member)] for trained in both)
    assert one == other


def entry(rounds: list[float], loss: float = 1.0, failure: str | None = None) -> Entry:
    contender = Contender("a", "a", "benchmarks.watched")
    return Entry(contender, failure=failure, rounds=rounds, first_loss=loss, steps=10)


def test_a_cost_is_the_median_of_ratios_of_the_same_rounds() -> None:
    cost = diagnostics._cost(entry([2.0, 6.0, 3.0]), entry([1.0, 2.0, 2.0]))
    assert (cost["quartile_1"], cost["median"], cost["quartile_3"]) == (1.75, 2.0, 2.5)
    assert diagnostics._cell(cost) == "2.00 (1.75–2.50)"


def test_what_trained_otherwise_or_failed_says_so() -> None:
    plain = entry([1.0, 1.0])
    other = diagnostics._cost(entry([1.0, 1.0], loss=2.0), plain)
    assert diagnostics._cell(other).endswith("(other losses)")
    assert diagnostics._cell(diagnostics._cost(entry([], failure="stopped"), plain)) == "stopped"


@pytest.mark.parametrize("words", [["--workloads", "w1,w77"], ["--rounds", "1"]])
def test_what_cannot_be_raced_is_refused(words: list[str], capsys) -> None:
    with pytest.raises(SystemExit):
        diagnostics.main(words)
    assert "expected" in capsys.readouterr().err


def test_all_contenders_run_in_one_environment() -> None:
    from benchmarks.contenders import command

    started = {command(each, Path(sys.executable))[0] for each in diagnostics.contenders().values()}
    assert started == {sys.executable}
