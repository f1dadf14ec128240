"""The suite's figures as tables for people, as JSON for programs, and the misses one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.doctor.cases import FAMILIES, HALVES
from benchmarks.doctor.judge import Share, Verdict, alarms_of, faults_of
from ranvier.core.finding import Finding
from ranvier.diagnose import RULES


def document(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """All figures by half: together, by family, by row of the catalogue, by fault."""
    return {half: _half([v for v in verdicts if v.case.half == half]) for half in HALVES}


def _half(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    faulty = [each for each in verdicts if each.fault is not None]
    return {
        "runs": len(verdicts),
        "left_out": sum(not each.counts for each in faulty),
        "crashes": sum(each.crash is not None for each in verdicts),
        "false_alarms": _plain(alarms_of(verdicts)),
        "faults": _plain(faults_of(faulty)),
        "by_family": _by(verdicts, lambda v: v.family, alarms_of, faults_of),
        "by_number": _by(faulty, _number, faults_of),
        "by_fault": _by(faulty, lambda v: str(v.case.fault), faults_of),
        "by_program": _by([v for v in verdicts if v.fault is None], _program, alarms_of),
    }


def _number(verdict: Verdict) -> int:
    assert verdict.fault is not None
    return verdict.fault.number


def _program(verdict: Verdict) -> str:
    return verdict.case.program


def _plain(shares: dict[str, Share]) -> dict[str, Any]:
    return {name: share.to_json() for name, share in shares.items()}


def _by(
    verdicts: Sequence[Verdict],
    key: Callable[[Verdict], Any],
    *measures: Callable[[Sequence[Verdict]], dict[str, Share]],
) -> dict[str, Any]:
    found = {}
    for value in sorted({key(each) for each in verdicts}):
        group = [each for each in verdicts if key(each) == value]
        found[str(value)] = {
            k: v for measure in measures for k, v in _plain(measure(group)).items()
        }
    return found


def markdown(verdicts: Sequence[Verdict]) -> str:
    """The figures of each half that has any: together, by family, by row of the catalogue."""
    return "\n\n".join(
        "\n".join(_of_half(half, group))
        for half in HALVES
        if (group := [each for each in verdicts if each.case.half == half])
    )


def _of_half(half: str, verdicts: Sequence[Verdict]) -> Iterator[str]:
    faulty = [each for each in verdicts if each.fault is not None]
    left_out = sum(not each.counts for each in faulty)
    yield f"### The {half} half\n"
    yield f"{len(verdicts) - len(faulty)} healthy runs, {len(faulty) - left_out} with a fault; "
    yield f"{left_out} more came within 2 points of their healthy twins and are left out.\n"
    crashes = sum(each.crash is not None for each in verdicts)
    if crashes:
        yield f"The recorder or a rule crashed on {crashes} of them.\n"
    yield (
        "| family | false alarms: error | error or warning "
        "| faults found | as an error | right cause |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    for family in ("all", *FAMILIES):
        group = [each for each in verdicts if family in ("all", each.family)]
        shares = [*alarms_of(group).values(), *faults_of(group).values()]
        yield f"| {family} | " + " | ".join(map(str, shares[:5])) + " |"
    yield ""
    yield "| row | fault | found | as an error | right cause | row named |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for number in sorted({_number(each) for each in faulty}):
        group = [each for each in faulty if _number(each) == number]
        shares = faults_of(group)
        if shares["found"].total:
            cells = " | ".join(map(str, shares.values()))
            yield f"| {number} | {RULES[number].symptom.name} | {cells} |"


def misses(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Each run that was judged wrongly, with what was said of it."""
    for each in verdicts:
        if each.crash is not None:
            yield f"CRASH      {_place(each)}: {each.crash}"
        if each.fault is None and each.has_error:
            yield f"ALARM      {_place(each)}: {_said(each.findings)}"
        elif each.fault is None and each.has_alarm:
            yield f"warning    {_place(each)}: {_said(each.findings)}"
        elif each.counts and not each.has_alarm:
            yield f"NOT FOUND  {_place(each)}: {_said(each.findings)}"
        elif each.counts and not each.is_right:
            assert each.fault is not None
            wanted = "/".join(sorted(each.fault.categories))
            yield f"WRONG      {_place(each)}: wanted {wanted}; {_said(each.findings)}"


def _place(verdict: Verdict) -> str:
    case = verdict.case
    if verdict.fault is None:
        return f"{case.program} seed {case.seed} score {verdict.score:.3f}"
    twin = "?" if verdict.twin is None else f"{verdict.twin:.3f}"
    return (
        f"{verdict.fault.number} {case.fault} on {case.program} seed {case.seed} "
        f"score {verdict.score:.3f} twin {twin}"
    )


def _said(findings: Sequence[Finding]) -> str:
    return "; ".join(
        f"{each.severity[0]}{each.number} {each.symptom} [{each.category}]"
        + (f" ({each.where[:40]})" if each.severity != "information" else "")
        for each in findings[:6]
    ) or "nothing"  # fmt: skip
