"""Layers that rest for some epochs: nothing moves them till then, and a resumed run is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ranvier.core.errors import ConfigError
from ranvier.runs.history import History
from ranvier.train.job import Job
from ranvier.train.journal import MemoryJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Silent
from ranvier.train.store import Cursor, NoStore
from tests.unit.train.conftest import MakeJob
from tests.unit.train.test_resume import run_alone, run_killed

# Eleven updates an epoch: the norm thaws at the 22nd, the layer below it at the 44th.
GRADUAL: dict[str, Any] = {
    "batch_norm_1": {"thaws_after": 2, "learning_rate_factor": 0.4},
    "dense_0": {"thaws_after": 4, "learning_rate_factor": 0.1, "weight_decay": 0.1},
}
IN_EVERY_PHASE = [
    (Cursor(3, 0, 3), "eager", 0.9),
    (Cursor(22, 2, 0), "eager", 0.0),  # between two phases
    (Cursor(23, 2, 1), "replay", 0.9),
    (Cursor(30, 2, 8), "native", 0.0),
    (Cursor(44, 4, 0), "replay", 0.0),
    (Cursor(50, 4, 6), "native", 0.9),
]


class Watched(NoStore):
    """Keeps a copy of the state at the end of every epoch."""

    def __init__(self) -> None:
        self.states: list[dict[str, torch.Tensor]] = []

    def due(self, cursor: Cursor) -> bool:
        return cursor.step_in_epoch == 0

    def save(self, cursor: Cursor, tensors: Any, document: Any) -> None:
        self.states.append({name: tensor.detach().clone() for name, tensor in tensors.items()})


def states_of(job: Job) -> tuple[list[dict[str, torch.Tensor]], History]:
    store, journal = Watched(), MemoryJournal()
    with machine(job.device, threads=1, seed=0):
        job.trainer(journal, store, Silent()).run()
    return store.states, History(journal.records)


def moved(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], part: str) -> set[str]:
    """What changed of the tensors of a part of the network, the slots of all parameters aside."""
    names = [name for name in one if f"/{part}." in name and not name.startswith(("best", "rec"))]
    assert names
    return {name for name in names if not torch.equal(one[name], other[name])}


def test_nothing_moves_a_layer_before_it_thaws_and_everything_after(make_job: MakeJob) -> None:
    states, _ = states_of(make_job(parameter_groups=GRADUAL))
    for epoch in range(6):
        before, after = states[epoch], states[epoch + 1]
        assert moved(before, after, "dense_3")
        assert bool(moved(before, after, "batch_norm_1")) == (epoch >= 2)
        assert bool(moved(before, after, "dense_0")) == (epoch >= 4)
    of_norm = {name.rpartition(".")[2] for name in moved(states[2], states[3], "batch_norm_1")}
    assert of_norm == {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


def test_slots_of_what_rests_stay_empty(make_job: MakeJob) -> None:
    states, _ = states_of(make_job(parameter_groups=GRADUAL))
    job = make_job(parameter_groups=GRADUAL)
    state = job.program().first_state(job.device)
    for place, group in enumerate(state.groups):
        slots = [name for name in states[0] if name.startswith(f"slot/{place}/")]
        first = group.thaws_after
        for name in slots:
            assert torch.equal(states[0][name], states[first][name])
        assert not all(torch.equal(states[0][name], states[first + 1][name]) for name in slots)


@pytest.mark.parametrize(("place", "executor", "average_decay"), IN_EVERY_PHASE, ids=str)
def test_a_training_killed_in_any_phase_goes_on_with_the_same_bits(
    make_job: MakeJob, tmp_path: Path, place: Cursor, executor: str, average_decay: float
) -> None:
    def make() -> Job:
        return make_job(parameter_groups=GRADUAL, executor=executor, average_decay=average_decay)

    weights, history = run_alone(make())
    resumed_weights, resumed_history = run_killed(make, tmp_path, place)
    assert all(torch.equal(weights[name], resumed_weights[name]) for name in weights)
    assert history == resumed_history


def test_executors_agree_over_all_phases(make_job: MakeJob) -> None:
    eager, eager_history = run_alone(make_job(parameter_groups=GRADUAL, executor="eager"))
    replayed, history = run_alone(make_job(parameter_groups=GRADUAL, executor="replay"))
    assert all(torch.equal(eager[name], replayed[name]) for name in eager)
    assert eager_history == history
    remarks = [record["remark"] for record in history.of("executor")]
    assert not any(record["fallback"] for record in history.of("executor"))
    assert any("captured again, as" in each and "batch_norm_1" in each for each in remarks)


def test_a_thaw_is_recorded_and_gradients_of_what_rests_are_0(make_job: MakeJob) -> None:
    _, history = states_of(make_job(parameter_groups=GRADUAL))
    thaws = [(each["epoch"], each["step"], each["parameters"]) for each in history.of("thaw")]
    assert thaws == [
        (3, 22, ["batch_norm_1.weight", "batch_norm_1.bias"]),
        (5, 44, ["dense_0.weight", "dense_0.bias"]),
    ]
    names = history.of("start")[0]["parameters"]
    for record in history.of("weights"):
        largest = dict(zip(names, record["gradient_max"], strict=True))
        assert (largest["dense_0.weight"] == 0) == (record["step"] <= 44)
        assert largest["dense_3.weight"] > 0


def test_patience_does_not_run_out_before_all_has_thawed(make_job: MakeJob) -> None:
    impatient = {"patience": 1, "learning_rate": 0.0, "average_decay": 0.0, "epochs": 9}
    job = make_job(parameter_groups=GRADUAL, weight_decay=0.0, **impatient)
    with machine(job.device, threads=1, seed=0):
        outcome = job.trainer(MemoryJournal(), NoStore(), Silent()).run()
    assert (outcome.reason, outcome.epochs) == ("no gain", 5)


def test_frozen_layers_keep_their_running_statistics(make_job: MakeJob) -> None:
    frozen = {"batch_norm_1": {"frozen": True}, "dense_0": {"frozen": True}}
    states, history = states_of(make_job(parameter_groups=frozen, statistics_every=2))
    assert moved(states[0], states[-1], "batch_norm_1") == set()
    assert moved(states[0], states[-1], "dense_3")
    assert history.of("thaw") == []


def test_a_network_whose_every_layer_rests_at_first_is_refused(make_job: MakeJob) -> None:
    job = make_job(parameter_groups={"*": {"thaws_after": 1}})
    with pytest.raises(ConfigError, match="no parameter is trained in the first epoch"):
        job.check()


def test_an_optimizer_of_one_direction_refuses_layers_that_rest(make_job: MakeJob) -> None:
    job = make_job(
        optimizer="lbfgs", average_decay=0.0, parameter_groups={"dense_0": {"thaws_after": 1}}
    )
    with pytest.raises(ConfigError, match="thaws_after is not 0, but lbfgs moves all"):
        job.check()
