"""Whether anything is learnt, how fast, and whether there was time for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier.core.finding import Finding, Severity
from ranvier.diagnose.evidence import Evidence, ParameterFacts
from ranvier.diagnose.evidence.series import blocks, slope
from ranvier.diagnose.evidence.trials import AS_IT_IS
from ranvier.diagnose.rules.rate import moves
from ranvier.diagnose.rules.suspect import suspect
from ranvier.diagnose.symptom import Stage, Symptom, rule

ENOUGH_UPDATES = 100
# A network should tell at least as much as the nearest row does.
BEHIND_NEIGHBOURS = 0.1
# So large a share of the whole loss to come in as many updates again is worth having.
FAR_AHEAD = 0.08

OSCILLATION = Symptom(
    number=9,
    name="oscillation",
    stage=Stage.OUTCOME,
    category="learning_rate",
    meaning="The loss swings from evaluation to evaluation by as much as it has fallen altogether.",
    statistic="Of the losses of epochs (at least 6), the mean absolute change between neighbours "
    "over the whole fall: > 0.5, with the direction changing in more than half of the places.",
    looks="A saw.",
    remedy="Divide the learning rate by 3, use larger batches, or let the rate fall over the "
    "training.",
    references=("Zhang et al., AutoTrainer, ICSE 2021",),
)


@rule(OSCILLATION)
def oscillation(evidence: Evidence) -> Iterator[Finding]:
    losses = evidence.scores("train", "loss")
    losses = losses[np.isfinite(losses)]
    if len(losses) < 6:
        return
    late = losses[len(losses) // 3 :]
    change = np.diff(late)
    turns = float((np.sign(change[1:]) != np.sign(change[:-1])).mean()) if len(change) > 1 else 0.0
    fall = max(float(losses[0] - losses.min()), 1e-12)
    swing = float(np.abs(change).mean()) / fall
    if swing > 0.5 and turns > 0.5:
        numbers = {"swing_over_fall": swing, "turns": turns}
        severity: Severity = "warning" if evidence.is_learning else "error"
        yield OSCILLATION.found(severity, "the loss", evidence=numbers, cure="lower_learning_rate")


BLOWN_UP = Symptom(
    number=11,
    name="weights that blow up",
    stage=Stage.OUTCOME,
    category="regularisation",
    meaning="Weights have grown to many times their first size; outputs become extreme and "
    "confident, and small changes of the input change the answer.",
    statistic="‖w‖ / ‖w₀‖ of a weight of at least two axes: > 10, an error if the network does not "
    "learn.",
    looks="Weight norms that rise in a straight line or faster.",
    remedy="Add weight decay, lower the learning rate, or bring inputs to scale.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(BLOWN_UP)
def weights_blow_up(evidence: Evidence) -> Iterator[Finding]:
    looks = evidence.parameters
    weights = evidence.weights
    if len(looks) < 3 or not weights:
        return
    norms = looks["norm"][:, weights]
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = norms[-1] / np.where(norms[0] > 0, norms[0], math.nan)
    if not np.isfinite(grown).any() or np.nanmax(grown) <= 10:
        return
    worst = int(np.nanargmax(grown))
    numbers = {"growth": float(grown[worst]), "norm": float(norms[-1, worst])}
    severity: Severity = "information" if evidence.is_learning else "error"
    yield BLOWN_UP.found(
        severity,
        looks.names[weights[worst]],
        evidence=numbers,
        category=suspect(evidence),
        cure="weight_decay",
    )


PLATEAU = Symptom(
    number=12,
    name="plateau",
    stage=Stage.OUTCOME,
    category="learning_rate",
    meaning="The loss does not move: neither down as it should nor up.",
    statistic="The loss of the last half of the training, in ten parts, differs by less than 2 % "
    "from its mean, and it is not below that of the best constant answer.",
    looks="A flat line.",
    remedy="Try a learning rate ten times as high and ten times as low; look at the start of the "
    "weights.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(PLATEAU)
def plateau(evidence: Evidence) -> Iterator[Finding]:
    if evidence.updates < ENOUGH_UPDATES or evidence.is_learning:
        return
    parts = blocks(evidence.losses[evidence.updates // 2 :], count=10)
    if not np.isfinite(parts).all() or not parts.mean():
        return
    spread = float((parts.max() - parts.min()) / abs(parts.mean()))
    if spread < 0.02:
        moved = moves(evidence)
        numbers = {
            "spread": spread,
            "loss": float(parts[-1]),
            "update_to_weight": None if moved is None else moved[0],
        }
        yield PLATEAU.found("error", "the loss", evidence=numbers, category=suspect(evidence))


CHANCE = Symptom(
    number=13,
    name="no better than chance",
    stage=Stage.OUTCOME,
    category="data",
    meaning="On the rows that it was trained on the network answers no better than one answer for "
    "all of them would.",
    statistic="In evaluation mode on training rows: accuracy ≤ p + 2 √(p (1 − p) / n) with p the "
    "share of the commonest class and n the rows, or R² ≤ 0.02, after at least 100 updates.",
    looks="An accuracy curve along the share of the commonest class.",
    remedy="Look first at the inputs' scale, the pairing of rows and labels, and the loss; then at "
    "the learning rate.",
)


@rule(CHANCE)
def no_better_than_chance(evidence: Evidence) -> Iterator[Finding]:
    if not evidence.evaluations or evidence.updates < ENOUGH_UPDATES:
        return
    probe = evidence.evaluations[-1].probe
    accuracy, share = probe.get("accuracy"), probe.get("share")
    if accuracy is not None and share is not None:
        rows = max(1, sum(probe.get("answers") or [1]))
        bound = share + 2 * math.sqrt(share * (1 - share) / rows)
        if accuracy <= bound and not evidence.is_learning:
            numbers = {"accuracy": accuracy, "commonest": share, "bound": bound}
            yield CHANCE.found(
                "error", "the training rows", evidence=numbers, category=suspect(evidence)
            )
    elif (r2 := probe.get("r2")) is not None and r2 <= 0.02 and not evidence.is_learning:
        numbers = {"r2": r2}
        yield CHANCE.found(
            "error", "the training rows", evidence=numbers, category=suspect(evidence)
        )


TOO_SHORT = Symptom(
    number=43,
    name="too few epochs",
    stage=Stage.LEARNING,
    category="epochs",
    meaning="The training ended while it was still getting better at a good pace.",
    statistic="A copy that was trained for more updates than the training had came to a loss at "
    "most 1/1.5 of the training's own; or there were fewer than 100 updates and more than a "
    "quarter of the loss is left. Or the least-squares slope of the loss over the last third of "
    "the training (over all of it where it had fewer than 300 updates), in ten parts, has t < −3 "
    "and leads down by more than 10 % of the loss within as many updates again, and the "
    "validation loss falls too: a warning if that is more than 8 % of the best constant answer's "
    "loss, or more than a quarter of it is left.",
    looks="Curves that are cut off on their way down.",
    remedy="Train for two to five times as many epochs.",
)


@rule(TOO_SHORT)
def too_few_epochs(evidence: Evidence) -> Iterator[Finding]:
    if evidence.updates < 10 or evidence.end == "no gain":
        return
    trials = evidence.trials
    if trials.was_cut_short:
        numbers = {"updates": evidence.updates, **trials.numbers(AS_IT_IS)}
        yield TOO_SHORT.found("warning", "the loss", evidence=numbers, cure="more_epochs")
        return
    if evidence.updates < ENOUGH_UPDATES and evidence.falls_short and evidence.end != "diverged":
        numbers = {"updates": evidence.updates, "loss": evidence.reached}
        yield TOO_SHORT.found("warning", "the loss", evidence=numbers, cure="more_epochs")
        return
    late = 2 * evidence.updates // 3 if evidence.updates >= 3 * ENOUGH_UPDATES else 0
    parts = blocks(evidence.losses[late:], count=10)
    if len(parts) < 5 or not np.isfinite(parts).all() or parts[-1] <= 0:
        return
    fall, t = slope(parts)
    ahead = -fall * len(parts) / abs(float(parts[-1]))
    validation = evidence.scores("validation", "loss")
    is_falling = len(validation) < 3 or slope(validation[-5:])[0] < 0
    if t < -3 and ahead > 0.1 and is_falling:
        is_far = evidence.falls_short or ahead * float(parts[-1]) > FAR_AHEAD * evidence.whole
        severity: Severity = "warning" if is_far else "information"
        numbers = {"t": t, "fall_ahead": min(1.0, ahead), "updates": evidence.updates}
        yield TOO_SHORT.found(severity, "the loss", evidence=numbers, cure="more_epochs")


UNDERFITTING = Symptom(
    number=42,
    name="underfitting",
    stage=Stage.LEARNING,
    category="architecture",
    meaning="The network is too small for what is asked of it, or cut off from its input: even a "
    "few rows cannot be learnt by heart, or the nearest row tells more than the network does.",
    statistic="No change of rate, inputs, weights, activations or regularisation that was tried "
    "helps, and: a copy that is trained on 16 rows with Adam still has half of its loss and no "
    "more than three quarters of the rows right; or on training rows the network is right less "
    "often, by 0.1, than the label of the nearest other row; or a hidden layer has one unit, or "
    "fewer than half as many as there are classes.",
    looks="Training and validation loss together, both high.",
    remedy="Widen or deepen the network; take dropout and weight decay away until 16 rows are "
    "learnt.",
    references=("Karpathy, A recipe for training neural networks, 2019",),
)


@rule(UNDERFITTING)
def underfitting(evidence: Evidence) -> Iterator[Finding]:
    if evidence.updates < ENOUGH_UPDATES or not evidence.falls_short or evidence.trials.best:
        return
    probes = evidence.facts.probes
    numbers: dict[str, Any] = {}
    if probes is not None and probes.overfit_loss is not None and probes.overfit_from:
        share, accuracy = probes.overfit_loss / probes.overfit_from, probes.overfit_accuracy
        if share > 0.5 and (accuracy is None or accuracy <= 0.75):
            numbers |= {"loss_left": share, "accuracy": accuracy, "updates": probes.overfit_updates}
    behind = evidence.nearest_tells_more
    # What learns nothing at all lacks something else than size.
    is_half_way = evidence.is_learning and not evidence.trials.loop_is_at_fault
    if behind > BEHIND_NEIGHBOURS and is_half_way:
        numbers["behind_nearest_neighbour"] = behind
    narrow = _bottleneck(evidence)
    if narrow is not None:
        numbers |= {"units": narrow.shape[0], "outputs": _outputs(evidence)}
    if numbers:
        severity: Severity = "warning" if evidence.is_learning and narrow is None else "error"
        where = "the network" if narrow is None else narrow.path
        yield UNDERFITTING.found(severity, where, evidence=numbers)


def _bottleneck(evidence: Evidence) -> ParameterFacts | None:
    """A hidden layer of one unit, or of fewer than half as many as there are classes."""
    products = [each.path for each in evidence.facts.layers if each.kind == "linear"]
    hidden = [
        p
        for p in evidence.facts.parameters
        if len(p.shape) == 2 and p.path.rpartition(".")[0] in products[:-1]
    ]
    targets = evidence.facts.targets
    classes = len(targets.counts) if targets is not None and targets.form == "classes" else 0
    return next((p for p in hidden if p.shape[0] == 1 or 2 * p.shape[0] < classes), None)


def _outputs(evidence: Evidence) -> int:
    outputs = evidence.facts.outputs
    return outputs.shape[-1] if outputs is not None and outputs.shape else 1


DISAGREEING = Symptom(
    number=50,
    name="loss and metric disagree",
    stage=Stage.LEARNING,
    category="loss",
    meaning="The validation loss falls and the metric does not improve with it: what is minimised "
    "is not what is wanted.",
    statistic="The correlation between validation loss and score over at least 8 epochs is above "
    "−0.2 while the loss falls with t < −3.",
    looks="Two curves that should be mirror images and are not.",
    remedy="Choose a loss that follows the metric, or weigh the classes.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(DISAGREEING)
def loss_and_metric_disagree(evidence: Evidence) -> Iterator[Finding]:
    losses = evidence.scores("validation", "loss")
    scores = evidence.scores("validation", "score")
    if np.isnan(scores).all():
        scores = evidence.scores("validation", "accuracy")
    both = np.isfinite(losses) & np.isfinite(scores)
    if both.sum() < 8 or losses[both].std() == 0 or scores[both].std() == 0:
        return
    correlation = float(np.corrcoef(losses[both], scores[both])[0, 1])
    _, t = slope(losses[both])
    if correlation > -0.2 and t < -3:
        numbers = {"correlation": correlation, "t": t}
        yield DISAGREEING.found("warning", "validation", evidence=numbers)
