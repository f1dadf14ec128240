"""Which runs the suite consists of: every program, and every fault on a few that it fits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from benchmarks.doctor.faults import FAULTS, Fault
from benchmarks.doctor.program import Family, Program
from benchmarks.doctor.programs import PROGRAMS

Half = Literal["calibration", "test"]
FAMILIES: tuple[Family, ...] = get_args(Family)
HALVES: tuple[Half, Half] = ("calibration", "test")
SEEDS = 5
# How many programs of each half a fault is tried on.
PROGRAMS_A_HALF = 2


@dataclass(frozen=True)
class Case:
    """One run: a program with a fault or none (then it is healthy), and a seed."""

    program: str
    fault: str | None
    seed: int

    @property
    def half(self) -> Half:
        """The half that the run counts in."""
        return half_of(self.program)

    @property
    def twin(self) -> Case:
        """The same program and seed without a fault."""
        return Case(self.program, None, self.seed)

    def path(self, folder: Path) -> Path:
        """Where its history is kept."""
        return folder / self.program / f"{self.fault or 'healthy'}-{self.seed}.jsonl.gz"

    def spoilt(self) -> Program:
        """The program as it is run."""
        program = PROGRAMS[self.program]
        if self.fault is None:
            return program
        spoilt = FAULTS[self.fault].spoil(program)
        assert spoilt is not None, f"{self.fault} does not fit {self.program}"
        return spoilt


def half_of(program: str) -> Half:
    """Drawn by the sha256 of the name, so that nobody chose it and it never moves."""
    return HALVES[hashlib.sha256(program.encode()).digest()[-1] % 2]


def cases(
    *,
    half: Half | None = None,
    seeds: int = SEEDS,
    programs: int = PROGRAMS_A_HALF,
    only: Iterable[str] = (),
) -> list[Case]:
    """The runs of a half, or of both; `only` keeps programs and faults of these names.

    Programs come first without a fault: the twins that runs with faults are compared with.
    """
    names = set(only)
    halves = HALVES if half is None else (half,)
    pairs = [
        (program, fault)
        for program, fault in (*_healthy(), *_faulty(programs))
        if half_of(program) in halves
        and (not names or program in names or (fault or "healthy") in names)
    ]
    return [Case(program, fault, seed) for program, fault in pairs for seed in range(seeds)]


def _healthy() -> Iterator[tuple[str, None]]:
    for name in PROGRAMS:
        yield name, None


@cache
def _faulty(programs: int) -> tuple[tuple[str, str], ...]:
    return tuple(
        (program, fault.name)
        for fault in FAULTS.values()
        for half in HALVES
        for program in drawn(fault, half, programs)
    )


@cache
def drawn(fault: Fault, half: Half, programs: int) -> tuple[str, ...]:
    """So many programs of the half for the fault, of as many families as there are.

    In the order of the sha256 of both names, a family's second only after every family's first.
    """
    order = sorted(
        (name for name in PROGRAMS if half_of(name) == half),
        key=lambda name: hashlib.sha256(f"{fault.name} {name}".encode()).digest(),
    )
    groups = [_fitting(fault, order, family) for family in FAMILIES]
    chosen: list[str] = []
    while len(chosen) < programs:
        turn = [name for group in groups if (name := next(group, None)) is not None]
        if not turn:
            break
        chosen += sorted(turn, key=order.index)
    return tuple(chosen[:programs])


def _fitting(fault: Fault, names: Iterable[str], family: str) -> Iterator[str]:
    """Lazily, since whether a fault fits takes the rows and the network to tell."""
    for name in names:
        program = PROGRAMS[name]
        if program.family != family or (fault.needs_rows and not program.gives_rows):
            continue
        if fault.spoil(program) is not None:
            yield name
