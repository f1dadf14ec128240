"""Tables: the classics that scikit-learn ships, and some made whose best score is known."""

from __future__ import annotations

from functools import cache

import numpy as np
from sklearn import datasets

from benchmarks.doctor.data.split import divided, standardised
from benchmarks.doctor.program import Rows


@cache
def _read(name: str) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = getattr(datasets, f"load_{name}")(return_X_y=True)
    return inputs.astype(float), targets


def breast_cancer(seed: int) -> Rows:
    """569 rows of 30 measurements, two classes."""
    return standardised(divided(*_read("breast_cancer"), seed))


def wine(seed: int) -> Rows:
    """178 rows of 13 measurements, three classes."""
    return standardised(divided(*_read("wine"), seed))


def iris(seed: int) -> Rows:
    """150 rows of 4 measurements, three classes."""
    return standardised(divided(*_read("iris"), seed))


def diabetes(seed: int) -> Rows:
    """442 rows of 10 measurements, a number; no method is much better than R² = 0.5."""
    return standardised(divided(*_read("diabetes"), seed))


def digits(seed: int) -> Rows:
    """1,797 pictures of 8 × 8 pixels from 0 to 1, ten classes, flat."""
    pictures, labels = _read("digits")
    return divided(pictures / 16, labels, seed)


def friedman(seed: int) -> Rows:
    """1,000 rows of 10 numbers: y = 10 sin(π x₁ x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅ + noise.

    Reference: Friedman, Multivariate adaptive regression splines, 1991.
    """
    random = np.random.default_rng(1000 + seed)
    x = random.uniform(size=(1000, 10))
    y = (
        10 * np.sin(np.pi * x[:, 0] * x[:, 1])
        + 20 * (x[:, 2] - 0.5) ** 2
        + 10 * x[:, 3]
        + 5 * x[:, 4]
        + random.normal(size=1000)
    )
    return standardised(divided(x, y, seed))


def faint_line(seed: int) -> Rows:
    """1,500 rows of 6 numbers; what can be told of the target is R² = 0.2, the rest is noise."""
    random = np.random.default_rng(1100 + seed)
    x = random.normal(size=(1500, 6))
    y = 0.4 * x[:, 0] - 0.3 * np.abs(x[:, 1]) + random.normal(scale=0.85, size=1500)
    return standardised(divided(x, y, seed))


def two_clouds(seed: int) -> Rows:
    """1,200 points of two normal clouds that overlap: nobody is right on more than 84 %."""
    random = np.random.default_rng(1200 + seed)
    label = random.integers(0, 2, 1200)
    x = random.normal(size=(1200, 5))
    x[:, :2] += np.where(label[:, None] == 1, 0.7, -0.7)
    return standardised(divided(x, label, seed))


def rare_class(seed: int) -> Rows:
    """1,800 rows of 8 numbers; one in nine is of the second class, and can be told well."""
    random = np.random.default_rng(1300 + seed)
    label = (random.uniform(size=1800) < 1 / 9).astype(int)
    x = random.normal(size=(1800, 8))
    x[:, :3] += 1.7 * label[:, None]
    return standardised(divided(x, label, seed))


def three_questions(seed: int) -> Rows:
    """1,200 rows of 10 numbers with three answers of yes and no each."""
    random = np.random.default_rng(1400 + seed)
    x = random.normal(size=(1200, 10))
    told = np.stack([x[:, 0] + x[:, 1], x[:, 2] * x[:, 3], np.abs(x[:, 4]) - 0.7], 1)
    found = standardised(divided(x, (told > 0).astype(int), seed))
    y, yv = found.targets.float(), found.held_out_targets.float()
    return Rows(found.inputs, y, found.held_out, yv, found.truth)


def spirals(seed: int) -> Rows:
    """1,200 points on two arms that wind round each other."""
    random = np.random.default_rng(2000 + seed)
    turn = np.sqrt(random.uniform(size=600)) * 3 * np.pi
    arm = np.stack([turn * np.cos(turn), turn * np.sin(turn)], 1) / (3 * np.pi)
    points = np.concatenate([arm, -arm]) + random.normal(scale=0.03, size=(1200, 2))
    return standardised(divided(points, np.repeat([0, 1], 600), seed))


def moons(seed: int) -> Rows:
    """400 points on two half moons with noise."""
    points, label = datasets.make_moons(400, noise=0.2, random_state=seed)
    return standardised(divided(points, label, seed))
