"""Moments, gaps, copies and drift of rows, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.diagnose.preflight import data
from ranvier.diagnose.preflight.data import input_facts, split_facts, target_facts


def test_moments_of_a_table_are_those_of_its_columns_gaps_left_out(monkeypatch):
    monkeypatch.setattr(data, "AT_ONCE", 64)
    rows = np.random.default_rng(0).normal(3, 2, size=(200, 5))
    rows[17, 2] = np.nan
    rows[40, 3] = -np.inf
    rows[:, 4] = 7.0
    facts = input_facts(torch.from_numpy(rows))
    known = np.where(np.isfinite(rows), rows, np.nan)
    assert facts.mean == pytest.approx(np.nanmean(known, 0))
    assert facts.std == pytest.approx(np.nanstd(known, 0))
    assert facts.least == pytest.approx(np.nanmin(known, 0))
    assert facts.most == pytest.approx(np.nanmax(known, 0))
    assert (facts.non_finite, facts.non_finite_rows) == (2, (17, 40))
    assert facts.std[4] == 0.0


def test_pictures_are_one_column_and_bytes_are_pictures():
    pictures = torch.randint(0, 256, (50, 3, 4, 4), dtype=torch.uint8)
    facts = input_facts(pictures)
    assert (facts.form, facts.shape) == ("picture", (3, 4, 4))
    assert facts.mean == pytest.approx([pictures.numpy().mean()])
    assert facts.std == pytest.approx([pictures.numpy().std()])


def test_one_value_far_out_is_not_missed_in_many_rows(monkeypatch):
    monkeypatch.setattr(data, "MOST_NUMBERS", 100)
    rows = torch.zeros(1000, 2)
    rows[::2, 0] = 1.0
    rows[501, 1] = 1e6
    facts = input_facts(rows)
    assert facts.most == (1.0, 1e6)
    assert facts.indicators == (True, False)


def test_copies_are_counted_once_they_come_again():
    rows = torch.tensor([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0], [-0.0, 1.0], [1.0, 2.0]])
    assert input_facts(rows).duplicates == pytest.approx(3 / 5)
    assert input_facts(torch.randn(100, 3).bfloat16()).duplicates is not None


def test_shared_and_near_rows_are_told_apart():
    random = np.random.default_rng(1)
    train, held_out = random.normal(size=(400, 6)), random.normal(size=(100, 6))
    held_out[:10] = train[:10]
    held_out[10:30] = train[10:30] + 1e-4
    y, held_out_y = torch.zeros(400).long(), torch.zeros(100).long()
    facts = split_facts(torch.from_numpy(train), y, torch.from_numpy(held_out), held_out_y)
    assert facts.shared == pytest.approx(0.1)
    assert facts.near == pytest.approx(0.3)


def test_the_feature_that_drifts_most_is_named():
    random = np.random.default_rng(2)
    train, held_out = random.normal(size=(4000, 3)), random.normal(size=(4000, 3))
    held_out[:, 1] += 2.0
    y = torch.zeros(4000).long()
    rows = torch.from_numpy(train), y, torch.from_numpy(held_out), y
    facts = split_facts(*rows, names=["age", "income", "height"])
    assert facts.feature == "income"
    assert facts.feature_drift == pytest.approx(2.0, abs=0.2)
    assert split_facts(*rows).feature == "feature 1"


def test_the_least_and_largest_class_are_known():
    facts = target_facts(torch.tensor([0, 3, 3, -1]))
    assert (facts.form, facts.least, facts.most) == ("classes", -1.0, 3.0)
