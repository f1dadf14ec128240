"""Training goes on while another executor is prepared, and over to it when that is worth it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from ranvier.nn import build
from ranvier.spec import Dense, Dropout, Network
from ranvier.step import Batch
from ranvier.step.capture import CaptureError, capture
from ranvier.step.compilers import Elsewhere
from ranvier.step.executors import Beside, Eager, InductorBeside, Remark, beside
from ranvier.step.program import Scalars
from tests.parity.test_replay import batches
from tests.parity.updates import CPU, STEPS, Update, differing

NETWORK = Network(Dense(16, activation="relu"), Dropout(0.2), Dense(3))


class Slow(Eager):
    """Takes its time."""

    name = "slow"

    def run_observed(self, batch: Batch, learning_rate: float) -> tuple[Scalars, list[Tensor]]:
        time.sleep(0.003)
        return super().run_observed(batch, learning_rate)


class Quick(Eager):
    """Does not."""

    name = "quick"


class Refusing(Quick):
    """Falls back at once."""

    def run(self, batch: Batch, learning_rate: float) -> Scalars:
        self.remarks.append(Remark("quick: runs eagerly, as it cannot", is_fallback=True))
        return super().run(batch, learning_rate)


class Soon:
    """A preparation that takes as long as the test says."""

    def __init__(self) -> None:
        self.started: list[Sequence[Batch]] = []
        self.is_done = False
        self.reason: str | None = None
        self.is_closed = False

    def start(self, batches: Sequence[Batch]) -> None:
        self.started.append(batches)

    def close(self) -> None:
        self.is_closed = True


class SlowThenQuick(Beside):
    """The executor under test, between two that are told apart by their time only."""

    name = "slow-then-quick"
    first = Slow
    second: ClassVar[Any] = Quick

    def preparation(self) -> Soon:
        self.soon = Soon()
        return self.soon


class SlowThenRefusing(SlowThenQuick):
    """The same, with another that cannot."""

    second = Refusing


class SlowThenSlow(SlowThenQuick):
    """The same, with another that gains nothing."""

    second = Slow


@pytest.fixture
def update() -> Update:
    return Update(lambda: build(NETWORK, 5), batches(4, 8))


@pytest.fixture(autouse=True)
def _worth_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "LEAST_LEFT", 0.0)


def made(update: Update, kind: type[Beside], **options: Any) -> Any:
    program = update.program()
    return kind(program, program.first_state(CPU), **options)


def steps(executor: Any, given: Sequence[Batch], count: int) -> None:
    for _ in range(count):
        step = executor.state.step
        executor.run(given[step % len(given)], 0.01)


def test_it_goes_over_between_two_steps_and_says_so(update: Update) -> None:
    executor, eager = made(update, SlowThenQuick), update.executor("eager")
    torch.manual_seed(1)
    steps(executor, update.batches, 5)
    assert (executor.since, executor.remarks) == (None, [])
    executor.soon.is_done = True
    steps(executor, update.batches, 5)
    torch.manual_seed(1)
    steps(eager, update.batches, 10)
    # Trying the other leaves no trace: numbers, random draws and the count of steps are eager's.
    assert differing(executor.state.tensors(), eager.state.tensors()) == []
    assert executor.state.step == 10
    assert executor.since == 5
    (remark,) = executor.remarks
    assert remark.text.startswith("slow-then-quick: quick since step 5, as it takes ")
    assert not remark.is_fallback
    assert executor.soon.is_closed


def test_it_stays_where_the_other_is_no_faster(update: Update) -> None:
    executor = made(update, SlowThenSlow)
    steps(executor, update.batches, 3)
    executor.soon.is_done = True
    steps(executor, update.batches, 3)
    assert executor.since is None
    (remark,) = executor.remarks
    assert remark.text.startswith("slow-then-quick: stays with slow, as slow takes ")


def test_it_stays_where_the_other_falls_back(update: Update) -> None:
    executor, eager = made(update, SlowThenRefusing), update.executor("eager")
    torch.manual_seed(1)
    steps(executor, update.batches, 3)
    executor.soon.is_done = True
    steps(executor, update.batches, 3)
    torch.manual_seed(1)
    steps(eager, update.batches, 6)
    assert differing(executor.state.tensors(), eager.state.tensors()) == []
    assert [remark.text for remark in executor.remarks] == [
        "slow-then-quick: stays with slow, as runs eagerly, as it cannot"
    ]


def test_it_stays_where_preparing_failed(update: Update) -> None:
    executor = made(update, SlowThenQuick)
    steps(executor, update.batches, 3)
    executor.soon.is_done, executor.soon.reason = True, "there is no compiler"
    steps(executor, update.batches, 3)
    assert executor.since is None
    assert [remark.text for remark in executor.remarks] == [
        "slow-then-quick: stays with slow, as there is no compiler"
    ]


def test_nothing_is_prepared_for_a_training_that_ends_soon(
    update: Update, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "LEAST_LEFT", 60.0)
    executor = made(update, SlowThenQuick, last_step=10)
    steps(executor, update.batches, 10)
    assert not hasattr(executor, "soon")
    longer = made(update, SlowThenQuick, last_step=10**6)
    steps(longer, update.batches, 10)
    assert len(longer.soon.started) == 1


def test_it_is_prepared_for_all_forms_of_batches_seen(
    update: Update, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "LEAST_LEFT", 60.0)
    executor = made(update, SlowThenQuick)
    rows = Batch(torch.cat([b.inputs for b in update.batches]), torch.arange(32) % 3)
    executor.run_rows(rows, [0, 8, 16, 19], [0.01] * 3)
    monkeypatch.setattr(beside, "LEAST_LEFT", 0.0)
    executor.run(update.batches[0], 0.01)
    (forms,) = executor.soon.started
    assert [len(batch.targets) for batch in forms] == [8, 3]
    assert executor.state.step == 4


def test_a_run_that_is_resumed_goes_on_with_the_other_at_once(update: Update) -> None:
    executor = made(update, SlowThenQuick, since=7)
    steps(executor, update.batches, 3)
    assert executor.since == 7
    assert not hasattr(executor, "soon")
    assert executor.remarks == []


def test_closing_ends_what_was_begun(update: Update) -> None:
    executor = made(update, SlowThenQuick)
    steps(executor, update.batches, 3)
    executor.close()
    assert executor.soon.is_closed
    executor.soon.is_done = True
    steps(executor, update.batches, 3)
    assert executor.since is None


def test_what_cannot_be_captured_stays(update: Update, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise CaptureError("the network sings")

    monkeypatch.setattr(beside, "capture", refuse)
    executor = made(update, InductorBeside)
    steps(executor, update.batches, 2)
    assert [remark.text for remark in executor.remarks] == [
        "inductor-beside: stays with replay, as the network sings"
    ]


def test_a_process_that_is_closed_is_gone(
    update: Update, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))
    program = update.program()
    captured = capture(program, program.first_state(CPU), update.batches[0])
    elsewhere = Elsewhere([captured.module])
    assert not elsewhere.is_done
    elsewhere.close()
    assert elsewhere.is_done
    assert elsewhere.reason is not None


@pytest.mark.slow
def test_compiled_elsewhere_is_found_here(
    update: Update, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from torch._dynamo.utils import counters

    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))
    # Whether it is faster here is not what is asked.
    monkeypatch.setattr(beside, "LARGEST_SHARE", 1e9)
    executor = made(update, InductorBeside)
    torch.manual_seed(1)
    end = time.monotonic() + 120
    while executor.since is None and time.monotonic() < end:
        steps(executor, update.batches, 1)
        time.sleep(0.01)
    assert executor.since is not None, executor.remarks
    assert counters["inductor"]["fxgraph_cache_hit"] >= 1, dict(counters["inductor"])
    assert counters["inductor"]["fxgraph_cache_miss"] == 0
    saved = {name: tensor.detach().clone() for name, tensor in executor.state.tensors().items()}
    steps(executor, update.batches, STEPS)
    resumed = made(update, InductorBeside, since=executor.since)
    resumed.state.load(saved, step=executor.state.step - STEPS)
    steps(resumed, update.batches, STEPS)
    assert differing(resumed.state.tensors(), executor.state.tensors()) == []
