"""Weights as they start."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ranvier.core.finding import Finding, Severity
from ranvier.diagnose.evidence import Evidence, LayerFacts, ParameterFacts
from ranvier.diagnose.symptom import Stage, Symptom, rule

SHOWN = 4
PRODUCTS = ("linear", "conv1d", "conv2d", "conv3d")
# Initialisers in use lie within these times the variance that keeps a signal's size.
WARNED, REFUSED = 30.0, 300.0
RELU_LIKE = (
    "relu",
    "leaky_relu",
    "prelu",
    "rrelu",
    "elu",
    "gelu",
    "silu",
    "mish",
    "relu6",
    "hardswish",
)

SYMMETRIC = Symptom(
    number=22,
    name="symmetric start",
    stage=Stage.INITIALISATION,
    category="initialisation",
    meaning="All weights of a layer are equal, so all its units compute the same, get the same "
    "gradient and stay equal: the layer is as wide as one unit. Zeros in two layers in a row pass "
    "no gradient at all.",
    statistic="var(W) = 0 for a weight of at least two axes with more than one unit, and the "
    "gradients of its units on a probe are equal too, so that nothing will make them differ.",
    looks="The loss stops at what one unit a layer can do, or does not move at all.",
    remedy="Draw weights at random: He et al. for ReLU, Glorot and Bengio for tanh and sigmoid.",
    references=("Goodfellow et al., Deep Learning, 2016, section 8.4",),
)


@rule(SYMMETRIC)
def symmetric_start(evidence: Evidence) -> Iterator[Finding]:
    weights = [p for p in evidence.facts.parameters if _is_weight(p)]
    equal = [p for p in weights if p.variance == 0 and p.is_symmetric is not False]
    # A last layer of zeros is a known start; layers that scale start at one value too.
    hidden = [p for p in equal if p is not weights[-1]]
    if not hidden or not weights:
        return
    zeros = sum(p.mean == 0 for p in hidden)
    numbers = {"layers": len(hidden), "of": len(weights), "zeros": zeros}
    severity: Severity = "warning" if evidence.updates and evidence.is_learning else "error"
    where = ", ".join(p.path for p in hidden[:SHOWN])
    yield SYMMETRIC.found(severity, where, evidence=numbers, cure="initialise")


def _is_weight(parameter: ParameterFacts) -> bool:
    return (
        parameter.is_trained
        and len(parameter.shape) > 1
        and min(parameter.shape[:2]) > 1
        and not any(word in parameter.path.lower() for word in ("norm", "scale"))
    )


BAD_SCALE = Symptom(
    number=23,
    name="weights that start too large or too small",
    stage=Stage.INITIALISATION,
    category="initialisation",
    meaning="The first weights make signals grow or shrink from layer to layer: outputs start huge "
    "and loss and gradients with them, or nothing comes through.",
    statistic="var(W) of the weight of a linear or convolutional layer over the variance that "
    "keeps a signal's size, 2 / fan_in behind ReLU-like activations, 2 / (fan_in + fan_out) "
    "behind tanh, 1 / fan_in else: beyond a factor of 30 in either direction is a warning. An "
    "error beyond 300 if the network does not learn, or where a copy with weights drawn anew "
    "comes to a loss at most 1/1.5 of the training's own in a short training.",
    looks="First losses far above that of a trivial answer; gradient norms of layers that differ "
    "by orders of magnitude from the first step on.",
    remedy="Draw with the variance of He et al. behind ReLU, of Glorot and Bengio behind tanh.",
    references=("Glorot and Bengio, 2010", "He et al., 2015"),
)


@rule(BAD_SCALE)
def bad_initial_scale(evidence: Evidence) -> Iterator[Finding]:
    products = {each.path for each in evidence.facts.layers if each.kind in PRODUCTS}
    worst = 1.0
    hit: list[str] = []
    for parameter in evidence.facts.parameters:
        is_product = _is_weight(parameter) and parameter.path.rpartition(".")[0] in products
        if not is_product or parameter.variance == 0:
            continue
        usual = _usual_variance(parameter, evidence.facts.layers)
        ratio = parameter.variance / usual
        if max(ratio, 1 / ratio) > WARNED:
            hit.append(parameter.path)
            worst = ratio if max(ratio, 1 / ratio) > max(worst, 1 / worst) else worst
    if not hit:
        return
    numbers: dict[str, Any] = {"variance_over_usual": worst, "weights": len(hit)}
    severity: Severity = "warning"
    trial = evidence.trials.first_of(("fresh weights",))
    if trial is not None and evidence.falls_short:
        severity, numbers = "error", numbers | evidence.trials.numbers(trial)
    elif max(worst, 1 / worst) > REFUSED and not (evidence.updates and evidence.is_learning):
        severity = "error"
    where = ", ".join(hit[:SHOWN])
    yield BAD_SCALE.found(severity, where, evidence=numbers, cure="initialise")


def _usual_variance(parameter: ParameterFacts, layers: tuple[LayerFacts, ...]) -> float:
    fan_in, fan_out = parameter.fan_in or 1, parameter.fan_out or 1
    path = parameter.path.rpartition(".")[0]
    activation = next((each.activation for each in layers if each.path == path), None)
    if activation in RELU_LIKE:
        return 2 / fan_in
    return 2 / (fan_in + fan_out) if activation == "tanh" else 1 / fan_in


SIGNAL = Symptom(
    number=29,
    name="signals that start too large or too small",
    stage=Stage.INITIALISATION,
    category="initialisation",
    meaning="Before the first update, what a hidden layer gives is so large or so small that the "
    "next one saturates, or sees nothing.",
    statistic="The standard deviation of what hidden layers give for a probe: outside of "
    "[10⁻³, 10³], or more than 10³ times that of another one.",
    looks="As for weights of a bad scale; inputs of a bad scale show it as well.",
    remedy="Bring inputs to scale, choose the initialiser by the activation, or normalise between "
    "layers.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(SIGNAL)
def bad_signal_scale(evidence: Evidence) -> Iterator[Finding]:
    hidden = [
        layer
        for layer in evidence.facts.layers[:-1]
        if layer.role in ("weights", "activation") and layer.std
    ]
    sizes = [layer.std for layer in hidden if layer.std is not None and math.isfinite(layer.std)]
    if not sizes:
        return
    least, most = min(sizes), max(sizes)
    if least >= 1e-3 and most <= 1e3 and most / least <= 1e3:
        return
    is_bad = not (evidence.updates and evidence.is_learning) and evidence.updates > 0
    is_well = evidence.updates > 0 and not evidence.falls_short
    severity: Severity = "error" if is_bad else "information" if is_well else "warning"
    numbers = {"least_std": least, "largest_std": most}
    worst = max(hidden, key=lambda layer: abs(math.log(layer.std or 1.0)))
    yield SIGNAL.found(severity, worst.path or worst.kind, evidence=numbers)
