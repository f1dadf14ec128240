"""Confident learning against its definition, row by row."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.step.suspects import Suspects, suspected_share


def by_definition(p: np.ndarray, labels: np.ndarray) -> float:
    classes = p.shape[1]
    t = [p[labels == k, k].mean() for k in range(classes)]
    suspected = 0
    for row, label in zip(p, labels, strict=True):
        sure = [k for k in range(classes) if row[k] >= t[k]]
        suspected += bool(sure) and max(sure, key=lambda k: row[k]) != label
    return suspected / len(p)


def test_the_share_is_that_of_the_definition():
    random = np.random.default_rng(1)
    p = random.dirichlet(np.ones(4), size=300)
    labels = np.where(random.random(300) < 0.6, p.argmax(1), random.integers(0, 4, 300))
    found = suspected_share(torch.from_numpy(p), torch.from_numpy(labels))
    assert found == pytest.approx(by_definition(p, labels))


def test_a_class_nobody_has_is_no_suspect_and_one_class_says_nothing():
    p = torch.tensor([[0.1, 0.1, 0.8], [0.7, 0.2, 0.1], [0.2, 0.7, 0.1]])
    assert suspected_share(p, torch.tensor([0, 0, 1])) == 0.0
    assert suspected_share(p, torch.tensor([0, 0, 0])) is None


def test_wrong_labels_are_found_by_a_network_that_knows_better():
    random = np.random.default_rng(2)
    truth = random.integers(0, 3, 400)
    labels = truth.copy()
    labels[:80] = (truth[:80] + 1) % 3
    p = np.full((400, 3), 0.1)
    p[np.arange(400), truth] = 0.8
    suspects = Suspects()
    for _ in range(3):
        found = suspects.add(torch.from_numpy(p), torch.from_numpy(labels))
    assert found == pytest.approx(0.2)


def test_an_untrained_network_doubts_nobody():
    p = torch.softmax(torch.randn(200, 3, generator=torch.Generator().manual_seed(0)), 1)
    labels = torch.arange(200) % 3
    assert Suspects().add(p, labels) is None
