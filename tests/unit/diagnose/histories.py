"""Histories as trainings leave them, out of plain numbers: a healthy one, and changes to it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ranvier.core.finding import Finding
from ranvier.diagnose.diagnosis import diagnose
from ranvier.diagnose.evidence import (
    Facts,
    InputFacts,
    LabelFacts,
    LayerFacts,
    LossFacts,
    OptimizerFacts,
    OutputFacts,
    ParameterFacts,
    ProbeFacts,
    SplitFacts,
    TargetFacts,
)
from ranvier.runs.history import History

UPDATES, EPOCHS, LOOKS = 400, 10, 11
TRIVIAL = math.log(3)

# One number for every time, or one for each; the last one holds on.
Values = Any
Table = dict[str, dict[str, Values]]


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a training left. Each method is the same training with one thing else."""

    facts: Facts
    losses: tuple[float | None, ...]
    norms: tuple[float | None, ...]
    rates: tuple[float | None, ...]
    weights: Table
    activations: Table
    scores: Table
    trials: Mapping[str, float | None]
    trial_updates: int = 100
    loop: Mapping[str, Any]
    alphas: Sequence[float | None]
    waiting: float = 0.1
    looks: int = LOOKS
    evaluations: int = EPOCHS
    further: tuple[dict[str, Any], ...] = ({"kind": "end", "reason": "done"},)

    def knowing(self, **changes: Any) -> Training:
        """With other facts of preflight: a mapping changes these fields of a part of them."""
        merged = {
            name: replace(getattr(self.facts, name), **value) if isinstance(value, dict) else value
            for name, value in changes.items()
        }
        return replace(self, facts=replace(self.facts, **merged))

    def trained(self, **changes: Any) -> Training:
        """With other `losses`, `norms` or `rates`, one an update."""
        series: dict[str, Any] = {name: tuple(values) for name, values in changes.items()}
        return replace(self, **series)

    def looked(self, **changes: dict[str, Values]) -> Training:
        """With other statistics of these parameters."""
        return replace(self, weights=_changed(self.weights, changes))

    def answered(self, **changes: dict[str, Values]) -> Training:
        """With other statistics of what these layers give."""
        return replace(self, activations=_changed(self.activations, changes))

    def scored(self, split: str, **changes: Values) -> Training:
        """With other scores of the split; as many evaluations as the longest has numbers."""
        times = max([self.evaluations, *(len(v) for v in changes.values() if _is_many(v))])
        return replace(self, scores=_changed(self.scores, {split: changes}), evaluations=times)

    def tried(self, **trials: float | None) -> Training:
        """With what these trials came to; `rate_down` is the one of a tenth of the rate."""
        named = {TRIALS[name]: after for name, after in trials.items()}
        return replace(self, trials={**self.trials, **named})

    def looping(self, **changes: Any) -> Training:
        """With something else seen of the loop itself."""
        return replace(self, loop={**self.loop, **changes})

    def untried(self) -> Training:
        """Without trials."""
        return replace(self, trials={})

    def halted(self, reason: str) -> Training:
        """Ended for another reason."""
        return replace(self, further=({"kind": "end", "reason": reason},))

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(each.path for each in self.facts.parameters)

    def history(self) -> History:
        """Its records."""
        return History(self.records())

    def records(self) -> list[dict[str, Any]]:
        """All of them, in the order in which a training writes them."""
        start = {
            "kind": "start",
            "parameters": list(self.paths),
            "parameter_shapes": [list(each.shape) for each in self.facts.parameters],
            "layers": [each.path for each in self.facts.layers],
            "rows": {"train": 600, "validation": self.facts.split.rows if self.facts.split else 0},
        }
        window = {
            "loss": list(self.losses),
            "gradient_norm": list(self.norms),
            "learning_rate": list(self.rates),
        }
        facts = {"kind": "preflight", **self.facts.to_json()}
        timing = {"kind": "timing", "seconds": 1.0, "waiting": self.waiting}
        return [
            start,
            facts,
            {"kind": "loop", **self.loop},
            *([self._trials()] if self.trials else []),
            {"kind": "window", "step": len(self.losses), **window},
            *(self._look("weights", self.weights, k) for k in range(self.looks)),
            *(self._look("activations", self.activations, k) for k in range(self.looks)),
            *(self._epoch(k) for k in range(self.evaluations)),
            timing,
            {"kind": "spectra", "alpha": list(self.alphas)},
            *self.further,
        ]

    def _look(self, kind: str, table: Table, k: int) -> dict[str, Any]:
        places = [
            e.path for e in (self.facts.parameters if kind == "weights" else self.facts.layers)
        ]
        record: dict[str, Any] = {"kind": kind, "step": k * len(self.losses) // self.looks}
        for name, by_place in table.items():
            if "" in by_place:  # of the loop, not of a place
                record[name] = _at(by_place[""], k)
            else:
                record[name] = [_at(by_place.get(place), k) for place in places]
        return record

    def _epoch(self, k: int) -> dict[str, Any]:
        step = (k + 1) * len(self.losses) // self.evaluations
        scores = {
            split: {name: _at(values, k) for name, values in by_name.items()}
            for split, by_name in self.scores.items()
        }
        rate = self.rates[min(step, len(self.rates)) - 1] if self.rates else None
        return {"kind": "epoch", "epoch": k + 1, "step": step, "learning_rate": rate, **scores}

    def _trials(self) -> dict[str, Any]:
        known = [
            {"name": name, "updates": self.trial_updates, "before": 1.1, "after": after}
            for name, after in self.trials.items()
        ]
        return {"kind": "trials", "trials": known}


def diagnosed(training: Training, number: int) -> list[Finding]:
    """What the rule of this number finds."""
    return diagnose(training.history(), numbers=[number])


def found(training: Training, number: int) -> Finding:
    """The one finding of the rule of this number."""
    (finding,) = diagnosed(training, number)
    assert finding.number == number
    return finding


def is_silent(training: Training, number: int) -> bool:
    """Whether the rule of this number finds nothing."""
    return not diagnosed(training, number)


TRIALS = {
    "as_it_is": "as it is",
    "rate_down": "rate × 0.1",
    "rate_far_down": "rate × 0.01",
    "rate_up": "rate × 10",
    "adam": "Adam",
    "standardised": "standardised inputs",
    "fresh": "fresh weights",
    "relu": "ReLU inside",
    "leaky": "leaky ReLU inside",
    "no_head": "no last activation",
    "no_regularisation": "no regularisation",
}


def falling(to: float, *, start: float = 1.1, updates: int = UPDATES) -> list[float]:
    """Losses that fall fast at first, and then lie at `to` but for a little noise."""
    return [
        to + (start - to) * math.exp(-s / (updates / 12)) + 0.01 * math.sin(1.7 * s)
        for s in range(updates)
    ]


def _at(values: Values, k: int) -> Any:
    return values[min(k, len(values) - 1)] if _is_many(values) else values


def _is_many(values: Values) -> bool:
    return isinstance(values, list | tuple | np.ndarray)


def _changed(table: Table, changes: Mapping[str, Mapping[str, Values]]) -> Table:
    return {**table, **{key: {**table.get(key, {}), **value} for key, value in changes.items()}}


def _same(value: Values, places: Iterable[str]) -> dict[str, Values]:
    return dict.fromkeys(places, value)


def weight(path: str, shape: tuple[int, ...], variance: float, **other: Any) -> ParameterFacts:
    """A parameter as it starts; the last axis of its shape is its fan in."""
    fans = {"fan_in": shape[-1], "fan_out": shape[0]} if len(shape) > 1 else {}
    given = {"mean": 0.01, "reached": True, "is_symmetric": False, **fans, **other}
    return ParameterFacts(path=path, shape=shape, variance=variance, **given)


def linear(path: str, activation: str | None, **other: Any) -> LayerFacts:
    """A layer of weights."""
    return LayerFacts(
        path=path, kind="linear", role="weights", activation=activation, **{"std": 0.8, **other}
    )


def activation(path: str, kind: str, **other: Any) -> LayerFacts:
    """A function between layers of weights."""
    return LayerFacts(
        path=path, kind=kind, role="activation", activation=kind, **{"std": 0.5, **other}
    )


LAYERS = (
    linear("0", "relu"),
    activation("1", "relu"),
    linear("2", "relu"),
    activation("3", "relu"),
    linear("4", None, is_output=True),
)
PARAMETERS = (
    weight("0.weight", (16, 4), 0.4),
    weight("0.bias", (16,), 0.0),
    weight("2.weight", (16, 16), 0.1),
    weight("2.bias", (16,), 0.0),
    weight("4.weight", (3, 16), 0.06),
    weight("4.bias", (3,), 0.0),
)
FACTS = Facts(
    inputs=InputFacts(
        form="table",
        rows=600,
        shape=(4,),
        mean=(0.0, 0.1, -0.1, 0.0),
        std=(1.0, 0.9, 1.1, 1.0),
        least=(-3.0,) * 4,
        most=(3.0,) * 4,
        indicators=(False,) * 4,
        names=("age", "height", "weight", "income"),
        duplicates=0.0,
    ),
    targets=TargetFacts(
        form="classes", shape=(), counts=(200, 190, 210), classes=("a", "b", "c"), least=0, most=2
    ),
    split=SplitFacts(
        rows=200,
        shared=0.0,
        label_drift=0.02,
        label_distance=0.03,
        feature_drift=0.1,
        feature="age",
        near=0.0,
    ),
    labels=LabelFacts(
        best_single=0.4,
        best_feature="age",
        neighbours=0.9,
        neighbours_by_chance=0.33,
        ordered=0.0,
    ),
    layers=LAYERS,
    parameters=PARAMETERS,
    outputs=OutputFacts(shape=(3,), mean=0.0, std=0.3, least=-1.0, most=1.0, differs_by_row=0.3),
    loss=LossFacts(
        kind="cross_entropy", initial=1.1, trivial=TRIVIAL, doubled=1.1, broadcasts=False
    ),
    optimizer=OptimizerFacts(
        kind="Adam", learning_rate=1e-3, momentum=0.9, epsilon=1e-8, weight_decay=1e-4
    ),
    probes=ProbeFacts(
        cross_talk=0.0,
        overfit_from=1.1,
        overfit_loss=0.01,
        overfit_accuracy=1.0,
        overfit_updates=100,
    ),
    batch_size=15,
)
_PATHS = tuple(each.path for each in PARAMETERS)
_LAYER_PATHS = tuple(each.path for each in LAYERS)
_EPOCH_LOSSES = falling(0.08, updates=UPDATES)[UPDATES // EPOCHS - 1 :: UPDATES // EPOCHS]
_RIGHT = [0.7, 0.8, 0.85, 0.9, 0.92, 0.93, 0.94, 0.95, 0.955, 0.96]

HEALTHY = Training(
    facts=FACTS,
    losses=tuple(falling(0.08)),
    norms=tuple(falling(0.3, start=2.0)),
    rates=(1e-3,) * UPDATES,
    weights={
        "norm": _same([2.0 + 0.05 * k for k in range(LOOKS)], _PATHS),
        "update": _same(0.004, _PATHS),
        "gradient_mean": _same(0.01, _PATHS),
        "gradient_max": _same(0.05, _PATHS),
        "alignment": _same(-1e-4, _PATHS),
        "left_over": {"": 0.0},
        "is_training": {"": True},
    },
    activations={
        "mean": _same(0.1, _LAYER_PATHS),
        "variance": _same(0.5, _LAYER_PATHS),
        "dead": _same(0.05, _LAYER_PATHS),
        "saturated": _same(None, _LAYER_PATHS),
        "rank": _same(6.0, _LAYER_PATHS),
    },
    scores={
        "train": {"loss": _EPOCH_LOSSES, "accuracy": _RIGHT},
        "validation": {
            "loss": [loss + 0.05 for loss in _EPOCH_LOSSES],
            "accuracy": [right - 0.02 for right in _RIGHT],
            "share": 0.35,
        },
        "probe": {
            "loss": _EPOCH_LOSSES,
            "accuracy": _RIGHT,
            "share": 0.35,
            "answers": ([200, 190, 210],),
            "spread": 0.5,
            "suspects": 0.01,
            "gradient_noise": 0.5,
            "sharpness": 10.0,
        },
    },
    trials=dict.fromkeys(TRIALS.values(), 0.1),
    loop={"batch_size": 15, "input_mean": 0.0, "input_std": 1.0, "pairs_every_row": False},
    alphas=[3.0, 4.0, 3.5],
)
# It learnt what one answer for all rows tells, and no more.
STUCK = (
    HEALTHY.trained(losses=falling(TRIVIAL), norms=falling(0.3, start=0.4))
    .scored("train", loss=1.1, accuracy=0.34)
    .scored("validation", loss=1.1, accuracy=0.33)
    .scored("probe", loss=1.1, accuracy=0.34)
    .tried(**dict.fromkeys(TRIALS, 1.1))
)
# It learnt something, and more than a quarter of the loss is left.
HALFWAY = (
    HEALTHY.trained(losses=falling(0.6))
    .scored("train", loss=[0.9, 0.75, 0.65, 0.6], accuracy=[0.6, 0.7, 0.75, 0.82])
    .scored("validation", loss=[0.95, 0.8, 0.7, 0.65], accuracy=[0.58, 0.68, 0.73, 0.8])
    .scored("probe", loss=[0.9, 0.75, 0.65, 0.6], accuracy=[0.6, 0.7, 0.75, 0.82])
    .tried(**dict.fromkeys(TRIALS, 0.6))
)
# The same healthy way with numbers to predict in place of classes.
NUMBERS = HEALTHY.knowing(
    targets=TargetFacts(form="numbers", shape=(), mean=0.0, std=1.0, least=-2.5, most=2.5),
    loss=LossFacts(kind="mse_loss", initial=1.1, trivial=1.0, doubled=1.1, broadcasts=False),
    outputs={"shape": (1,)},
    labels={"neighbours_by_chance": 0.0},
)
