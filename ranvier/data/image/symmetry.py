"""What may be done to a picture without making another of it, as the pictures themselves show.

A kernel ridge classifier on small standardised pictures is taught half of a sample and asked about
the other half, as it is and mirrored or turned:

    retained = (score of changed pictures − chance) / (score of pictures as they are − chance)
    change   = score when the changed ones were taught beside the others − score when they were not

A mirrored 3 is no 3, and what was taught digits is mostly wrong about it (MNIST: 0.37 retained); a
mirrored shoe is a shoe that points the other way (Fashion-MNIST: 0.69, and teaching them costs
nothing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.random import generator
from ranvier.core.task import Task
from ranvier.data.image.averages import Floats, averaged, standardised
from ranvier.data.image.bring import Bytes

Numbers = NDArray[np.float64]

RETAINED, CHANGE = 0.6, -0.01

_SAMPLE, _LEAST = 2_000, 40
_SIDE = 16
_RIDGE = 0.1
# Standard errors by which the classifier must be better than chance to be believed.
_BETTER = 4.0

CHANGES: dict[str, Callable[[Floats], Floats]] = {
    "flips": lambda pictures: pictures[:, :, ::-1],
    "flips_vertically": lambda pictures: pictures[:, ::-1],
    "turns": lambda pictures: np.swapaxes(pictures, 1, 2)[:, ::-1],
}


@dataclass(frozen=True)
class Symmetry:
    """Whether a picture may be mirrored left to right, upside down, and given quarter turns.

    `evidence` says in words how that is known, and `scores` holds the numbers.
    """

    flips: bool
    flips_vertically: bool
    turns: bool
    evidence: str
    scores: dict[str, Any]


def measure_symmetry(pixels: Bytes, truth: NDArray[Any], task: Task) -> Symmetry:
    """What at most 2,000 training pictures show.

    Where they show nothing, pictures in colour, which are mostly of things, are taken to be
    mirrored freely from left to right, and others not.

    Shapes: pixels: [N, H, W, C]; truth: [N] or [N, classes].
    """
    count = min(len(pixels), _SAMPLE)
    places = np.unique(np.linspace(0, len(pixels) - 1, count).astype(np.int64))
    places = generator(0, "symmetry").permutation(places)
    answers = _answers(truth[places], task)
    if count < _LEAST or not (answers.std(axis=0) > 0).any():
        return _unknown(pixels, {"pictures": count})
    side = min(_SIDE, *pixels.shape[1:3])
    small = np.concatenate(
        [averaged(pixels[part].astype(np.float32), side) for part in _in_blocks(places)]
    )
    scores = {"pictures": count, **_measure(small, answers, task)}
    if scores["score"] <= scores["chance"] + _BETTER * scores["error"]:
        return _unknown(pixels, scores)
    allowed = {
        name: scores[name]["retained"] >= RETAINED
        and scores[name]["change"] >= CHANGE - scores["error"]
        for name in CHANGES
    }
    kept = (f"{max(scores[name]['retained'], 0.0):.0%}" for name in CHANGES)
    across, down, turned = (share.replace("%", " %") for share in kept)
    evidence = (
        f"a simple classifier keeps {across} of what it knows where pictures are mirrored left to "
        f"right, {down} upside down, {turned} after a quarter turn"
    )
    return Symmetry(**allowed, evidence=evidence, scores=scores)


def _unknown(pixels: Bytes, scores: dict[str, Any]) -> Symmetry:
    is_coloured = pixels.shape[-1] == 3
    evidence = "the pictures are too few, or too hard for a simple classifier, to show it"
    if is_coloured:
        evidence += "; things in colour are mostly alike in a mirror"
    return Symmetry(is_coloured, False, False, evidence, scores)


def _in_blocks(places: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return np.split(places, range(64, len(places), 64))


def _answers(truth: NDArray[Any], task: Task) -> Numbers:
    """What is to be answered, as numbers: one per class, or the standardised target.

    Shapes: -> [N, outputs].
    """
    if task.is_classification:
        return np.eye(task.outputs)[truth]
    numbers = truth.reshape(len(truth), -1).astype(np.float64)
    return (numbers - numbers.mean(axis=0)) / np.maximum(numbers.std(axis=0), 1e-12)


def _measure(small: Floats, answers: Numbers, task: Task) -> dict[str, Any]:
    """Scores of both halves, each taught by the other."""
    middle = len(small) // 2
    halves = [
        (slice(None, middle), slice(middle, None)),
        (slice(middle, None), slice(None, middle)),
    ]
    plain = np.zeros_like(answers)
    changed = {name: np.zeros_like(answers) for name in CHANGES}
    taught = {name: np.zeros_like(answers) for name in CHANGES}
    rows = standardised(small)[0]
    moved = {name: standardised(change(small))[0] for name, change in CHANGES.items()}
    for known, asked in halves:
        answer = _taught(rows[known], answers[known])
        plain[asked] = answer(rows[asked])
        for name in CHANGES:
            changed[name][asked] = answer(moved[name][asked])
            both = np.concatenate([rows[known], moved[name][known]])
            twice = np.concatenate([answers[known], answers[known]])
            taught[name][asked] = _taught(both, twice)(rows[asked])
    score, chance = _score(plain, answers, task), _chance(answers, task)
    above = score - chance
    return {
        "score": score,
        "chance": chance,
        "error": float((max(score * (1 - score), 0.05) / len(answers)) ** 0.5),
        **{
            name: {
                "retained": (_score(changed[name], answers, task) - chance) / above
                if above > 0
                else 0.0,
                "change": _score(taught[name], answers, task) - score,
            }
            for name in CHANGES
        },
    }


def _taught(rows: Floats, answers: Numbers) -> Callable[[Floats], Numbers]:
    """Kernel ridge regression with a Gaussian kernel as wide as the rows lie apart.

    f(x) = ȳ + k(x, X) (K + λ I)⁻¹ (y − ȳ),   k(x, z) = exp(−2 ‖x − z‖² / median)
    """
    squares = _squared_distances(rows, rows)
    width = max(float(np.median(squares)), 1e-6) / 2
    mean = answers.mean(axis=0)
    kernel = np.exp(-squares / width) + _RIDGE * np.eye(len(rows))
    weights = np.linalg.solve(kernel, answers - mean)
    return lambda asked: np.exp(-_squared_distances(asked, rows) / width) @ weights + mean


def _squared_distances(one: Floats, other: Floats) -> Numbers:
    """Of rows of length 1 (or 0, for pictures of one colour)."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.maximum(squares, 0).astype(np.float64)


def _score(found: Numbers, answers: Numbers, task: Task) -> float:
    """Accuracy of classes, else the share of the variance that is explained."""
    if task.is_classification:
        return float((found.argmax(axis=1) == answers.argmax(axis=1)).mean())
    variance = ((answers - answers.mean(axis=0)) ** 2).sum()
    return float(1 - ((found - answers) ** 2).sum() / variance)


def _chance(answers: Numbers, task: Task) -> float:
    """The score of always answering the commonest class, or the mean."""
    return float(answers.mean(axis=0).max()) if task.is_classification else 0.0
