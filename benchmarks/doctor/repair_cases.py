"""Healthy trainings through rv.train, and faults that are put into their arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

import ranvier as rv
from benchmarks.doctor.cases import HALVES, Half

Table = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A training as somebody would ask for it: the network in a few words, and its settings."""

    table: str
    outputs: int
    settings: Mapping[str, Any]
    activation: str | None = "relu"
    depth: int = 2
    width: int = 32
    dropout: float = 0.0
    initializer: Any = None
    head: str | None = None
    recurrent: tuple[int, int] | None = None
    normalised: bool = False

    def network(self) -> rv.Network:
        """Hidden layers and a head."""
        layers: list[rv.Layer] = []
        if self.recurrent is not None:
            layers += [rv.Reshape(self.recurrent), rv.GRU(self.width, sequence=False)]
        for _ in range(self.depth):
            dense = rv.Dense(self.width, activation=self.activation, initializer=self.initializer)
            layers += [dense] + ([rv.BatchNorm()] if self.normalised else [])
            layers += [rv.Dropout(self.dropout)] if self.dropout else []
        return rv.Network(*layers, rv.Dense(self.outputs, activation=self.head))

    def under(self, **settings: Any) -> Setup:
        """The same with other settings."""
        return replace(self, settings={**self.settings, **settings})


@cache
def table(name: str) -> Table:
    """Inputs and targets by name: real tables, and two that need a curve."""
    return _TABLES[name]()


def _digits() -> Table:
    inputs, targets = load_digits(return_X_y=True)
    return inputs[:1200].astype(np.float32), targets[:1200]


def _digit_rows() -> Table:
    """The same as eight rows of the six pixels in the middle, which all vary."""
    inputs, targets = _digits()
    return inputs.reshape(-1, 8, 8)[:, :, 1:7].reshape(-1, 48), targets


def _rings() -> Table:
    """2,000 points, three rings round the origin."""
    random = np.random.default_rng(11)
    radius = random.uniform(0.0, 3.0, 2000)
    angle = random.uniform(0.0, 2 * np.pi, 2000)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return points.astype(np.float32), radius.astype(np.int64)


