"""One workload, all contenders: started one by one, then a block each in turns, round by round.

The first block of each warms it up and is not counted. Contenders change places from round to
round, so that whatever else the machine does falls on all alike; ratios are of the same round.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contenders import REFERENCE, ROOT, Contender, command, environment
from benchmarks.protocol import Failed, Process
from benchmarks.workloads.job import write_job
from benchmarks.workloads.workload import Workload

IMPORT_SECONDS, FIRST_STEP_SECONDS, BLOCK_SECONDS = 120.0, 240.0, 120.0
SEEDS = (0, 1, 2, 3, 4)
Say = Callable[[str], None]


@dataclass
class Entry:
    """What became of one contender on one workload.

    `rounds` are seconds a block; `reached` are loss and quality on the test rows by seed. The next
    first step is that of another process, which finds what the first one left in its caches.
    """

    contender: Contender
    failure: str | None = None
    import_seconds: float | None = None
    first_step_seconds: float | None = None
    next_first_step_seconds: float | None = None
    peak_bytes: int | None = None
    rows: int = 0
    steps: int = 0
    first_loss: float | None = None
    note: str | None = None
    rounds: list[float] = field(default_factory=list)
    reached: dict[int, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Course:
    """How races are run: how many rounds, where, on what, and who is told."""

    rounds: int
    device: str
    peers_python: Path
    say: Say
    seeds: tuple[int, ...] = SEEDS


def race(workload: Workload, contenders: Sequence[Contender], course: Course) -> list[Entry]:
    """Every contender's times and what it reached, in the order given."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ranvier-")))
        # One epoch more than is run: what a framework does at its end belongs to no block.
        epochs = 1 if workload.is_sweep else course.rounds + 2
        write_job(workload, folder, epochs=epochs, seeds=course.seeds, device=course.device)
        runners = []
        for contender in contenders:
            runner = _Runner(contender, workload, folder, course)
            stack.callback(runner.close)
            runner.attempt(runner.prepare)
            course.say(f"{workload.name} {contender.name}: {runner.words()}")
            runners.append(runner)
        for turn in range(course.rounds):
            first = turn % len(runners)
            for runner in (*runners[first:], *runners[:first]):
                runner.attempt(runner.round)
            course.say(f"{workload.name}: round {turn + 1} of {course.rounds}")
        for runner in runners:
            runner.attempt(runner.judge, course.seeds[0])
        for runner in runners:
            if runner.shows_spread and runner.entry.failure is None:
                runner.repeat(course.seeds[1:])
        return [runner.entry for runner in runners]


class _Runner:
    """A contender's process and the entry it fills; after a failure it is left alone."""

    def __init__(
        self, contender: Contender, workload: Workload, folder: Path, course: Course
    ) -> None:
        self.entry = Entry(contender)
        self.workload = workload
        self.folder = folder
        self.course = course
        self.shows_spread = contender.is_ours or contender.name == REFERENCE
        self.process: Process | None = None

    def attempt(self, deed: Callable[..., None], *arguments: Any) -> None:
        if self.entry.failure is None:
            try:
                deed(*arguments)
            except Failed as failure:
                self.entry.failure = str(failure)
                self.close()

    def prepare(self) -> None:
        """Import, first step, and the block that warms up."""
        self.entry.first_step_seconds = self._begin()
        if self.entry.contender.is_ours:
            self.close()
            self.entry.next_first_step_seconds = self._begin()
        self._ask(IMPORT_SECONDS, do="start", seed=self.course.seeds[0])
        block = self._ask(FIRST_STEP_SECONDS, do="block")
        self.entry.first_loss = block["loss"]
        self.entry.rows, self.entry.steps = block["rows"], block["steps"]

    def _begin(self) -> float:
        """Start the process; the seconds to its first step."""
        contender = self.entry.contender
        self.process = Process(
            command(contender, self.course.peers_python),
            folder=ROOT,
            environment=environment(self.folder / "caches" / contender.cache),
            log=self.folder / f"{contender.name.replace('/', '-')}.log",
        )
        imported = self.process.answer(seconds=IMPORT_SECONDS)
        self.entry.import_seconds = imported["import_seconds"]
        told = {"folder": str(self.folder), "options": contender.options}
        refused = self._ask(IMPORT_SECONDS, do="prepare", **told)["refused"]
        if refused:
            raise Failed(refused)
        seconds: float = self._ask(FIRST_STEP_SECONDS, do="first_step")["seconds"]
        return seconds

    def round(self) -> None:
        self.entry.rounds.append(self._ask(BLOCK_SECONDS, do="block")["seconds"])

    def judge(self, seed: int) -> None:
        found = self._ask(BLOCK_SECONDS, do="judge")
        self.entry.reached[seed] = (found["loss"], found["quality"])
        if self.entry.peak_bytes is None:
            self.entry.peak_bytes, self.entry.note = found["peak_bytes"], found["note"]

    def repeat(self, seeds: Sequence[int]) -> None:
        """The same training from other seeds, for their quality alone; times stay if one fails."""
        blocks = 1 if self.workload.is_sweep else self.course.rounds + 1
        try:
            for seed in seeds:
                self._ask(IMPORT_SECONDS, do="start", seed=seed)
                for _ in range(blocks):
                    self._ask(BLOCK_SECONDS, do="block")
                self.judge(seed)
        except Failed as failure:
            contender = self.entry.contender.name
            self.course.say(f"{self.workload.name} {contender}: other seeds: {failure}")

    def words(self) -> str:
        """What there is to say of it before the rounds."""
        entry = self.entry
        if entry.failure is not None:
            return entry.failure
        imported, first = entry.import_seconds, entry.first_step_seconds
        return f"imported in {imported:.1f} s, first step in {first:.2f} s"

    def _ask(self, seconds: float, **told: Any) -> dict[str, Any]:
        assert self.process is not None
        return self.process.ask(told, seconds=seconds)

    def close(self) -> None:
        if self.process is not None:
            self.process.close()
