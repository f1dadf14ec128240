"""The last layer, the loss and the targets: whether the three fit each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from ranvier.core.finding import Category, Finding, Severity
from ranvier.diagnose.evidence import (
    Evidence,
    Facts,
    LayerFacts,
    LossFacts,
    OutputFacts,
    TargetFacts,
)
from ranvier.diagnose.symptom import Stage, Symptom, rule

LOGITS = ("cross_entropy", "binary_cross_entropy_with_logits")
PROBABILITIES = ("binary_cross_entropy",)
LOG_PROBABILITIES = ("nll_loss",)
DISTANCES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
# The ranges of what activations give.
RANGES = {
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "exp": (0.0, math.inf),
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "relu6": (0.0, 6.0),
    "logsigmoid": (-math.inf, 0.0),
    "log_softmax": (-math.inf, 0.0),
}
SLACK = 0.05
# Whole numbers of more values than these may well be quantities.
MOST_CLASSES = 20

UNSCALED_TARGET = Symptom(
    number=27,
    name="unscaled target",
    stage=Stage.DATA,
    category="preprocessing",
    meaning="The numbers to predict are far from mean 0 and standard deviation 1, where a new "
    "network's answers lie: the first losses and gradients are enormous, and most of the training "
    "goes into finding the target's mean.",
    statistic="The loss before training over that of the best constant answer is > 30 and the "
    "target is off its usual scale (σ ∉ [0.3, 3] or |μ| > 3 σ), or the target's standard "
    "deviation ∉ [0.01, 100], with a loss on differences.",
    looks="A first loss of thousands or millions that falls steeply and then crawls.",
    remedy="Standardise the target with mean and standard deviation of the training rows, and "
    "scale predictions back.",
)


@rule(UNSCALED_TARGET)
def unscaled_target(evidence: Evidence) -> Iterator[Finding]:
    targets, loss = evidence.facts.targets, evidence.facts.loss
    if targets is None or targets.form != "numbers" or not targets.std:
        return
    if loss is not None and loss.kind not in DISTANCES:
        return
    ratio = None
    if loss is not None and loss.initial is not None and loss.trivial:
        ratio = loss.initial / loss.trivial
    # Of targets that are near their usual scale a huge first loss is the outputs' doing.
    is_off = not 0.3 <= targets.std <= 3 or abs(targets.mean or 0.0) > 3 * targets.std
    is_far = (is_off and ratio is not None and ratio > 30) or not 0.01 <= targets.std <= 100
    if not is_far:
        return
    is_bad = evidence.updates > 0 and not evidence.is_learning
    numbers = {"mean": targets.mean, "std": targets.std, "first_loss_over_trivial": ratio}
    severity: Severity = (
        "error" if is_bad or ((ratio or 0) > 1e4 and not evidence.updates) else "warning"
    )
    yield UNSCALED_TARGET.found(severity, "the target", evidence=numbers)


OUT_OF_RANGE = Symptom(
    number=28,
    name="head that cannot express the target",
    stage=Stage.WIRING,
    category="activation",
    meaning="The last activation gives numbers of a range that does not hold the targets: no "
    "weights can make the network right.",
    statistic="The targets' range [min y, max y] is not inside the range of the last activation, "
    "as (0, ∞) for ReLU, (0, 1) for sigmoid, (−1, 1) for tanh.",
    looks="A loss that stops well above 0 and predictions that pile up at the end of the range.",
    remedy="Give the last layer no activation for numbers, a sigmoid for 0 and 1, a softmax for "
    "one of several classes.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(OUT_OF_RANGE)
def head_cannot_express_target(evidence: Evidence) -> Iterator[Finding]:
    outputs, targets, loss = evidence.facts.outputs, evidence.facts.targets, evidence.facts.loss
    if outputs is None or targets is None or outputs.activation not in RANGES:
        return
    if targets.least is None or targets.most is None or (loss and loss.kind in LOGITS):
        return
    if targets.form not in ("numbers", "indicators") or (loss and loss.kind not in DISTANCES):
        return
    low, high = RANGES[outputs.activation]
    slack = SLACK * (targets.most - targets.least)
    if low - slack <= targets.least and targets.most <= high + slack:
        return
    numbers = {
        "activation": outputs.activation,
        "least_target": targets.least,
        "largest_target": targets.most,
    }
    yield OUT_OF_RANGE.found("error", "the last layer", evidence=numbers, cure="linear_head")


FIRST_LOSS = Symptom(
    number=30,
    name="first loss far off",
    stage=Stage.INITIALISATION,
    category="initialisation",
    meaning="Before training a classifier should be as unsure as it can be: its loss is then the "
    "logarithm of the number of classes. Far above, it starts sure of wrong answers.",
    statistic="|L₀ − ln C| ≥ ln C and L₀ > ln C + 1, with L₀ the loss before the first update and "
    "C the number of classes.",
    looks="A loss curve like a hockey stick: a fall in the first updates that only undoes the "
    "start.",
    remedy="Scale the inputs, or start the last layer with small weights and a bias of log class "
    "shares.",
    references=("Karpathy, A recipe for training neural networks, 2019",),
)


@rule(FIRST_LOSS)
def first_loss_far_off(evidence: Evidence) -> Iterator[Finding]:
    loss, outputs = evidence.facts.loss, evidence.facts.outputs
    if loss is None or outputs is None or loss.initial is None:
        return
    classes = _classes(evidence.facts)
    if loss.kind not in (*LOGITS, *LOG_PROBABILITIES, *PROBABILITIES) or classes < 2:
        return
    usual = math.log(2 if "binary" in loss.kind else classes)
    if abs(loss.initial - usual) < usual or loss.initial < usual + 1:
        return
    # Nets that learn all the same are none the worse for it after some updates.
    is_bad = evidence.updates > 0 and not evidence.is_learning
    is_well = evidence.updates > 0 and not evidence.falls_short
    severity: Severity = "error" if is_bad else "information" if is_well else "warning"
    numbers = {"first_loss": loss.initial, "usual": usual}
    yield FIRST_LOSS.found(severity, "the loss", evidence=numbers)


def _classes(facts: Facts) -> int:
    targets, outputs = facts.targets, facts.outputs
    if targets is not None and targets.form in ("classes", "distribution", "indicators"):
        width = outputs.shape[-1] if outputs is not None and outputs.shape else 1
        return max(len(targets.counts), width if width > 1 else 2)
    return 0


DISAGREE = Symptom(
    number=47,
    name="loss and head disagree",
    stage=Stage.WIRING,
    category="loss",
    meaning="The loss expects another kind of number than the last layer gives: probabilities "
    "where it wants logits, logits where it wants probabilities, one unit where a softmax needs "
    "several, or another shape.",
    statistic="From the last activation, the outputs' range and row sums, and the loss that is "
    "called: softmax or sigmoid before a loss that applies them itself; outputs outside [0, 1] "
    "into binary cross-entropy, or above 0 into a likelihood of log-probabilities; a softmax over "
    "one unit; outputs [N, 1] beside targets [N], which are stretched to [N, N]; a loss that "
    "cannot be computed at all.",
    looks="A loss that stops early at a value above 0 (probabilities as logits), is NaN or "
    "negative (logits as probabilities), or does not move at all (softmax over one unit).",
    remedy="Give logits to cross-entropy, without an activation; log-probabilities to nll_loss; "
    "probabilities to nothing but binary cross-entropy; and use squared error for numbers.",
    references=("Schoop et al., UMLAUT, CHI 2021", "Zhang et al., NeuraLint, 2021"),
)


@rule(DISAGREE)
def loss_and_head_disagree(evidence: Evidence) -> Iterator[Finding]:
    outputs, loss, targets = evidence.facts.outputs, evidence.facts.loss, evidence.facts.targets
    if outputs is None or loss is None:
        return
    if evidence.updates:  # then the loop gives the loss what it takes, whatever rows were given
        loss = replace(loss, error=None)
    found = _disagreement(outputs, loss, targets, every_pair=_pairs_every_row(evidence))
    if found is None:
        return
    words, category, cure = found
    numbers = {
        "loss": loss.kind,
        "activation": outputs.activation,
        "least": outputs.least,
        "largest": outputs.most,
        "what": words,
    }
    yield DISAGREE.found(
        "error",
        "the last layer",
        evidence=numbers,
        category=category,
        cure=cure,
        advice=f"{words[0].upper()}{words[1:]}. {DISAGREE.remedy}",
    )


def _pairs_every_row(evidence: Evidence) -> bool:
    """Whether the loss compared every output with every target: in the loop where it was seen."""
    return evidence.pairs_every_row is True


Mismatch = tuple[str, Category, str | None]


def _disagreement(
    outputs: OutputFacts, facts: LossFacts, targets: TargetFacts | None, *, every_pair: bool
) -> Mismatch | None:
    """What does not fit, the category of the cause, and the cure."""
    if every_pair:
        words = (
            "outputs [N, 1] and targets [N] are stretched to [N, N], so that every output is "
            "compared with the targets of all rows; give both one shape"
        )
        return words, "loss", None
    found = _head_for_classes(outputs, facts.kind)
    if found is not None:
        return found
    if _takes_classes_for_numbers(outputs, facts, targets):
        return f"{facts.kind} takes the numbers of classes for quantities", "loss", "cross_entropy"
    if facts.error is not None:
        words = f"{facts.kind} cannot be computed of these outputs and targets ({facts.error})"
        return words, "loss", None
    return None


def _head_for_classes(outputs: OutputFacts, loss: str) -> Mismatch | None:
    """What of the last activation does not go with a loss on probabilities or logits."""
    last, width = outputs.activation, outputs.shape[-1] if outputs.shape else 1
    in_unit = outputs.least >= 0 and outputs.most <= 1
    is_softmax = last == "softmax" or outputs.row_sums_to_one
    words, cure = None, "logits"
    if last in ("softmax", "log_softmax") and width == 1:
        words, cure = "a softmax over one unit is always 1", "sigmoid_head"
    elif loss == "cross_entropy" and (is_softmax or (last == "sigmoid" and in_unit)):
        name = last or "softmax"
        words = f"cross_entropy gets what a {name} gave, and applies a softmax again"
    elif loss == "cross_entropy" and last == "relu":
        words = "cross_entropy gets logits that a relu has cut off at 0"
    elif loss == "binary_cross_entropy_with_logits" and last in ("sigmoid", "softmax"):
        words = f"the loss applies a sigmoid to what a {last} gave"
    elif loss == "binary_cross_entropy_with_logits" and last == "relu":
        words = "the loss gets logits that a relu has cut off at 0"
    elif loss in PROBABILITIES and not in_unit:
        words = "binary_cross_entropy gets numbers that are no probabilities"
        cure = "sigmoid_head"
    elif loss in LOG_PROBABILITIES and outputs.most > 1e-3:
        words = "nll_loss gets numbers above 0, which are no log-probabilities"
    elif loss in LOG_PROBABILITIES and is_softmax:
        words = "nll_loss gets probabilities in place of their logarithms"
    return None if words is None else (words, "activation", cure)


def _takes_classes_for_numbers(
    outputs: OutputFacts, facts: LossFacts, targets: TargetFacts | None
) -> bool:
    is_single = not outputs.shape or outputs.shape[-1] == 1
    if targets is None or targets.form != "classes" or not is_single:
        return False
    return facts.kind in DISTANCES and 2 < len(targets.counts) <= MOST_CLASSES


NONLINEARITY = Symptom(
    number=48,
    name="nonlinearity missing or doubled",
    stage=Stage.WIRING,
    category="activation",
    meaning="Two layers of weights follow each other without an activation between them and are "
    "one linear map, or an activation follows another and undoes it.",
    statistic="From the order in which functions are called: two products with nothing nonlinear "
    "between them; a bounded activation on what another one gave; a softmax between two layers of "
    "weights.",
    looks="Training that goes no further than a linear model's, however many layers there are.",
    remedy="Put one activation after every layer of weights but the last.",
    references=("Schoop et al., UMLAUT, CHI 2021",),
)
_PRODUCTS = (
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
)
_STACKED = ("softmax", "sigmoid", "tanh")


@rule(NONLINEARITY)
def nonlinearity_missing_or_doubled(evidence: Evidence) -> Iterator[Finding]:
    computing = [
        layer
        for layer in evidence.facts.layers
        if layer.role in ("weights", "activation", "pooling")
    ]
    products = [layer for layer in computing if layer.kind in _PRODUCTS]
    pairs = list(zip(computing, computing[1:], strict=False))
    linear = [b for a, b in pairs if a.kind in _PRODUCTS and b.kind in _PRODUCTS]
    has_any = any(layer.role == "activation" for layer in computing[:-1])
    only_products = len(products) == len(computing) - _ends_in_activation(computing)
    if linear and (only_products and not has_any):
        numbers = {"layers": len(products), "joined": len(linear)}
        # A linear model may be what is wanted, and trains as well as one can.
        is_bad = evidence.updates > 0 and not evidence.is_learning
        severity: Severity = "error" if is_bad else "warning"
        yield NONLINEARITY.found(severity, linear[0].path, evidence=numbers, cure="activation")
    doubled = [b for a, b in pairs if a.role == b.role == "activation" and b.kind in _STACKED]
    doubled += [a for a, b in pairs if a.kind == "softmax" and b.kind in _PRODUCTS]
    if doubled:
        is_bad = evidence.updates > 0 and not evidence.is_learning
        kind = {"activation": doubled[0].kind}
        where = doubled[0].path or "the network"
        yield NONLINEARITY.found("error" if is_bad else "warning", where, evidence=kind)


def _ends_in_activation(computing: list[LayerFacts]) -> int:
    return int(bool(computing) and computing[-1].role == "activation")
