"""Facts about the pictures of a source for the report: plain numbers, ready for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.task import Task
from ranvier.data.image.encode import PictureForm
from ranvier.data.image.listing import Problem
from ranvier.data.image.symmetry import Symmetry
from ranvier.data.image.twins import Twins

_NAMES, _GROUPS, _MEMBERS = 5, 100, 16
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def profile_problems(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Each kind of problem with its count, its first names, and what is wrong with the first."""
    groups: dict[tuple[str, bool], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((problem.kind, problem.is_left_out), []).append(problem)
    return [
        {
            "kind": kind,
            "is_left_out": is_left_out,
            "count": len(group),
            "names": [problem.name for problem in group[:_NAMES]],
            "detail": group[0].detail,
        }
        for (kind, is_left_out), group in groups.items()
    ]


def profile_form(form: PictureForm, why: str) -> dict[str, Any]:
    """What the pictures were brought into, and why."""
    return {**asdict(form), "why": why}


def profile_truth(task: Task, truth: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """How often each class comes in each part, or how the numbers of all parts lie."""
    if task.kind == "regression":
        numbers = np.concatenate(list(truth.values()))
        spread = np.quantile(numbers, _QUANTILES)
        return {
            "name": task.target,
            "mean": float(numbers.mean()),
            "std": float(numbers.std()),
            "quantiles": {f"{q:g}": float(v) for q, v in zip(_QUANTILES, spread)},
        }
    counts = {
        part: each.sum(axis=0) if task.is_multilabel else np.bincount(each, minlength=task.outputs)
        for part, each in truth.items()
    }
    classes = [
        {"name": str(name), **{part: int(count[place]) for part, count in counts.items()}}
        for place, name in enumerate(task.classes)
    ]
    return {"name": task.target, "classes": classes}


def profile_twins(twins: Twins, numbers: NDArray[np.int64]) -> dict[str, Any]:
    """How many copies there are, and the pictures' numbers of the first groups of them.

    `numbers` are of the source's own pictures; copies in other sources are counted only.
    """
    order = np.argsort(twins.group[: len(numbers)], kind="stable")
    sizes = np.unique(twins.group[: len(numbers)], return_counts=True)[1]
    members = np.split(numbers[order], np.cumsum(sizes)[:-1]) if len(numbers) else []
    groups = [each[:_MEMBERS].tolist() for each in members if len(each) > 1]
    return {
        "exact": int(twins.is_exact.sum()),
        "near": int((~twins.is_exact).sum()),
        "groups": groups[:_GROUPS],
    }


def profile_symmetry(symmetry: Symmetry) -> dict[str, Any]:
    """What mirroring and turning leave as it was, and how that is known."""
    return {
        "flips": symmetry.flips,
        "flips_vertically": symmetry.flips_vertically,
        "turns": symmetry.turns,
        "evidence": symmetry.evidence,
    }