def _friedman() -> Table:
    """Reference: Friedman, Multivariate adaptive regression splines, 1991."""
    random = np.random.default_rng(12)
    x = random.uniform(size=(1000, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y += 10 * x[:, 3] + 5 * x[:, 4] + 0.5 * random.normal(size=1000)
    return x.astype(np.float32), y


_TABLES: dict[str, Callable[[], Table]] = {
    "breast_cancer": lambda: load_breast_cancer(return_X_y=True),
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "digit_rows": _digit_rows,
    "digits": _digits,
    "friedman": _friedman,
    "rings": _rings,
}

_USUAL = {
    "optimizer": {"kind": "adam", "learning_rate": 3e-3},
    "batch_size": 32,
    "test_fraction": 0.3,
}
HEALTHY: dict[str, Setup] = {
    "digits, dense": Setup(table="digits", outputs=10, settings={**_USUAL, "epochs": 15}),
    "digits, normalised": Setup(
        table="digits",
        outputs=10,
        normalised=True,
        settings={**_USUAL, "epochs": 15, "optimizer": {"kind": "sgd", "learning_rate": 0.1}},
    ),
    "digits, recurrent": Setup(
        table="digit_rows",
        outputs=10,
        depth=0,
        recurrent=(8, 6),
        settings={**_USUAL, "epochs": 12, "optimizer": {"kind": "adam", "learning_rate": 0.01}},
    ),
    "breast cancer, dense": Setup(
        table="breast_cancer", outputs=2, settings={**_USUAL, "epochs": 20}
    ),
    "rings, dense": Setup(
        table="rings",
        outputs=3,
        settings={**_USUAL, "epochs": 30, "optimizer": {"kind": "adam", "learning_rate": 0.01}},
    ),
    "friedman, dense": Setup(
        table="friedman",
        outputs=1,
        settings={**_USUAL, "epochs": 30, "optimizer": {"kind": "adam", "learning_rate": 0.01}},
    ),
    "friedman, momentum": Setup(
        table="friedman",
        outputs=1,
        settings={
            **_USUAL,
            "epochs": 30,
            "optimizer": {"kind": "sgd", "learning_rate": 0.02, "momentum": 0.9},
        },
    ),
    "diabetes, dense": Setup(
        table="diabetes",
        outputs=1,
        width=16,
        settings={**_USUAL, "epochs": 20, "optimizer": {"kind": "adamw", "learning_rate": 3e-3}},
    ),
}

Spoil = Callable[[Setup], Setup | None]
FAULTS: dict[str, Spoil] = {}


def fault(spoil: Spoil) -> Spoil:
    """Register the function as a fault; its name says what it does."""
    FAULTS[spoil.__name__] = spoil
    return spoil


def _with_optimizer(setup: Setup, **options: Any) -> Setup:
    return setup.under(optimizer={**setup.settings["optimizer"], **options})


def _rate(setup: Setup) -> float:
    return float(setup.settings["optimizer"]["learning_rate"])


def _is_dense(setup: Setup) -> bool:
    return setup.recurrent is None


@fault
def rate_a_hundredfold(setup: Setup) -> Setup:
    return _with_optimizer(setup, learning_rate=100 * _rate(setup))


@fault
def rate_a_ten_thousandth(setup: Setup) -> Setup:
    return _with_optimizer(setup, learning_rate=1e-4 * _rate(setup))


@fault
def weight_decay_of_a_hundred(setup: Setup) -> Setup:
    kind = "adamw" if "adam" in setup.settings["optimizer"]["kind"] else "sgd"
    decay = 100.0 if kind == "adamw" else 5.0
    return _with_optimizer(setup, kind=kind, weight_decay=decay)


@fault
def penalty_of_ten(setup: Setup) -> Setup:
    return setup.under(l2=10.0)


@fault
def dropout_of_nearly_all(setup: Setup) -> Setup | None:
    return replace(setup, dropout=0.95) if _is_dense(setup) else None


@fault
def ten_layers_of_sigmoid(setup: Setup) -> Setup | None:
    return replace(setup, depth=10, activation="sigmoid") if _is_plain(setup) else None


def _is_plain(setup: Setup) -> bool:
    return _is_dense(setup) and not setup.normalised


@fault
def tanh_with_huge_weights(setup: Setup) -> Setup | None:
    huge = rv.Initializer("normal", std=20.0)
    changed = replace(setup, activation="tanh", depth=4, initializer=huge)
    return changed if _is_plain(setup) else None


@fault
def units_dead_from_the_start(setup: Setup) -> Setup | None:
    negative = rv.Initializer("normal", mean=-1.0, std=0.1)
    return replace(setup, depth=3, initializer=negative) if _is_plain(setup) else None


@fault
def weights_all_equal(setup: Setup) -> Setup | None:
    constant = rv.Initializer("constant", value=0.05)
    return replace(setup, initializer=constant) if _is_dense(setup) else None


@fault
def momentum_of_almost_one(setup: Setup) -> Setup:
    options = {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.999}
    return setup.under(optimizer=options)


@fault
def one_epoch(setup: Setup) -> Setup:
    return setup.under(epochs=1)


@fault
def descent_too_fast_and_unclipped(setup: Setup) -> Setup:
    return setup.under(optimizer={"kind": "sgd", "learning_rate": 30.0})


@fault
def one_row_a_batch_at_a_high_rate(setup: Setup) -> Setup | None:
    # Of the small table alone: elsewhere so many updates take minutes.
    if setup.table != "diabetes":
        return None
    return _with_optimizer(setup, learning_rate=0.3).under(batch_size=1)


@fault
def epsilon_of_one(setup: Setup) -> Setup | None:
    is_adam = "adam" in setup.settings["optimizer"]["kind"]
    small = {"learning_rate": 1e-3, "epsilon": 1.0}
    return _with_optimizer(setup, **small) if is_adam else None


@fault
def no_activation(setup: Setup) -> Setup | None:
    needs_curve = setup.table in ("rings", "friedman")
    return replace(setup, activation=None) if needs_curve else None


@fault
def softmax_before_the_loss(setup: Setup) -> Setup | None:
    return replace(setup, head="softmax") if setup.outputs > 1 else None


@fault
def head_of_another_range(setup: Setup) -> Setup | None:
    return replace(setup, head="sigmoid") if setup.outputs == 1 else None


@fault
def schedule_that_dies(setup: Setup) -> Setup:
    return setup.under(schedule={"kind": "exponential", "every": 0.01, "reduction": 0.3})


@dataclass(frozen=True)
class Case:
    """A fault in a healthy training, with a seed."""

    fault: str
    healthy: str
    seed: int
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.fault} in {self.healthy}")

    @property
    def half(self) -> Half:
        """Drawn by the sha256 of the name, so that nobody chose it and it never moves."""
        return HALVES[hashlib.sha256(self.name.encode()).digest()[-1] % 2]

    @property
    def twin(self) -> Setup:
        """The training without the fault."""
        return HEALTHY[self.healthy]

    @property
    def spoilt(self) -> Setup:
        """The training with it."""
        spoilt = FAULTS[self.fault](self.twin)
        assert spoilt is not None, self.name
        return spoilt


def cases(seeds: int) -> list[Case]:
    """Every fault in every training that it fits."""
    fitting = [
        (fault, healthy)
        for fault, spoil in FAULTS.items()
        for healthy, setup in HEALTHY.items()
        if spoil(setup) is not None
    ]
    return [Case(*pair, seed) for seed in range(seeds) for pair in fitting]
