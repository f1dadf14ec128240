"""Candidates are timed in turns on a copy; the training and its random numbers are left alone."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.random import mtrand
from torch import Tensor, nn

from ranvier.step.choice import Candidate, Measurement, Scratch
from ranvier.step.choice.measure import FAR_OFF
from ranvier.step.choice.scratch import untouched
from ranvier.step.executors import Eager
from ranvier.step.variants import Variant
from tests.unit.step.choice.training import (
    EAGER,
    REPLAY,
    REPLAY_IN_BFLOAT16,
    clock,
    first_batch,
    rows,
    training,
)


def measurement(scratch: Scratch, times: dict[Candidate, float]) -> Measurement:
    return Measurement(
        scratch, first_batch(), learning_rate=0.01, timer=clock(lambda candidate: times[candidate])
    )


def test_measuring_leaves_state_gradients_random_numbers_and_threads_as_they_were() -> None:
    program, state = training()
    for batch in list(rows(5))[:3]:
        Eager(program, state).run(batch, 0.01)
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    buffers = {name: b.clone() for name, b in program.module.named_buffers()}
    others = random.getstate(), mtrand.get_bit_generator().state, torch.get_num_threads()
    with untouched(state.device):
        measured = measurement(Scratch(program, state), {EAGER: 3.0, REPLAY_IN_BFLOAT16: 1.0})
        measured.prepare([EAGER, REPLAY_IN_BFLOAT16])
        measured.run()
        random.random()
        np.random.rand()  # noqa: NPY002 - what a network may do, too
    assert len(measured.ordered) == 2
    assert state.step == 3
    for name, tensor in state.tensors().items():
        assert torch.equal(tensor, before[name])
    for name, buffer in program.module.named_buffers():
        assert torch.equal(buffer, buffers[name])
    assert all(parameter.grad is None for parameter in state.parameters)
    assert random.getstate() == others[0]
    assert mtrand.get_bit_generator().state["state"]["pos"] == others[1]["state"]["pos"]
    assert torch.get_num_threads() == others[2]


def test_the_least_of_the_samples_counts_and_the_fastest_comes_first() -> None:
    samples = {EAGER: iter([9.0, 4.0, 7.0, 6.0]), REPLAY: iter([5.0, 5.0, 3.0, 5.0])}
    measured = Measurement(
        Scratch(*training()),
        first_batch(),
        learning_rate=0.01,
        timer=clock(lambda candidate: next(samples[candidate])),
    )
    measured.prepare([EAGER, REPLAY])
    # The first call tells how many steps a sample has.
    measured.run(rounds=3)
    found = [(trial.candidate, trial.milliseconds) for trial in measured.ordered]
    assert found == [(REPLAY, pytest.approx(3.0)), (EAGER, pytest.approx(4.0))]


def test_what_is_far_off_is_not_timed_again() -> None:
    times = {EAGER: 1.01 * FAR_OFF, REPLAY: 1.0}
    asked: list[Candidate] = []

    def milliseconds(candidate: Candidate) -> float:
        asked.append(candidate)
        return times[candidate]

    measured = Measurement(
        Scratch(*training()), first_batch(), learning_rate=0.01, timer=clock(milliseconds)
    )
    measured.prepare([REPLAY, EAGER])
    measured.run(rounds=6)
    assert asked.count(REPLAY) > 6 > asked.count(EAGER)


class NoHalf(nn.Module):
    """Fails in bfloat16, as a kernel does that has no such form."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, rows: Tensor) -> Tensor:
        made: Tensor = self.linear(rows)
        if made.dtype == torch.bfloat16:
            raise RuntimeError("\"spline\" not implemented for 'BFloat16'")
        return made


class LooksAtValues(NoHalf):
    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows) * (2.0 if rows.sum() > 0 else 1.0)


@pytest.mark.parametrize(
    ("module", "candidate", "note"),
    [
        (NoHalf, Candidate("eager", Variant(number_format="bfloat16")), "not implemented"),
        (LooksAtValues, REPLAY, "runs eagerly, as what runs next depends on values"),
    ],
)
def test_a_candidate_that_cannot_run_is_noted_with_the_reason(
    module: type[nn.Module], candidate: Candidate, note: str
) -> None:
    program, _ = training()
    program = replace(program, module=module())
    measured = measurement(Scratch(program, program.first_state(torch.device("cpu"))), {EAGER: 1.0})
    measured.prepare([candidate, EAGER])
    measured.run()
    assert note in measured.trials[candidate].note
    assert [trial.candidate for trial in measured.ordered] == [EAGER]


def test_a_scratch_starts_over_where_the_training_is() -> None:
    program, state = training()
    scratch = Scratch(program, state)
    scratch.executor(EAGER).run(first_batch(), 0.1)
    moved = [
        not torch.equal(a, b)
        for a, b in zip(scratch.state.parameters, state.parameters, strict=True)
    ]
    assert any(moved)
    scratch.restore()
    for name, tensor in state.named().items():
        assert torch.equal(scratch.state.named()[name], tensor)
    assert scratch.state.step == state.step
