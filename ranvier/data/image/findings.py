"""What is to be said of the pictures of a source: those that are odd, and those that are twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError
from ranvier.core.finding import Finding
from ranvier.core.task import Task
from ranvier.data.image.listing import PARTS, TEST, TRAIN, VALIDATION, Problem
from ranvier.data.image.problems import summary
from ranvier.data.image.twins import Places, Twins

_NAMED = 5
_FEW_SHARED = 0.01

# What lists a source reports of single pictures that are not there to be read.
_NOT_THERE = frozenset({"missing file", "unreadable", "broken link"})


def check_left_out(
    source: str,
    listed: Iterable[Problem],
    decoding: Iterable[Problem],
    *,
    readable: int,
    most: float,
) -> None:
    """Refuse a source of which too large a share of pictures cannot be read.

    Raises:
        DataError: with the summary of all problems.
    """
    listed, decoding = tuple(listed), tuple(decoding)
    missing = sum(problem.kind in _NOT_THERE and problem.is_left_out for problem in listed)
    left_out = missing + sum(problem.is_left_out for problem in decoding)
    total = readable + left_out
    if readable and left_out <= most * total:
        return
    told = summary((*listed, *decoding))
    if not readable:
        raise DataError(f"{source}: none of {total:,} pictures can be read. Mend them.\n{told}")
    raise DataError(
        f"{source}: {left_out:,} of {total:,} pictures cannot be read; at most "
        f"{most:.0%} may be left out. Mend or remove them, or allow more "
        f"(most_left_out={min(1.0, left_out / total + 0.005):.2f}).\n{told}"
    )


def problem_findings(problems: Iterable[Problem]) -> tuple[Finding, ...]:
    """One finding for each kind of problem, with the first names."""
    groups: dict[tuple[str, bool], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((problem.kind, problem.is_left_out), []).append(problem)
    return tuple(
        Finding(
            "warning" if is_left_out else "information",
            f"{kind}: {len(group):,}{' left out' if is_left_out else ''}",
            "data",
            _shown([problem.name for problem in group]),
            _sentence(group),
        )
        for (kind, is_left_out), group in groups.items()
    )


def _sentence(group: Sequence[Problem]) -> str:
    """What is wrong with the first of a kind, or with the only one."""
    detail = group[0].detail.rstrip(".")
    return f"The first: {detail}." if len(group) > 1 else f"{detail[:1].upper()}{detail[1:]}."


def twin_findings(
    twins: Twins,
    part: NDArray[Any],
    truth: NDArray[Any],
    names: Sequence[str],
    task: Task,
    source: str,
) -> tuple[Finding, ...]:
    """Copies of training pictures among those held out, copies that contradict each other, and
    copies at all.

    `part` says where each picture went, -1 for none.
    """
    used = (part >= 0)[twins.pairs].all(axis=1) if len(twins) else np.zeros(0, dtype=np.bool_)
    pairs, is_exact = twins.pairs[used], twins.is_exact[used]
    if not len(pairs):
        return ()
    found = [*_shared(twins.group, part, names), *_contradicting(pairs, truth, names, task)]
    copies, total, exact = len(np.unique(pairs[:, 1])), int((part >= 0).sum()), int(is_exact.sum())
    found.append(
        Finding(
            "information",
            f"{copies:,} of {total:,} pictures are copies of others, {exact:,} of them byte for "
            "byte",
            "data",
            source,
            "Those that were drawn at random were kept in the same part. Remove the copies if they "
            f"are a slip, such as {_pair(pairs[0], names)}.",
        )
    )
    return tuple(found)


def _shared(group: Places, part: NDArray[Any], names: Sequence[str]) -> list[Finding]:
    """Symptom 34: pictures held out of which a copy is trained on; a warning above 1 %."""
    learned = np.unique(group[part == TRAIN])
    found = []
    for held_out in (VALIDATION, TEST):
        rows = np.flatnonzero(part == held_out)
        shared = rows[np.isin(group[rows], learned)]
        if not len(shared):
            continue
        found.append(
            Finding(
                "warning" if len(shared) > _FEW_SHARED * len(rows) else "information",
                f"{len(shared):,} of {len(rows):,} {PARTS[held_out]} pictures are copies of "
                "training pictures",
                "data",
                _shown([names[row] for row in shared[:_NAMED]], len(shared)),
                "They stay where they are, and scores on them are too good. Remove the copies.",
                number=34,
                evidence={"shared": len(shared), "rows": len(rows)},
            )
        )
    return found


def _contradicting(
    pairs: Places, truth: NDArray[Any], names: Sequence[str], task: Task
) -> list[Finding]:
    """Copies with different labels; numbers are measured, and so may differ."""
    if task.kind == "regression":
        return []
    differs = truth[pairs[:, 0]] != truth[pairs[:, 1]]
    odd = pairs[differs.reshape(len(pairs), -1).any(axis=1)]
    if not len(odd):
        return []
    return [
        Finding(
            "warning",
            f"{len(odd):,} {'pair of copies has' if len(odd) == 1 else 'pairs of copies have'} "
            "different labels",
            "labels",
            "; ".join(_pair(pair, names) for pair in odd[:_NAMED]),
            "One label of each pair is wrong, or both hold. Correct them.",
        )
    ]


def _pair(pair: Places, names: Sequence[str]) -> str:
    return f"{names[pair[0]]} and {names[pair[1]]}"


def _shown(names: Sequence[str], count: int | None = None) -> str:
    more = (len(names) if count is None else count) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
