"""Labels that the network doubts, ranked, with the label that it would give.

Two things make a doubt. By confident learning: with t_k the mean probability of class k over the
held-out pictures labelled k, the most probable of the classes with p_k ≥ t_k is another than the
label y. And the label is a surprise beyond the network's own uncertainty: the chance of one no
likelier is

    q = Σ_k p_k [p_k ≤ p_y]

and among the n labels of a part those with the m smallest q are doubted, m the largest for which
q_(m) n / m ≤ ½: were all labels right and the probabilities what they say, half of so many would be
expected. Confident learning alone doubts what a weak network merely confuses. The probabilities
are sharpened or softened first, so that on the held-out pictures they do mean what they say.

What is looked at is out of sample wherever possible: the network learnt the labels of the training
pictures, wrong ones too, so of those only doubts that outlived learning are seen.

N pictures, C classes.

Reference: Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset
Labels, JAIR 2021; Benjamini and Hochberg, Controlling the False Discovery Rate, JRSS B 1995.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ranvier.apps.image.gallery.sharpness import best_exponent, sharpened
from ranvier.apps.image.gallery.thumbnails import thumbnails
from ranvier.apps.image.gallery.words import known_as
from ranvier.core.task import Task
from ranvier.data.image import Pictures
from ranvier.step.suspects import knows, suggested, thresholds

HELD_OUT = ("validation", "test")
MOST_SHOWN, MOST_NAMED = 24, 500
MOST_FALSE = 0.5
SUSPECT_BYTES = 220_000


@dataclass(frozen=True)
class Suspect:
    """A label in doubt: of which picture of which part, what it says, and what is thought.

    Where several classes may hold, the two are whether `about` does.
    """

    split: str
    row: int
    about: Any
    given: Any
    suggested: Any
    given_probability: float
    suggested_probability: float
    surprise: float


def suspects(
    task: Task, parts: Mapping[str, Pictures], answers: Mapping[str, NDArray[np.float64]]
) -> dict[str, Any] | None:
    """The record of labels in doubt, the most doubted first.

    None where there are no classes, no held-out picture was answered, or the network knows too
    little of them to doubt a label.
    """
    if not task.classes:
        return None
    looked_at = [
        split
        for split in parts
        if split in answers and len(parts[split]) and np.isfinite(answers[split]).all()
    ]
    found = doubted(task, {split: parts[split].truth for split in looked_at}, answers)
    if found is None:
        return None
    encoded = thumbnails([parts[one.split].pixels[one.row] for one in found[:MOST_SHOWN]],
                         most_bytes=SUSPECT_BYTES)  # fmt: skip
    items = [
        {"png": encoded[place] if place < len(encoded) else None,
         **known_as(parts[one.split], one.row), "part": one.split,
         "about": one.about, "given": one.given, "suggested": one.suggested,
         "given_probability": one.given_probability,
         "suggested_probability": one.suggested_probability}
        for place, one in enumerate(found[:MOST_NAMED])
    ]  # fmt: skip
    return {
        "what": "suspects",
        "found": {split: sum(one.split == split for one in found) for split in looked_at},
        "looked_at": {split: len(parts[split]) for split in looked_at},
        "items": items,
    }


def doubted(
    task: Task, truth: Mapping[str, NDArray[Any]], answers: Mapping[str, NDArray[np.float64]]
) -> list[Suspect] | None:
    """Every label in doubt, the most doubted first; None where nothing can be said.

    The thresholds are of the held-out pictures, and hold for the training pictures too.

    Shapes: truth [N] class indices or [N, C] of yes and no; answers [N, C]
    """
    held_out = [split for split in HELD_OUT if split in truth and len(truth[split])]
    if not held_out:
        return None
    known: list[tuple[_Question, Tensor]] = []
    for asked in _questions(task, truth, answers):
        labels_N = torch.cat([asked.labels[split] for split in held_out])
        question = asked.sharpened(
            best_exponent(torch.cat([asked.answers[split] for split in held_out]), labels_N)
        )
        p_NC = torch.cat([question.answers[split] for split in held_out])
        t_C = thresholds(p_NC, labels_N)
        if t_C is not None and knows(p_NC, labels_N):
            known.append((question, t_C))
    if not known:
        return None
    found: list[Suspect] = []
    for split in truth:
        most = _most_surprise(torch.cat([question.surprises(split) for question, _ in known]))
        for question, t_C in known:
            found += _doubted_of(question, split, t_C, most)
    return sorted(found, key=lambda one: (one.surprise, one.split, one.row))


def _most_surprise(q_N: Tensor) -> float:
    """The largest q of a doubt among all the labels of a part; −1 where there is none."""
    ranked_N = q_N.sort().values
    expected_N = ranked_N * len(ranked_N) / torch.arange(1, len(ranked_N) + 1)
    few_N = ranked_N[expected_N <= MOST_FALSE]
    return float(few_N[-1]) if len(few_N) else -1.0


@dataclass(frozen=True)
class _Question:
    """One choice among classes: labels `[N]` and answers `[N, C]` by part, and the classes."""

    about: Any
    classes: tuple[Any, ...]
    labels: Mapping[str, Tensor]
    answers: Mapping[str, Tensor]

    def sharpened(self, exponent: float) -> _Question:
        """The same with answers that mean what they say."""
        return replace(
            self, answers={split: sharpened(p, exponent) for split, p in self.answers.items()}
        )

    def surprises(self, split: str) -> Tensor:
        """The chance of a label no likelier than the one given, `[N]`."""
        p_NC = self.answers[split]
        own_N1 = p_NC.gather(1, self.labels[split].unsqueeze(1))
        return torch.where(p_NC <= own_N1, p_NC, 0.0).sum(1)


def _questions(
    task: Task, truth: Mapping[str, NDArray[Any]], answers: Mapping[str, NDArray[np.float64]]
) -> list[_Question]:
    """The one choice among the classes; where several may hold, of each whether it does."""
    labels = {split: torch.tensor(known) for split, known in truth.items()}
    given = {split: torch.tensor(answers[split], dtype=torch.float64) for split in truth}
    if not task.is_multilabel:
        labels = {split: known.long() for split, known in labels.items()}
        return [_Question(None, task.classes, labels, given)]
    return [
        _Question(
            name,
            (False, True),
            {split: (known[:, index] > 0).long() for split, known in labels.items()},
            {split: torch.stack([1 - p[:, index], p[:, index]], 1) for split, p in given.items()},
        )
        for index, name in enumerate(task.classes)
    ]


def _doubted_of(
    question: _Question, split: str, t_C: Tensor, most_surprise: float
) -> list[Suspect]:
    p_NC, labels_N = question.answers[split], question.labels[split]
    guess_N, q_N = suggested(p_NC, labels_N, t_C), question.surprises(split)
    is_doubted_N = (guess_N != labels_N) & (q_N <= most_surprise)
    found = []
    for row in torch.nonzero(is_doubted_N).flatten().tolist():
        given, guess = int(labels_N[row]), int(guess_N[row])
        found.append(
            Suspect(
                split=split, row=row, about=question.about,
                given=question.classes[given], suggested=question.classes[guess],
                given_probability=float(p_NC[row, given]),
                suggested_probability=float(p_NC[row, guess]),
                surprise=float(q_N[row]),
            )
        )  # fmt: skip
    return found
