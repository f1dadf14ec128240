"""Inputs that a network cannot learn from as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier.core.finding import Finding, Severity
from ranvier.diagnose.evidence import Evidence, InputFacts
from ranvier.diagnose.symptom import Stage, Symptom, rule

# Standard deviations that weights of the usual start and the usual learning rates are made for, and
# where it is an error: from there on first layers saturate, or see nothing but an offset.
WARNED, REFUSED = (0.1, 10.0), (0.01, 50.0)
OFFSET = 3.0
RATIO_WARNED, RATIO_REFUSED = 30.0, 300.0
TINY = 0.01
SHOWN = 8

UNSCALED = Symptom(
    number=24,
    name="unscaled input",
    stage=Stage.DATA,
    category="preprocessing",
    meaning="The inputs are far from mean 0 and standard deviation 1, which is what a network's "
    "first weights, its learning rate and its activations are made for. Large inputs saturate "
    "units or make gradients explode; features on different scales make the loss a narrow valley.",
    statistic="Per feature j with mean μⱼ and standard deviation σⱼ over the training rows: σⱼ > "
    "10, σⱼ < 0.1 in all of them, |μⱼ| / σⱼ > 3, or max σ / median σ > 30. Of pictures and "
    "sequences σ and μ are over all values. Indicators of 0 and 1, constants and codes to be "
    "looked up do not count. An error where a copy trained briefly on standardised inputs comes to "
    "a loss at most 1/1.5 of the training's own, or where the inputs' size is ∉ [0.01, 50] or the "
    "ratio above 300 and nothing is learnt.",
    looks="The first losses are far above those of a trivial answer, the gradient of the first "
    "layer is a hundred times that of the others, and units of it are dead or saturated.",
    remedy="Standardise: x ← (x − μ) / σ with μ and σ of the training rows; of pictures, divide by "
    "255.",
    references=(
        "LeCun et al., Efficient BackProp, 1998",
        "Karpathy, A recipe for training neural networks, 2019",
    ),
)


@rule(UNSCALED)
def unscaled_input(evidence: Evidence) -> Iterator[Finding]:
    inputs, trials = evidence.facts.inputs, evidence.trials
    if inputs is None or inputs.form == "tokens" or _is_normalised_inside(evidence):
        return
    mean, std = _varying(inputs)
    if not len(std):
        return
    offset, ratio = np.abs(mean) / std, float(std.max() / np.median(std))
    numbers: dict[str, Any] = {
        "least_std": float(std.min()),
        "largest_std": float(std.max()),
        "largest_offset": float(offset.max()),
        "ratio": ratio,
    }
    size = float(np.sqrt(np.mean(std**2 + mean**2)))
    is_far = not REFUSED[0] <= size <= REFUSED[1] or ratio > RATIO_REFUSED
    is_off = (std > WARNED[1]).any() or (std < WARNED[0]).all() or (offset > OFFSET).any()
    if not (is_far or is_off or ratio > RATIO_WARNED):
        return
    trial = trials.first_of(("standardised inputs",))
    severity: Severity = "information" if trials or not is_off else "warning"
    if trial is not None and evidence.falls_short:
        severity, numbers = "error", numbers | trials.numbers(trial)
    elif is_far and not evidence.is_learning:
        severity = "error"
    elif is_far and (evidence.falls_short or not evidence.updates):
        severity = "warning"
    yield UNSCALED.found(severity, _names(inputs), evidence=numbers, cure="standardise")


def _varying(inputs: InputFacts) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of what has a scale: not constants, not indicators."""
    mean, std = np.array(inputs.mean), np.array(inputs.std)
    counts = std > 0
    if len(inputs.indicators) == len(std):
        counts &= ~np.array(inputs.indicators, dtype=bool)
    return mean[counts], std[counts]


def _is_normalised_inside(evidence: Evidence) -> bool:
    """Whether the first layer that computes brings inputs to scale itself.

    Or, where all inputs have one scale as the bytes of pictures do, what comes before its weights.
    """
    layers, inputs = evidence.facts.layers, evidence.facts.inputs
    first = next((layer for layer in layers if layer.role != "shape"), None)
    if first is not None and first.role == "normalisation":
        return True
    weights = next((layer for layer in layers if layer.given_std is not None), None)
    if weights is None or inputs is None or len(inputs.std) != 1:
        return False
    mean, std = abs(weights.given_mean or 0.0), weights.given_std or 0.0
    return WARNED[0] <= std <= WARNED[1] and mean <= OFFSET * std


def _names(inputs: InputFacts) -> str:
    if not inputs.names or len(inputs.std) == 1:
        return "the inputs"
    scale = np.array(inputs.std)
    order = np.argsort(-np.abs(np.log(np.where(scale > 0, scale, 1.0))))
    return "columns " + ", ".join(inputs.names[place] for place in order[:SHOWN])


OVERNORMALISED = Symptom(
    number=25,
    name="inputs scaled away",
    stage=Stage.DATA,
    category="preprocessing",
    meaning="The inputs hardly differ from row to row: they were scaled twice, or divided by a "
    "number that is much too large, and what is left is below what the first layer's start sees.",
    statistic="σ < 0.01 over all inputs that are not constant.",
    looks="The loss stays at that of a trivial answer for long, and falls all at once if at all.",
    remedy="Drop one of the scalings; what comes in should have a standard deviation near 1.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(OVERNORMALISED)
def inputs_scaled_away(evidence: Evidence) -> Iterator[Finding]:
    inputs = evidence.facts.inputs
    if inputs is None or inputs.form == "tokens" or _is_normalised_inside(evidence):
        return
    _, std = _varying(inputs)
    if not len(std) or std.max() >= TINY:
        return
    severity: Severity = "warning" if evidence.is_learning and evidence.updates else "error"
    numbers = {"largest_std": float(std.max())}
    yield OVERNORMALISED.found(severity, "the inputs", evidence=numbers, cure="standardise")


CONSTANT = Symptom(
    number=26,
    name="constant feature",
    stage=Stage.DATA,
    category="data",
    meaning="A feature has one value in every row, so that nothing can be learnt from it.",
    statistic="σⱼ = 0 over the training rows.",
    looks="Nothing in the curves: the weights of the feature only move by weight decay.",
    remedy="Drop it, or find out why it does not vary.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(CONSTANT)
def constant_feature(evidence: Evidence) -> Iterator[Finding]:
    inputs = evidence.facts.inputs
    if inputs is None:
        return
    constant = [place for place, std in enumerate(inputs.std) if std == 0]
    every = len(constant) == len(inputs.std)
    if not constant or (inputs.form != "table" and not every):
        return
    named = [inputs.names[k] if inputs.names else f"feature {k}" for k in constant[:SHOWN]]
    where = "all inputs" if every else ", ".join(named)
    numbers = {"features": len(constant), "of": len(inputs.std)}
    yield CONSTANT.found("error" if every else "information", where, evidence=numbers)
