"""What is known of data, network and wiring before the first update.

Measured once by `preflight`, written as one record, and read by rules: plain numbers only. What
could not be measured, or was not, is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

Numbers = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class InputFacts:
    """The inputs that are trained on.

    `form` is "table" `[N, F]`, "picture", "sequence" or "tokens" (whole numbers to be looked up).
    Of a table the moments are per feature, of all else over everything. `indicators` tells which
    features hold only 0 and 1, whose scale is nobody's fault. `duplicates` is the share of rows of
    which an equal one stands before them.
    """

    form: str
    rows: int
    shape: tuple[int, ...]
    mean: Numbers
    std: Numbers
    least: Numbers
    most: Numbers
    non_finite: int = 0
    non_finite_rows: tuple[int, ...] = ()
    indicators: tuple[bool, ...] = ()
    names: tuple[str, ...] = ()
    duplicates: float | None = None


@dataclass(frozen=True, kw_only=True)
class TargetFacts:
    """The targets that are trained on.

    `form` is "classes" (indices), "indicators" (one or several of 0 and 1), "distribution" or
    "numbers". `counts` are the rows of each class, in order.
    """

    form: str
    shape: tuple[int, ...]
    counts: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    mean: float | None = None
    std: float | None = None
    least: float | None = None
    most: float | None = None
    non_finite: int = 0

    @property
    def has_several(self) -> bool:
        """Whether a row may be of any number of classes."""
        return self.form == "indicators" and bool(self.shape) and self.shape[-1] > 1


@dataclass(frozen=True, kw_only=True)
class SplitFacts:
    """Training rows beside those held out.

    `shared` is the share of held-out rows that stand among the training rows; `drift` the largest
    distance of a class's share, or of a feature's mean in standard deviations, between the two;
    `label_distance` is half the sum of those of all classes, 1 where no class is in both parts;
    `feature` names that feature. `near` is the share of held-out rows that lie closer to a training
    row than a hundredth of what training rows lie apart, equal ones included.
    """

    rows: int
    shared: float | None = None
    label_drift: float | None = None
    label_distance: float | None = None
    feature_drift: float | None = None
    feature: str | None = None
    near: float | None = None


@dataclass(frozen=True, kw_only=True)
class LabelFacts:
    """How labels go with the inputs, seen without the network.

    `best_single` is how well one feature alone tells the target (accuracy above chance from 0 to 1,
    or R²), `neighbours` how often the nearest row has the same label and `neighbours_by_chance` how
    often any row has. `ordered` is the correlation of a row's target with the row's before it.
    """

    best_single: float | None = None
    best_feature: str | None = None
    neighbours: float | None = None
    neighbours_by_chance: float | None = None
    ordered: float | None = None


@dataclass(frozen=True, kw_only=True)
class LayerFacts:
    """A layer that computes, in the order in which layers are called.

    `kind` is the module's class, `role` one of "weights", "activation", "normalisation", "dropout",
    "pooling", "shape" or "other"; `activation` names the function, its own or that which follows.
    Moments are of what it gives for a probe before the first update, and of the first layer of
    weights also of what it is given. `is_output` tells whether what it gives is what the network
    gives, but for its shape.
    """

    path: str
    kind: str
    role: str
    activation: str | None = None
    rate: float | None = None
    mean: float | None = None
    std: float | None = None
    mean_abs: float | None = None
    dead: float | None = None
    saturated: float | None = None
    is_output: bool = False
    given_mean: float | None = None
    given_std: float | None = None


@dataclass(frozen=True, kw_only=True)
class ParameterFacts:
    """A parameter before the first update; `fan_in` where it is a weight of a product.

    `reached` tells whether the loss of a probe depends on it, by the graph of the computation.
    `is_symmetric` says that all its units are equal and have equal gradients, so that they stay
    equal; None where the gradients were not asked for.
    """

    path: str
    shape: tuple[int, ...]
    mean: float
    variance: float
    fan_in: int | None = None
    fan_out: int | None = None
    is_trained: bool = True
    is_optimized: bool = True
    gradient_norm: float | None = None
    reached: bool | None = None
    is_symmetric: bool | None = None


@dataclass(frozen=True, kw_only=True)
class OutputFacts:
    """What the network gives for a probe before the first update, in evaluation mode."""

    shape: tuple[int, ...]
    mean: float
    std: float
    least: float
    most: float
    non_finite: int = 0
    row_sums_to_one: bool = False
    activation: str | None = None
    differs_by_row: float | None = None


@dataclass(frozen=True, kw_only=True)
class LossFacts:
    """The loss before the first update.

    `kind` is its name as this project spells it, or the function's own; `trivial` the least loss
    that one answer for all rows can have; `doubled` the loss of a batch given twice over its own;
    `zero_input` the loss where all inputs are 0. `broadcasts` tells whether outputs and targets
    have different shapes, as [N, 1] and [N], and every output is compared with every target for
    it. `error` is what the loss raised for outputs and targets as they come.
    """

    kind: str
    initial: float | None = None
    trivial: float | None = None
    doubled: float | None = None
    zero_input: float | None = None
    broadcasts: bool | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class OptimizerFacts:
    """The optimiser as it was told to run."""

    kind: str
    learning_rate: float
    momentum: float | None = None
    epsilon: float | None = None
    weight_decay: float | None = None
    maximizes: bool = False


@dataclass(frozen=True, kw_only=True)
class ProbeFacts:
    """Small experiments on a copy of the network.

    `cross_talk` is the largest change of one row's output by another row, over its own scale;
    `overfit_loss` and `overfit_accuracy` what 16 rows came to after so many updates, and
    `overfit_from` the loss before them.
    """

    cross_talk: float | None = None
    overfit_from: float | None = None
    overfit_loss: float | None = None
    overfit_accuracy: float | None = None
    overfit_updates: int | None = None
    memory_bytes: int | None = None
    memory_available: int | None = None


@dataclass(frozen=True, kw_only=True)
class TrialFacts:
    """A short training of a copy with one thing changed, which `name` says.

    `before` and `after` are the loss on one part of the training rows, None where it was not
    finite; all trials have as many updates on the same batches.
    """

    name: str
    updates: int
    before: float | None
    after: float | None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> TrialFacts:
        known: dict[str, Any] = {name: document.get(name) for name in _names(cls)}
        return cls(**known)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All of it.

    `unregistered` names tensors that the loss depends on, that are to be trained, and that neither
    the network nor the optimiser knows of, such as those of layers in a plain list.
    """

    inputs: InputFacts | None = None
    targets: TargetFacts | None = None
    split: SplitFacts | None = None
    labels: LabelFacts | None = None
    layers: tuple[LayerFacts, ...] = ()
    parameters: tuple[ParameterFacts, ...] = ()
    outputs: OutputFacts | None = None
    loss: LossFacts | None = None
    optimizer: OptimizerFacts | None = None
    probes: ProbeFacts | None = None
    unregistered: tuple[str, ...] = ()
    batch_size: int | None = None
    origin: str = "own"
    seconds: float | None = None
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Facts:
        """The facts of a record; keys that a newer Ranvier wrote are left out."""
        given = {name: document[name] for name in _names(cls) if name in document}
        for name, kind in _SINGLE.items():
            if given.get(name) is not None:
                given[name] = _read(kind, given[name])
        for name, kind in _MANY.items():
            given[name] = tuple(_read(kind, each) for each in given.get(name, ()))
        for name in ("notes", "unregistered"):
            given[name] = tuple(given.get(name, ()))
        return cls(**given)


_SINGLE: dict[str, type[Any]] = {
    "inputs": InputFacts,
    "targets": TargetFacts,
    "split": SplitFacts,
    "labels": LabelFacts,
    "outputs": OutputFacts,
    "loss": LossFacts,
    "optimizer": OptimizerFacts,
    "probes": ProbeFacts,
}
_MANY: dict[str, type[Any]] = {"layers": LayerFacts, "parameters": ParameterFacts}


def _names(kind: type[Any]) -> set[str]:
    return {each.name for each in fields(kind)}


def _read(kind: type[Any], document: Mapping[str, Any]) -> Any:
    known = _names(kind)
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in document.items()
            if name in known
        }
    )
