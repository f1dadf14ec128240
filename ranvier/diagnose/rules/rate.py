"""Learning rates that are too high, too low, or gone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier.core.finding import Finding, Severity
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.evidence.series import blocks, median, slope
from ranvier.diagnose.symptom import Stage, Symptom, rule

# How far an update moves weights, relative to them: 1e-3 is usual.
FAST, MODERATE, SLOW = 0.1, 1e-3, 3e-5
# Of so few looks the first updates are too large a part.
FEWEST_LOOKS = 3
BLOCKS = 20
RISEN = 1.5
WORSE = 1.05
# A rise by so much of the whole loss, seen so often, comes from no batch.
GIVEN_BACK, LOST_FOR = 0.5, 2
# Where weights are drawn to 0 every update is large beside them.
SHRUNK = 0.1
GONE = 1e-8
# Gradients are hardly ever larger: from here on epsilon is what they are divided by.
LARGE_EPSILON = 0.01

TOO_HIGH = Symptom(
    number=6,
    name="learning rate too high",
    stage=Stage.LEARNING_RATE,
    category="learning_rate",
    meaning="Each update moves the weights so far that the slope it followed no longer holds where "
    "it arrives: the loss jumps about or rises instead of falling.",
    statistic="A short training of a copy with a tenth or a hundredth of the rate comes to a loss "
    "at most 1/1.5 of the training's own, and no other change explains more. Where no trial found "
    "anything: r = ‖Δw‖ / ‖w‖ of a weight is above 0.1 at any look (usual is 10⁻³), and the loss "
    "is above 1.05 times that of the best constant answer, or back above 1.5 times its least; or "
    "plain descent has a momentum above 0.98 and more than a quarter of the loss is left.",
    looks="A loss that falls in the first updates, if at all, and then jumps about far above where "
    "it should be; gradient norms as restless as the loss.",
    remedy="Divide the learning rate by 3 to 10, and let it rise over the first updates (warm-up).",
    references=(
        "Karpathy, A recipe for training neural networks, 2019",
        "Braiek and Khomh, TheDeepChecker, 2023",
    ),
)


@rule(TOO_HIGH)
def rate_too_high(evidence: Evidence) -> Iterator[Finding]:
    trials, moved = evidence.trials, moves(evidence)
    fastest, where = moved or (math.nan, "the optimiser")
    risen = risen_by(evidence)
    numbers: dict[str, Any] = {
        "update_to_weight": fastest,
        "learning_rate": median(evidence.learning_rates),
        "loss_over_least": risen,
    }
    lower = trials.first_of(("rate × 0.1", "rate × 0.01"))
    momentum = _memory(evidence)
    if lower is None and momentum is not None and evidence.falls_short:
        severity: Severity = "warning" if evidence.is_learning else "error"
        numbers["momentum"] = momentum
        advice = "Lower momentum to 0.9: it makes the rate 1 / (1 − momentum) times as large."
        yield TOO_HIGH.found(
            severity, "momentum", evidence=numbers, category="optimizer", advice=advice
        )
        return
    if lower is not None:
        severity = "error" if evidence.falls_short else "warning"
        numbers |= trials.numbers(lower)
    elif trials.best is None and _is_thrown_off(evidence):
        severity = "error"
    else:
        return
    yield TOO_HIGH.found(severity, where, evidence=numbers, cure="lower_learning_rate")


def _memory(evidence: Evidence) -> float | None:
    """The momentum of plain descent where it remembers more than fifty updates."""
    optimizer = evidence.facts.optimizer
    if optimizer is None or "sgd" not in optimizer.kind.lower():
        return None
    momentum = optimizer.momentum
    return momentum if momentum is not None and momentum > 0.98 else None


def _is_thrown_off(evidence: Evidence) -> bool:
    """Whether updates are large beside the weights, and the loss far above its least, or worse than
    that of one answer for all rows (no better than at first where that is not known)."""
    if fastest_of(evidence) <= FAST or evidence.shrinkage < SHRUNK:
        return False
    if risen_by(evidence) > RISEN:
        return True
    if evidence.trivial_loss is None:
        return not evidence.is_learning
    return not evidence.reached <= WORSE * evidence.trivial_loss


TOO_LOW = Symptom(
    number=7,
    name="learning rate too low",
    stage=Stage.LEARNING_RATE,
    category="learning_rate",
    meaning="Updates are so small that the loss creeps down: at this pace the training would need "
    "many times its length.",
    statistic="A short training of a copy with 10 or 100 times the rate comes to a loss at most "
    "1/1.5 of the training's own, while r = ‖Δw‖ / ‖w‖, the median over looks for the weight that "
    "moves most, is below 10⁻³. Or r < 3 · 10⁻⁵ and more than a quarter of the loss is left.",
    looks="A straight loss curve that falls a little from the first update to the last.",
    remedy="Multiply the learning rate by 3 to 10, until r is near 10⁻³.",
    references=("Karpathy, A recipe for training neural networks, 2019",),
)


@rule(TOO_LOW)
def rate_too_low(evidence: Evidence) -> Iterator[Finding]:
    trials, moved = evidence.trials, moves(evidence)
    optimizer = evidence.facts.optimizer
    held_back = optimizer is not None and (optimizer.epsilon or 0.0) >= LARGE_EPSILON
    if moved is None or not 0 < moved[0] < MODERATE or held_back:
        return
    late = blocks(evidence.losses[evidence.updates // 2 :], count=BLOCKS)
    fall, t = slope(late)
    numbers: dict[str, Any] = {"update_to_weight": moved[0], "slope": fall, "t": t}
    higher = trials.first_of(("rate × 10", "rate × 100", "Adam"))
    if higher is not None and evidence.falls_short:
        numbers |= trials.numbers(higher)
    elif not (moved[0] < SLOW and evidence.falls_short):
        return
    severity: Severity = "warning" if evidence.is_learning else "error"
    yield TOO_LOW.found(severity, moved[1], evidence=numbers, cure="raise_learning_rate")


GONE_TOO_SOON = Symptom(
    number=8,
    name="learning rate decayed away",
    stage=Stage.LEARNING_RATE,
    category="learning_rate",
    meaning="The schedule brought the learning rate down to nothing while there was still "
    "something to learn.",
    statistic="The learning rate is below 10⁻⁸, or below a millionth of its highest, for more "
    "than a fifth of the updates to the end, and the loss was falling until then (t < −2), or is "
    "still high.",
    looks="A loss that falls and then is a flat line, from the update on at which the rate ends.",
    remedy="Use a schedule that ends with the training, such as a cosine over all epochs.",
    references=("DLCheck",),
)


@rule(GONE_TOO_SOON)
def rate_decayed_away(evidence: Evidence) -> Iterator[Finding]:
    rates = evidence.learning_rates
    if not len(rates) or not np.nanmax(rates) > 0:
        return
    gone = rates < max(GONE, 1e-6 * float(np.nanmax(rates)))
    share = float(gone.mean())
    if share <= 0.2 or not gone[-1]:
        return
    until = int(gone.argmax())
    _, t = slope(blocks(evidence.losses[until // 2 : until], count=BLOCKS))
    severity: Severity = "error" if evidence.falls_short else "warning"
    if t < -2 or evidence.falls_short:
        numbers = {"from_step": until, "share_of_updates": share, "t": t}
        yield GONE_TOO_SOON.found(severity, f"from step {until} on", evidence=numbers)


DIVERGING = Symptom(
    number=10,
    name="divergence",
    stage=Stage.LEARNING_RATE,
    category="learning_rate",
    meaning="The training loss rises: updates lead away from what was learnt.",
    statistic="The loss on training rows in evaluation mode is above its least by more than half "
    "of the best constant answer's loss at the last two evaluations; or of the loss in 20 parts "
    "of the training, the last is above 1.5 times the least, the slope over the last half is "
    "positive with t > 2, and the last is above the first.",
    looks="A loss curve that turns up and does not come back.",
    remedy="Go back to the last good checkpoint and divide the learning rate by 10.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(DIVERGING)
def divergence(evidence: Evidence) -> Iterator[Finding]:
    lost = _lost_again(evidence)
    if lost is not None:
        numbers = {"loss": lost, "whole": evidence.whole, "evaluations": LOST_FOR}
        yield DIVERGING.found("error", "the loss", evidence=numbers, cure="lower_learning_rate")
        return
    parts = blocks(evidence.losses, count=BLOCKS)
    if len(parts) < BLOCKS or not np.isfinite(parts).all():
        return
    _, t = slope(parts[BLOCKS // 2 :])
    risen = risen_by(evidence)
    if t > 2 and risen > RISEN and parts[-1] > parts[0]:
        numbers = {"loss_over_least": risen, "t": t}
        yield DIVERGING.found("error", "the loss", evidence=numbers, cure="lower_learning_rate")


def _lost_again(evidence: Evidence) -> float | None:
    """The loss on training rows where the last two evaluations both gave back half of the whole."""
    losses = evidence.scores("probe", "loss")
    known = losses[np.isfinite(losses)]
    if len(known) <= LOST_FOR or evidence.whole <= 0:
        return None
    is_lost = known[-LOST_FOR:] - known[:-LOST_FOR].min() > GIVEN_BACK * evidence.whole
    return float(known[-1]) if is_lost.all() else None


EPSILON = Symptom(
    number=21,
    name="epsilon of Adam far off",
    stage=Stage.LEARNING_RATE,
    category="optimizer",
    meaning="Gradients are so small beside epsilon that Adam divides noise by noise, and moves "
    "weights by the full learning rate where nothing calls for it; or epsilon is so large that it "
    "takes the gradients' place, and weights hardly move.",
    statistic="r = ‖Δw‖ / ‖w‖ > 0.1 while the mean |g| is below 10⁻⁷, or below ε; or ε ≥ 0.01 "
    "where more than a quarter of the loss is left.",
    looks="A loss that wanders after it had come down, with tiny gradient norms; or one that "
    "creeps.",
    remedy="Set epsilon to 10⁻⁸; where gradients are tiny to 10⁻⁶ or more, up to 10⁻³.",
    references=("Keras documentation of Adam",),
)


@rule(EPSILON)
def epsilon_far_off(evidence: Evidence) -> Iterator[Finding]:
    optimizer, looks = evidence.facts.optimizer, evidence.parameters
    if optimizer is None or optimizer.epsilon is None or not evidence.falls_short:
        return
    numbers: dict[str, Any] = {"epsilon": optimizer.epsilon}
    if optimizer.epsilon >= LARGE_EPSILON:
        severity: Severity = "warning" if evidence.is_learning else "error"
        advice = "Lower epsilon to 10⁻⁸: above the size of gradients it takes their place."
        yield EPSILON.found(severity, "the optimiser", evidence=numbers, advice=advice)
        return
    if "adam" not in optimizer.kind.lower() or len(looks) < FEWEST_LOOKS or evidence.is_learning:
        return
    relative = np.nanmedian(evidence.relative_updates(), 0)
    gradient = np.nanmedian(looks["gradient_mean"], 0)
    small = gradient < max(1e-7, optimizer.epsilon)
    hit = [looks.names[k] for k in np.flatnonzero((relative > FAST) & small & (gradient > 0))]
    if hit:
        numbers["parameters"] = len(hit)
        yield EPSILON.found("warning", ", ".join(hit[:4]), evidence=numbers)


def moves(evidence: Evidence) -> tuple[float, str] | None:
    """The median r = ‖Δw‖ / ‖w‖ of the weight that moves most, and its path.

    Biases and the scales of normalisation start at 0 or 1 and may move by their own size.
    """
    looks = evidence.parameters
    if len(looks) < FEWEST_LOOKS:
        return None
    weights = evidence.weights
    if not weights:
        return None
    with np.errstate(all="ignore"):
        relative = np.nanmedian(evidence.relative_updates()[1:, weights], 0)
    if not np.isfinite(relative).any():
        return None
    fastest = int(np.nanargmax(relative))
    return float(relative[fastest]), looks.names[weights[fastest]]


def fastest_of(evidence: Evidence) -> float:
    """The largest r at any look, of all weights: what is thrown off in its first updates may not
    move at all any more."""
    weights = evidence.weights
    if len(evidence.parameters) < FEWEST_LOOKS or not weights:
        return 0.0
    relative = evidence.relative_updates()[:, weights]
    return float(np.nanmax(relative, initial=0.0))


def risen_by(evidence: Evidence) -> float:
    """The loss at the end over its least, both means of a twentieth of the updates."""
    parts = blocks(evidence.losses, count=BLOCKS)
    finite = parts[np.isfinite(parts)]
    if len(finite) < 2 or finite.min() <= 0:
        return 1.0
    return float(finite[-1] / finite.min()) if math.isfinite(parts[-1]) else math.inf
