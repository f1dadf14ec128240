"""Rows as people have them at hand, and as networks and losses take them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import ranvier as rv
from ranvier.core.errors import ConfigError
from ranvier.diagnose.rows import Rows, fitted, rows_of

X, Y = torch.arange(12.0).reshape(6, 2), torch.arange(6)


class Random(Dataset):
    """Draws from three sources for every row, as augmentation does."""

    def __len__(self) -> int:
        return 5000

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        drawn = torch.rand(2) + random.random() + np.random.rand()  # noqa: NPY002
        return drawn + place, place % 3


class Endless(IterableDataset):
    def __iter__(self):
        yield X[0], 0


class Column:
    """A column of a table, as pandas has them."""

    def to_numpy(self) -> np.ndarray:
        return Y.numpy()


@pytest.mark.parametrize(
    "given",
    [
        (X, Y),
        [X, Y],
        (X.numpy(), Y.numpy()),
        (X.tolist(), Y.tolist()),
        (X, Column()),
        TensorDataset(X, Y),
    ],
)
def test_pairs_arrays_lists_columns_and_data_sets_are_rows(given):
    found = rows_of("train", given)
    assert torch.equal(found.inputs.float(), X)
    assert torch.equal(found.targets, Y)
    assert found.total == 6


def test_a_loader_gives_the_rows_of_its_data_set_and_no_draw_is_missed():
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(Random(), batch_size=7, shuffle=True, generator=generator)
    before = (
        generator.get_state(),
        torch.get_rng_state(),
        random.getstate(),
        np.random.get_state()[1],  # noqa: NPY002
    )
    found = rows_of("train", loader)
    assert torch.equal(generator.get_state(), before[0])
    assert torch.equal(torch.get_rng_state(), before[1])
    assert random.getstate() == before[2]
    assert (np.random.get_state()[1] == before[3]).all()  # noqa: NPY002
    assert (len(found.inputs), found.total) == (1667, 5000)
    assert found.inputs.max() > 4990


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (X, "train is a Tensor; expected a pair (inputs, targets)"),
        ((X,), "train is a tuple of 1;"),
        ("rows.csv", "train is a str;"),
        ((X, Y[:2]), "train has 6 rows of inputs and 2 targets; expected as many of each."),
        ((X, "abc"), "the targets of train are a str that makes no tensor"),
        (((X, X), Y), "Of a network with several inputs leave train out."),
        ((X[:0], Y[:0]), "the inputs of train hold no rows: shape (0, 2)."),
        (Endless(), "a Endless that can only be read from its start"),
        (TensorDataset(X), "whose rows make no pairs of tensors"),
        ((np.array(["a", "b"], dtype=object), Y), "are a ndarray of object that makes no tensor"),
    ],
)
def test_what_makes_no_rows_is_refused_by_name(given, words):
    with pytest.raises(ConfigError) as caught:
        rows_of("train", given)
    assert words in str(caught.value)


def shape_after(module: nn.Module, loss, inputs, targets):
    fit = fitted(module, loss, Rows(inputs, targets, len(inputs)))
    rows = fit.of(Rows(inputs, targets, len(inputs)))
    with torch.no_grad():
        outputs = module(rows.inputs)
    float(fit.loss(outputs, rows.targets))
    return fit, rows


@pytest.mark.parametrize(
    ("module", "loss", "inputs", "targets", "note"),
    [
        (nn.Linear(2, 3), F.cross_entropy, X.double(), Y % 3, None),
        (nn.Linear(2, 3), F.cross_entropy, X.int(), Y % 3, "inputs are measured as torch.float32"),
        (nn.Linear(4, 3), F.cross_entropy, torch.rand(6, 2, 2), Y % 3, "inputs are measured flattened"),
        (nn.Conv1d(1, 3, 2), lambda o, t: o.sum() + t.sum(), X, Y, "inputs are measured with one channel"),
        (nn.Conv2d(3, 1, 1), lambda o, t: o.mean(), torch.rand(6, 5, 4, 3), Y, "inputs are measured with channels first"),
        (nn.Linear(2, 3), F.cross_entropy, X, (Y % 3).float(), "targets are measured as whole numbers"),
        (nn.Linear(2, 3), F.cross_entropy, X, (Y % 3)[:, None], "targets are measured as one column of classes"),
        (nn.Linear(2, 1), F.binary_cross_entropy_with_logits, X, (Y % 2)[:, None], "targets are measured as torch.float32"),
        (nn.Linear(2, 1), F.binary_cross_entropy_with_logits, X, (Y % 2).float(), "targets are measured in the outputs' shape"),
        (nn.GRU(2, 3), lambda o, t: F.cross_entropy(o, t), X, Y % 3, None),
    ],
)  # fmt: skip
def test_the_least_change_with_which_network_and_loss_take_the_rows_is_found(
    module, loss, inputs, targets, note
):
    fit, _ = shape_after(module, loss, inputs, targets)
    assert fit.note == note


def test_what_a_loss_says_about_rows_as_they_are_is_kept():
    fit, _ = shape_after(nn.Linear(2, 3), F.cross_entropy, X, (Y % 3).float())
    assert "expected" in fit.error
    recorder = rv.Recorder(nn.Linear(2, 3), loss=F.cross_entropy, train=(X, (Y % 3).float()))
    facts = recorder.history.of("preflight")[0]
    assert facts["loss"]["error"] == fit.error
    assert facts["loss"]["initial"] is not None
    assert "targets are measured as whole numbers" in facts["notes"]
