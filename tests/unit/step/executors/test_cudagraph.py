"""The update as a CUDA graph: on a stand-in for the device everywhere, on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from ranvier.core.errors import ConfigError
from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.spec import BatchNorm, Dense, Dropout, Network
from ranvier.step import Batch, State
from ranvier.step.compilers.recorded import Outcome, Recording
from ranvier.step.executors import CudaGraph, Executor
from tests.parity.test_replay import batches
from tests.parity.updates import CPU, STEPS, Update, differing

NETWORK = Network(Dense(16, activation="relu"), BatchNorm(), Dropout(0.2), Dense(3))
SETTINGS = {"clip_norm": 0.5, "l2": 1e-3, "average_decay": 0.9}
CLASSES = CrossEntropy(class_weights=(1.0, 2.0, 0.5))
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


class OnPaper:
    """Stands in for a GPU: what is recorded is not done, and a replay reads and writes its places.

    What it gives is worth nothing before the first replay and is overwritten by each, as on one.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.heard: list[str] = []

    def warm_up(self, work: Callable[[], object]) -> None:
        self.heard.append("warm up")
        work()

    def record(self, work: Callable[[], Outcome]) -> Recording:
        self.heard.append("record")
        with torch.random.fork_rng(devices=()), torch.no_grad():
            kept = [tensor.detach().clone() for tensor in self.state.named().values()]
            places = [tensor.clone().fill_(torch.nan) for tensor in work()]
            torch._foreach_copy_(list(self.state.named().values()), kept)

        def replay() -> None:
            self.heard.append("replay")
            torch._foreach_copy_(places, list(work()))

        return Recording(replay, tuple(places))


class PaperGraph(CudaGraph):
    """The executor on the stand-in."""

    def recorder(self) -> OnPaper:
        self.paper = OnPaper(self.state)
        return self.paper


def paper(update: Update) -> PaperGraph:
    program = update.program()
    return PaperGraph(program, program.first_state(CPU))


def steps(
    executor: Executor, given: Sequence[Batch], *, first: int = 0, last: int = STEPS
) -> list[Tensor]:
    """What the steps from `first` on gave, gradients with every third."""
    told: list[Tensor] = []
    for step in range(first, last):
        batch, rate = given[step % len(given)], 0.01 * (1 - step / (2 * STEPS))
        if step % 3:
            told += executor.run(batch, rate)
        else:
            scalars, gradients = executor.run_observed(batch, rate)
            told += [*scalars, *gradients]
    return told


@pytest.fixture
def update() -> Update:
    return Update(lambda: build(NETWORK, 5), batches(4, 8), options=SETTINGS, loss=CLASSES)


def test_played_back_steps_have_the_bits_of_eager(update: Update) -> None:
    executor, eager = paper(update), update.executor("eager")
    torch.manual_seed(1)
    told = steps(executor, update.batches)
    random = torch.get_rng_state()
    torch.manual_seed(1)
    wanted = steps(eager, update.batches)
    assert executor.remarks == []
    assert all(torch.equal(a, b) for a, b in zip(told, wanted, strict=True))
    assert differing(executor.state.named(), eager.state.named()) == []
    assert torch.equal(random, torch.get_rng_state())
    # Both functions are recorded and checked at the second step; 18 steps are replays.
    assert executor.paper.heard == ["warm up", "record", "replay"] * 2 + ["replay"] * (STEPS - 2)


def test_the_tensors_of_the_state_stay_where_they_are(update: Update) -> None:
    executor = paper(update)
    places = [tensor.data_ptr() for tensor in executor.state.named().values()]
    steps(executor, update.batches)
    assert [tensor.data_ptr() for tensor in executor.state.named().values()] == places


def test_what_a_step_gave_is_still_there_after_the_next(update: Update) -> None:
    executor = paper(update)
    steps(executor, update.batches, last=4)
    first, gradients = executor.run_observed(update.batches[0], 0.01)
    kept = [tensor.clone() for tensor in (*first, *gradients)]
    executor.run_observed(update.batches[1], 0.01)
    assert all(torch.equal(a, b) for a, b in zip((*first, *gradients), kept, strict=True))


