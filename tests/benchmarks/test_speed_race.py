"""Contenders in turns: what goes over the pipe, who fails alone, and what a race comes to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import race as races
from benchmarks.contenders import PEERS, REFERENCE, ROOT, Contender, environment, ours
from benchmarks.ours import train_sweep
from benchmarks.peers.job import Job
from benchmarks.peers.turns import Turns
from benchmarks.protocol import Failed, Process
from benchmarks.race import Course, race
from benchmarks.workloads import tabular_mlp
from benchmarks.workloads.job import write_job
from benchmarks.workloads.workload import Member

PYTHON = Path(sys.executable)
SMALL = replace(tabular_mlp.WORKLOAD, load=lambda: tabular_mlp.load(640))
TALKER = """
import numpy as np

print("a framework says hello")

class Talker:
    def __init__(self, job):
        self.epochs = 0

    def train(self, order):
        self.epochs += 1
        print("and goes on talking")
        if self.epochs > 2:
            raise ValueError("it has no more\\n  to give")
        return float(self.epochs)

    def outputs(self, inputs):
        return np.eye(10)[np.zeros(len(inputs), int)]

def refusal(job):
    return None if job.model == "mlp" else "not offered: dense networks only"

def learner(job, member):
    return Talker(job)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_job(SMALL, tmp_path, epochs=5, seeds=(0,), device="cpu")
    return tmp_path


def started(module: str, text: str, folder: Path) -> Process:
    (folder / f"{module}.py").write_text(text)
    paths = f"{ROOT}:{folder}"
    return Process(
        [sys.executable, "-m", "benchmarks.peers.child", module],
        folder=ROOT,
        environment=environment() | {"PYTHONPATH": paths},
        log=folder / "log",
    )


def test_a_contender_keeps_its_state_between_turns_and_its_prints_out_of_the_answers(
    folder: Path,
) -> None:
    with started("talker", TALKER, folder) as process:
        assert process.answer(seconds=60)["import_seconds"] > 0
        told = {"do": "prepare", "folder": str(folder), "options": {}}
        assert process.ask(told, seconds=60) == {"refused": None}
        assert process.ask({"do": "first_step"}, seconds=60)["seconds"] > 0
        process.ask({"do": "start", "seed": 0}, seconds=60)
        blocks = [process.ask({"do": "block"}, seconds=60) for _ in range(2)]
        assert [block["loss"] for block in blocks] == [1.0, 2.0]
        assert (blocks[0]["steps"], blocks[0]["rows"]) == (20, 640)
        judged = process.ask({"do": "judge"}, seconds=60)
        assert 0 <= judged["quality"] <= 1
        assert judged["peak_bytes"] >= 0
        with pytest.raises(Failed, match="failed: to give"):
            process.ask({"do": "block"}, seconds=60)
    assert "and goes on talking" in (folder / "log").read_text()


def test_a_contender_that_cannot_be_imported_says_what_is_missing(folder: Path) -> None:
    with started("lacking", "import no_such_package", folder) as process:
        with pytest.raises(Failed, match="No module named 'no_such_package'"):
            process.answer(seconds=60)


def test_a_contender_that_does_not_answer_is_stopped(folder: Path) -> None:
    with started("sleeper", "import time; time.sleep(60)", folder) as process:
        with pytest.raises(Failed, match="stopped: no answer in 0 s"):
            process.answer(seconds=0.3)
        assert process._child.returncode is not None


def test_ours_and_the_loop_by_hand_race_to_the_same_place_and_who_fails_fails_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Tests share their processors: with a thread a core they would wait for each other.
    one_thread = environment() | {"OMP_NUM_THREADS": "1"}
    monkeypatch.setattr(races, "environment", lambda caches: one_thread)
    said: list[str] = []
    course = Course(2, "cpu", PYTHON, said.append, seeds=(0, 1))
    missing = Contender("missing", "Missing", "benchmarks.peers.no_such_peer")
    own, reference, failed, refused = race(
        SMALL, (ours(), PEERS[REFERENCE], missing, ours(executor="none")), course
    )
    assert own.first_loss == pytest.approx(reference.first_loss, rel=1e-4)
    for seed in (0, 1):
        assert own.reached[seed] == pytest.approx(reference.reached[seed], rel=1e-2)
    assert len(own.rounds) == len(reference.rounds) == 2
    assert (own.steps, own.rows) == (20, 640)
    assert failed.failure is not None
    assert "no_such_peer" in failed.failure
    assert refused.failure is not None
    assert "none" in refused.failure
    assert said[-1] == "w1: round 2 of 2"


def test_a_sweep_of_ours_learns_the_same_one_by_one_and_all_together(tmp_path: Path) -> None:
    members = tuple(Member(seed, rate) for seed, rate in enumerate((1e-3, 3e-3)))
    sweep = replace(SMALL, members=members)
    write_job(sweep, tmp_path, epochs=1, seeds=(0,), device="cpu")
    job = Job.read(tmp_path)
    found = {}
    for together in (False, True):
        options = {} if together else {"executor": "eager"}
        learners, losses = train_sweep(job, job.members[0], **options)
        outputs = [learner.outputs(job.inputs[:8]) for learner in learners]
        found[together] = (np.array(losses), np.stack(outputs))
    assert found[True][0] == pytest.approx(found[False][0], rel=1e-4)
    assert found[True][1] == pytest.approx(found[False][1], abs=1e-3)


def test_contenders_change_places_from_round_to_round(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []

    class Counted(races._Runner):
        def prepare(self) -> None:
            self.entry.failure = None

        def words(self) -> str:
            return "ready"

        def round(self) -> None:
            turns.append(self.entry.contender.name)

        def judge(self, seed: int) -> None:
            self.entry.reached[seed] = (0.0, 0.0)

        def repeat(self, seeds: Sequence[int]) -> None:
            pass

    monkeypatch.setattr(races, "_Runner", Counted)
    contenders = [Contender(name, name, name) for name in "abc"]
    race(SMALL, contenders, Course(3, "cpu", PYTHON, lambda _: None))
    assert "".join(turns) == "abcbcacab"


def test_turns_give_an_epoch_at_a_time_and_the_last_one_when_all_is_done() -> None:
    ended: list[str] = []

    def fit(pause: object) -> None:
        for loss in (3.0, 2.0):
            pause(loss)  # type: ignore[operator]
        ended.append("teardown")

    turns = Turns(fit, epochs=2)
    assert turns.next() == 3.0
    assert not ended
    assert turns.next() == 2.0
    assert ended == ["teardown"]


def test_what_goes_wrong_in_a_turn_is_raised_where_the_turn_was_given() -> None:
    def fit(pause: object) -> None:
        raise ValueError("too large")

    with pytest.raises(ValueError, match="too large"):
        Turns(fit, epochs=1).next()
