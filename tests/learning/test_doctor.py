"""Well-known mistakes in loops written by hand: the first finding names the right part of each.

The programs are those of somebody who learns: real tables, a small network, a plain loop, with
three lines of `rv.Recorder` round it. Every broken one has a healthy twin in which no error may be
found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from torch import Tensor, nn

import ranvier as rv
from ranvier.core.finding import Category, Finding
from ranvier.diagnose import start
from ranvier.diagnose.preflight.trials import trial_facts

SEEDS = (0, 1)
HELD_OUT = 150


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials have as many updates on every machine."""
    monkeypatch.setattr(start, "trial_facts", partial(trial_facts, updates=200))


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 pictures of digits, brightness from 0 to 1."""
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@cache
def cells(*, is_scaled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Measurements of 569 cells, some in thousandths and some in thousands."""
    X, y = load_breast_cancer(return_X_y=True)
    return (X - X.mean(0)) / X.std(0) if is_scaled else X, y


@dataclass(frozen=True)
class Program:
    """A training as somebody writes it; where it is `shuffled`, labels have an order of their own."""

    optimizer: Callable[..., torch.optim.Optimizer]
    rows: Callable[[], tuple[np.ndarray, np.ndarray]] = digits
    head: tuple[nn.Module, ...] = ()
    starts_at_zero: bool = False
    forgets_zero_grad: bool = False
    shuffled: bool = False
    epochs: int = 6

    def findings(self, seed: int) -> list[Finding]:
        torch.manual_seed(seed)
        X, y = self._tensors(seed)
        train, validation = (X[HELD_OUT:], y[HELD_OUT:]), (X[:HELD_OUT], y[:HELD_OUT])
        model = self._network(X.shape[1], int(y.max()) + 1)
        optimizer = self.optimizer(model.parameters())
        criterion = nn.CrossEntropyLoss()
        recorder = rv.Recorder(model, optimizer, loss=criterion, train=train, validation=validation)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(train[0])).split(32):
                if not self.forgets_zero_grad:
                    optimizer.zero_grad()
                loss = criterion(model(train[0][rows]), train[1][rows])
                loss.backward()
                optimizer.step()
                recorder.step(loss)
            recorder.epoch()
        return recorder.findings()

    def _tensors(self, seed: int) -> tuple[Tensor, Tensor]:
        random = np.random.default_rng(seed)
        X, y = self.rows()
        order = random.permutation(len(X))
        X, y = X[order], y[order]
        if self.shuffled:
            y = random.permutation(y)
        return torch.tensor(X, dtype=torch.float32), torch.tensor(y)

    def _network(self, inputs: int, classes: int) -> nn.Sequential:
        model = nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, classes), *self.head)
        if self.starts_at_zero:
            for parameter in model.parameters():
                nn.init.zeros_(parameter)
        return model


WITH_ADAM = Program(partial(torch.optim.Adam, lr=3e-3))
WITH_SGD = Program(partial(torch.optim.SGD, lr=0.1))
OF_CELLS = replace(WITH_SGD, rows=partial(cells, is_scaled=True), epochs=12)

BROKEN: dict[str, tuple[Program, Category]] = {
    "a rate of 1 with Adam": (
        replace(WITH_ADAM, optimizer=partial(torch.optim.Adam, lr=1.0)), "learning_rate",
    ),
    "softmax before cross-entropy": (replace(WITH_ADAM, head=(nn.Softmax(dim=1),)), "activation"),
    "inputs in thousands": (replace(OF_CELLS, rows=partial(cells, is_scaled=False)), "preprocessing"),
    "weights all zero": (replace(WITH_SGD, starts_at_zero=True), "initialisation"),
    "zero_grad forgotten": (replace(WITH_SGD, forgets_zero_grad=True), "optimizer"),
    "labels shuffled": (replace(WITH_ADAM, shuffled=True), "labels"),
}  # fmt: skip
HEALTHY = {"Adam": WITH_ADAM, "SGD": WITH_SGD, "SGD on scaled inputs": OF_CELLS}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", BROKEN)
def test_the_first_finding_of_a_broken_program_names_what_is_broken(fault: str, seed: int) -> None:
    program, category = BROKEN[fault]
    found = program.findings(seed)
    assert found, "nothing was found"
    assert found[0].severity == "error"
    assert found[0].category == category, "\n".join(map(str, found))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("program", HEALTHY)
def test_nothing_is_called_an_error_in_its_healthy_twin(program: str, seed: int) -> None:
    found = HEALTHY[program].findings(seed)
    errors = [str(each) for each in found if each.severity == "error"]
    assert not errors, "\n".join(errors)