def test_going_on_from_a_saved_state_comes_to_the_same_bits(update: Update) -> None:
    whole, first, second = paper(update), paper(update), paper(update)
    torch.manual_seed(1)
    steps(whole, update.batches)
    torch.manual_seed(1)
    steps(first, update.batches, last=7)
    saved = {name: tensor.detach().clone() for name, tensor in first.state.tensors().items()}
    steps(second, update.batches, last=5)
    second.state.load(saved, step=7)
    steps(second, update.batches, first=7)
    assert differing(second.state.named(), whole.state.named()) == []
    assert second.paper.heard.count("record") == 2


def test_rows_of_another_form_are_recorded_anew(update: Update) -> None:
    short = [Batch(b.inputs[:5], b.targets[:5]) for b in update.batches]
    mixed = [batch for pair in zip(update.batches, short, strict=True) for batch in pair]
    executor, eager = paper(update), update.executor("eager")
    torch.manual_seed(1)
    steps(executor, mixed)
    torch.manual_seed(1)
    steps(eager, mixed)
    assert differing(executor.state.named(), eager.state.named()) == []
    assert executor.paper.heard.count("record") == 4
    assert [remark.text for remark in executor.remarks] == [
        "cudagraph: captured again, as inputs [8, 5] float32 on cpu became [5, 5] float32 on cpu, "
        "targets [8] int64 on cpu became [5] int64 on cpu"
    ]


def test_a_recording_that_fails_leaves_the_state_and_training_to_eager(
    update: Update, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(self: OnPaper, work: Callable[[], Outcome]) -> Recording:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(OnPaper, "record", record)
    executor, eager = paper(update), update.executor("eager")
    torch.manual_seed(1)
    steps(executor, update.batches)
    torch.manual_seed(1)
    steps(eager, update.batches)
    assert differing(executor.state.named(), eager.state.named()) == []
    (remark,) = executor.remarks
    assert remark.is_fallback


def test_a_processor_is_refused_in_words(update: Update) -> None:
    with pytest.raises(ConfigError, match="got cudagraph for a network on cpu; expected one on a"):
        update.executor("cudagraph")


def on_gpu(update: Update) -> tuple[CudaGraph, Executor, list[Batch]]:
    """The executor and eager on the device, and the rows there."""
    from ranvier.step.executors import Eager

    device = torch.device("cuda", 0)
    made = []
    for kind in (CudaGraph, Eager):
        program = update.program()
        program.module.to(device)
        made.append(kind(program, program.first_state(device)))
    given = [Batch(b.inputs.to(device), b.targets.to(device)) for b in update.batches]
    return made[0], made[1], given


@needs_gpu
def test_on_a_gpu_played_back_steps_have_the_bits_of_eager(update: Update) -> None:
    executor, eager, given = on_gpu(update)
    torch.manual_seed(1)
    told = steps(executor, given)
    random = torch.cuda.get_rng_state(executor.state.device)
    torch.manual_seed(1)
    wanted = steps(eager, given)
    assert executor.remarks == []
    assert all(torch.equal(a, b) for a, b in zip(told, wanted, strict=True))
    assert differing(executor.state.named(), eager.state.named()) == []
    assert torch.equal(random, torch.cuda.get_rng_state(executor.state.device))


@needs_gpu
def test_on_a_gpu_going_on_from_a_saved_state_comes_to_the_same_bits(update: Update) -> None:
    whole, _, given = on_gpu(update)
    first, _, _ = on_gpu(update)
    second, _, _ = on_gpu(update)
    torch.manual_seed(1)
    steps(whole, given)
    torch.manual_seed(1)
    steps(first, given, last=7)
    saved = {name: tensor.detach().clone() for name, tensor in first.state.tensors().items()}
    steps(second, given, last=5)
    second.state.load(saved, step=7)
    steps(second, given, first=7)
    assert differing(second.state.named(), whole.state.named()) == []
