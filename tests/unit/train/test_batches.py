"""Rows in batches: all of them, once an epoch, in an order of the seed and the epoch alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ranvier.train.batches import Batches, Part


def part(rows: int) -> Part:
    truth = np.arange(rows)
    return Part(torch.arange(rows).float()[:, None], torch.arange(rows), truth)


@given(rows=st.integers(1, 300), batch_size=st.integers(0, 64), epoch=st.integers(0, 5))
def test_an_epoch_holds_every_row_once(rows: int, batch_size: int, epoch: int) -> None:
    batches = list(Batches(part(rows), batch_size=batch_size, seed=3).epoch(epoch))
    seen = torch.cat([batch.targets for batch in batches])
    assert sorted(seen.tolist()) == list(range(rows))
    assert all(torch.equal(b.inputs[:, 0], b.targets.float()) for b in batches)


@given(rows=st.integers(2, 300), batch_size=st.integers(1, 64))
def test_no_batch_is_a_single_row_unless_it_was_asked_for(rows: int, batch_size: int) -> None:
    batches = Batches(part(rows), batch_size=batch_size, seed=0)
    sizes = [len(batch.targets) for batch in batches.epoch(0)]
    assert batch_size == 1 or min(sizes) > 1 or rows == 1
    assert len(sizes) == batches.steps_per_epoch


@pytest.mark.parametrize("start", [0, 1, 63, 64, 65, 99])
def test_an_epoch_from_its_middle_is_the_rest_of_it_in_the_same_memory_layout(start: int) -> None:
    batches = Batches(part(1000), batch_size=10, seed=1)
    whole = list(batches.epoch(4))[start:]
    rest = list(batches.epoch(4, start=start))
    assert len(whole) == len(rest)
    for one, other in zip(whole, rest, strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert one.inputs.storage_offset() == other.inputs.storage_offset()


def test_epochs_differ_and_seeds_differ() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        batches = Batches(part(100), batch_size=10, seed=seed).epoch(epoch)
        return torch.cat([batch.targets for batch in batches]).tolist()

    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    assert order(0, 0) == order(0, 0)


def test_weights_go_with_their_rows() -> None:
    rows = part(50)
    weighted = Part(rows.inputs, rows.targets, rows.truth, torch.arange(50).float() * 2)
    for batch in Batches(weighted, batch_size=7, seed=0).epoch(0):
        assert batch.weights is not None
        assert torch.equal(batch.weights, batch.targets.float() * 2)
