"""Signals and gradients on their way through the layers: gone, exploded, stuck."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier.core.finding import Finding, Severity
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.evidence.series import median, running_median, tail
from ranvier.diagnose.rules.rate import SLOW
from ranvier.diagnose.rules.suspect import suspect
from ranvier.diagnose.symptom import Stage, Symptom, rule

SPIKE, WINDOW = 10.0, 50
SHOWN = 4
HALF = 0.5

EXPLODING = Symptom(
    number=2,
    name="exploding gradient",
    stage=Stage.SIGNAL_FLOW,
    category="learning_rate",
    meaning="Gradients grow from layer to layer on the way back, or from step to step, until an "
    "update throws the weights far off.",
    statistic="‖g‖ at the end, its median over the last tenth, is above 100 times its median over "
    "the first tenth while the loss rises; or the median ‖g‖ is above 10⁴ times the loss before "
    "training (above 10⁴ where that is below 1); and the network does not learn.",
    looks="A gradient norm that climbs by orders of magnitude, and the loss after it.",
    remedy="Limit the gradient with clip_norm=1, warm the learning rate up, or normalise between "
    "layers.",
    references=("Pascanu et al., 2013", "Zhang et al., AutoTrainer, ICSE 2021"),
)


@rule(EXPLODING)
def exploding_gradient(evidence: Evidence) -> Iterator[Finding]:
    norms = evidence.gradient_norms
    finite = norms[np.isfinite(norms)]
    if len(finite) < 20 or evidence.is_learning:
        return
    early, late = median(finite[: len(finite) // 10 + 1]), median(tail(finite, share=0.1, least=2))
    growth = late / early if early > 0 else math.inf
    has_risen = evidence.last_loss > evidence.first_loss
    if (growth > 100 and has_risen) or median(finite) > 1e4 * max(1.0, evidence.first_loss):
        numbers = {"growth": growth, "median": median(finite), "largest": float(finite.max())}
        yield EXPLODING.found("error", "all layers", evidence=numbers, cure="clip")


VANISHING = Symptom(
    number=3,
    name="vanishing gradient",
    stage=Stage.SIGNAL_FLOW,
    category="activation",
    meaning="On the way back through many layers the gradient shrinks until the first layers get "
    "next to none: they stay as they started, and what they give is noise.",
    statistic="Per parameter the root mean square of its gradient, first layer of weights over "
    "last: < 10⁻³, with ‖Δw‖ / ‖w‖ < 3 · 10⁻⁵ in the first or gradients below 10⁻⁷, and the "
    "network does not learn. Or a copy with ReLU inside comes to a loss at most 1/1.5 of the "
    "training's own in a short training.",
    looks="Gradient norms in order of the layers, each a tenth of the next; a flat loss.",
    remedy="Use ReLU or one of its kind in place of sigmoid and tanh, normalise between layers, "
    "add residual connections, or draw first weights by the activation.",
    references=(
        "Hochreiter, 1991",
        "Glorot and Bengio, 2010",
        "Zhang et al., AutoTrainer, ICSE 2021",
    ),
)


@rule(VANISHING)
def vanishing_gradient(evidence: Evidence) -> Iterator[Finding]:
    looks = evidence.parameters
    if len(looks) < 2 or not evidence.falls_short:
        return
    trial = evidence.trials.first_of(("ReLU inside",))
    if trial is not None:
        severity: Severity = "warning" if evidence.is_learning else "error"
        numbers: dict[str, Any] = evidence.trials.numbers(trial)
        yield VANISHING.found(severity, "the activations", evidence=numbers, cure="relu")
        return
    if evidence.is_learning:
        return
    weights = evidence.weights
    if len(weights) < 3:
        return
    gradient = np.nanmedian(looks["gradient_mean"][:, weights], 0)
    moved = np.nanmedian(evidence.relative_updates()[:, weights], 0)
    first, last = float(gradient[0]), float(gradient[-1])
    if last <= 0 or not first < 1e-3 * last:
        return
    if not (moved[0] < SLOW or first < 1e-7):
        return
    numbers = {"first_over_last": first / last, "first": first, "update_to_weight": float(moved[0])}
    # Where trials were made and none helped, it is a consequence of something else.
    severity = "warning" if evidence.trials else "error"
    yield VANISHING.found(severity, looks.names[weights[0]], evidence=numbers, cure="relu")


DEAD = Symptom(
    number=4,
    name="dead units",
    stage=Stage.SIGNAL_FLOW,
    category="activation",
    meaning="Units of a layer give 0 for every row. Behind a ReLU no gradient comes through them "
    "any more, so they never come back.",
    statistic="The share of a layer's units whose |a| stays below 10⁻⁵ on every row of the probe, "
    "at each of the last three looks: > 50 % of a layer is a warning where more than a quarter of "
    "the loss is left. An error where leaky ReLU makes a copy learn, or > 90 % where nothing was "
    "tried and the network does not learn.",
    looks="The dead share of a layer rises in steps, and does not fall again.",
    remedy="Lower the learning rate, use leaky_relu, draw first weights after He et al., and bring "
    "inputs to scale.",
    references=("Lu et al., Dying ReLU and initialization, 2019",),
)


@rule(DEAD)
def dead_units(evidence: Evidence) -> Iterator[Finding]:
    layers = evidence.layers
    if not len(layers):
        return
    dead = np.nanmin(layers["dead"][-3:], 0)
    hit = np.flatnonzero(dead > HALF)
    if not len(hit):
        return
    names = [layers.names[k] for k in hit]
    worst = float(dead[hit].max())
    numbers: dict[str, Any] = {"share": worst, "layers": len(hit)}
    severity: Severity = "warning" if evidence.falls_short else "information"
    trial = evidence.trials.first_of(("leaky ReLU inside",))
    if trial is not None and evidence.falls_short:
        severity, numbers = "error", numbers | evidence.trials.numbers(trial)
    elif worst > 0.9 and evidence.updates and not (evidence.is_learning or evidence.trials):
        severity = "error"
    yield DEAD.found(
        severity, ", ".join(names[:SHOWN]), evidence=numbers,
        cure="lower_learning_rate",
    )  # fmt: skip


SATURATED = Symptom(
    number=5,
    name="saturation",
    stage=Stage.SIGNAL_FLOW,
    category="activation",
    meaning="Units of a bounded activation sit at an end of its range, where its slope is 0: "
    "hardly any gradient comes through.",
    statistic="The share of values in the outer 2.5 % of the range of a sigmoid or tanh that is "
    "not the last layer: > 50 %, an error if the network does not learn.",
    looks="Histograms of activations with two peaks at the ends.",
    remedy="Bring inputs to scale, draw first weights after Glorot and Bengio, normalise before "
    "the activation, or use ReLU.",
    references=("Glorot and Bengio, 2010",),
)


@rule(SATURATED)
def saturation(evidence: Evidence) -> Iterator[Finding]:
    layers = evidence.layers
    if len(layers) and len(layers.names) > 1:
        share = np.nanmedian(layers["saturated"][-3:], 0)[:-1]
        hit = np.flatnonzero(share > HALF)
        if len(hit):
            is_bad = evidence.updates > 0 and not evidence.is_learning
            severity: Severity = "warning" if evidence.falls_short else "information"
            numbers = {"share": float(np.nanmax(share[hit])), "layers": len(hit)}
            names = ", ".join(layers.names[k] for k in hit[:SHOWN])
            yield SATURATED.found("error" if is_bad else severity, names, evidence=numbers)


CONSTANT_OUTPUT = Symptom(
    number=14,
    name="constant output",
    stage=Stage.OUTCOME,
    category="architecture",
    meaning="The network answers every row alike: what it learnt is the mean, or the commonest "
    "class.",
    statistic="The standard deviation of every output over rows is below 10⁻⁴ of the outputs' "
    "size, or one class is answered for all rows, at the last evaluation, and the network does not "
    "learn.",
    looks="A loss that stops exactly at that of the best constant answer.",
    remedy="See what stands before it in the list; else lower the learning rate and look at dead "
    "units.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(CONSTANT_OUTPUT)
def constant_output(evidence: Evidence) -> Iterator[Finding]:
    if not evidence.evaluations or evidence.is_learning:
        return
    probe = evidence.evaluations[-1].probe
    spread = probe.get("spread")
    answers = probe.get("answers") or []
    targets = evidence.facts.targets
    # Where a row may be of several classes, none for any row is what is alike.
    most = 0 if targets is not None and targets.has_several else max(answers, default=0)
    one_class = len(answers) > 1 and sum(answers) == most
    if (spread is not None and spread < 1e-4) or one_class:
        numbers = {"spread": spread, "answers": answers[:10]}
        yield CONSTANT_OUTPUT.found(
            "error", "the outputs", evidence=numbers, category=suspect(evidence)
        )


SPIKES = Symptom(
    number=18,
    name="gradient spikes",
    stage=Stage.SIGNAL_FLOW,
    category="optimizer",
    meaning="Single batches give gradients many times the usual, and each throws the weights off.",
    statistic="‖g‖ above 10 times the median of the 50 steps before, with a loss that is higher "
    "after it, in at least three steps and at most 5 % of them.",
    looks="Needles in the gradient norm, each with a step up in the loss.",
    remedy="Limit the gradient with clip_norm at about its 90th percentile; if more than half of "
    "the steps are clipped, lower the learning rate.",
    references=("Godbole et al., Deep learning tuning playbook, 2023",),
)


@rule(SPIKES)
def gradient_spikes(evidence: Evidence) -> Iterator[Finding]:
    norms, losses = evidence.gradient_norms, evidence.losses
    if len(norms) < 2 * WINDOW or len(norms) != len(losses):
        return
    usual = running_median(norms, window=WINDOW)
    with np.errstate(invalid="ignore"):
        spikes = np.flatnonzero(norms > SPIKE * usual)
    harmful = [
        s for s in spikes
        if WINDOW <= s < len(losses) - 5
        and median(losses[s + 1 : s + 6]) > 1.5 * median(losses[s - 10 : s])
    ]  # fmt: skip
    if len(harmful) >= 3 and len(spikes) <= 0.05 * len(norms):
        numbers = {
            "spikes": len(harmful),
            "largest": float(np.nanmax(norms[harmful])),
            "percentile_90": float(np.nanpercentile(norms, 90)),
        }
        where = f"steps {', '.join(str(s + 1) for s in harmful[:SHOWN])}"
        severity: Severity = "warning" if evidence.falls_short else "information"
        yield SPIKES.found(severity, where, evidence=numbers, cure="clip")


COLLAPSE = Symptom(
    number=52,
    name="rank collapse",
    stage=Stage.SIGNAL_FLOW,
    category="architecture",
    meaning="What a layer gives for different rows lies in ever fewer directions: rows become "
    "alike.",
    statistic="The effective rank exp(H(σ² / Σσ²)) of a layer's outputs for the probe, late over "
    "early in training: < 0.5, and the network does not learn.",
    looks="Activations whose rows look alike; losses that stop early.",
    remedy="Normalise between layers, add residual connections, lower the learning rate.",
    references=("Roy and Vetterli, The effective rank, 2007",),
)


@rule(COLLAPSE)
def rank_collapse(evidence: Evidence) -> Iterator[Finding]:
    rank = evidence.layers["rank"] if len(evidence.layers) >= 4 else None
    if rank is None or np.isnan(rank).all() or evidence.is_learning:
        return
    early, late = np.nanmedian(rank[:2], 0), np.nanmedian(rank[-2:], 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = late / early
    hit = np.flatnonzero(share < HALF)
    if len(hit):
        numbers = {"late_over_early": float(np.nanmin(share)), "layers": len(hit)}
        names = ", ".join(evidence.layers.names[k] for k in hit[:SHOWN])
        yield COLLAPSE.found("warning", names, evidence=numbers)
