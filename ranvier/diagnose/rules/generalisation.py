"""Whether what was learnt holds on other rows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ranvier.core.finding import Finding, Severity
from ranvier.diagnose.evidence import Evidence, Series
from ranvier.diagnose.symptom import Stage, Symptom, rule

FEWEST = 3
# A rise by less of the whole loss is none that anybody would mind.
RISE = 0.05
# Parts this far from having the same classes say nothing of each other.
OTHER_CLASSES = 0.5

OVERFITTING = Symptom(
    number=40,
    name="overfitting",
    stage=Stage.GENERALISATION,
    category="regularisation",
    meaning="The network answers the rows it was trained on much better than others: it learnt "
    "them by heart.",
    statistic="Over at least three evaluations, in evaluation mode on both: the validation loss "
    "is above 1.3 times its least, by more than 5 % of the best constant answer's loss, and "
    "rising while the training loss falls (only information on a run of ours that has ended, as "
    "it keeps the weights of its best epoch), or the gap of accuracy between training and "
    "validation rows is above 0.1. An error, of at least 50 rows held out, for a gap above 0.3, "
    "or a loss three times its least with a score 0.1 below its best.",
    looks="Two loss curves that part: training goes down, validation turns up.",
    remedy="Keep the weights of the best epoch; add weight decay, dropout or augmentation; more "
    "rows help most.",
    references=(
        "Goodfellow et al., Deep Learning, 2016, chapter 7",
        "Zhang et al., AutoTrainer, ICSE 2021",
    ),
)


@rule(OVERFITTING)
def overfitting(evidence: Evidence) -> Iterator[Finding]:
    validation, seen = evidence.scores("validation", "loss"), _seen(evidence, "loss")
    known = np.isfinite(validation)
    if known.sum() < FEWEST:
        return
    epochs = np.flatnonzero(known)
    validation, seen = validation[known], seen[known]
    best = int(np.argmin(validation))
    risen = float(validation[-1] / validation[best]) if validation[best] > 0 else 1.0
    falls = not seen[-1] >= seen[best]
    gap = _gap(evidence)
    by = float(validation[-1] - validation[best])
    is_risen = risen > 1.3 and by > RISE * evidence.whole and falls and best < len(validation) - 2
    if not is_risen and (gap is None or gap <= 0.1):
        return
    numbers = {
        "validation_loss_over_least": risen,
        "best_epoch": int(epochs[best]) + 1,
        "accuracy_gap": gap,
    }
    lost = max(_lost(evidence, "accuracy"), _lost(evidence, "r2"))
    is_bad = (gap or 0) > 0.3 or (risen > 3 and lost > 0.1)
    severity: Severity = "error" if is_bad and _rows(evidence) >= 50 else "warning"
    # A trainer that keeps the weights of the best epoch has done what there is to do.
    if evidence.end is not None and evidence.facts.origin == "own" and (gap or 0) <= 0.1:
        severity = "information"
    yield OVERFITTING.found(severity, "validation", evidence=numbers, cure="regularise")


def _seen(evidence: Evidence, name: str) -> Series:
    """A score of training rows in evaluation mode, or as training went where there is none."""
    probe = evidence.scores("probe", name)
    return evidence.scores("train", name) if np.isnan(probe).all() else probe


def _gap(evidence: Evidence) -> float | None:
    """How much higher accuracy is on training rows, at the last evaluation."""
    last = evidence.evaluations[-1]
    seen = last.probe.get("accuracy", last.train.get("accuracy"))
    fresh = last.validation.get("accuracy")
    return None if seen is None or fresh is None else float(seen) - float(fresh)


def _lost(evidence: Evidence, name: str) -> float:
    """By how much a validation score is below its best."""
    scores = evidence.scores("validation", name)
    known = scores[np.isfinite(scores)]
    return float(known.max() - known[-1]) if len(known) else 0.0


def _rows(evidence: Evidence) -> int:
    """How many rows are held out."""
    return int((evidence.start.get("rows") or {}).get("validation") or 0)


OVERTRAINED = Symptom(
    number=41,
    name="overtraining",
    stage=Stage.GENERALISATION,
    category="epochs",
    meaning="The best epoch lies far back; everything since then was for nothing, and is lost time "
    "if the best weights are kept, worse if not.",
    statistic="No gain of the validation loss for at least 10 evaluations, and for more than half "
    "of the training.",
    looks="A validation curve that is flat or rises for the second half of the plot.",
    remedy="Stop early: patience of 5 to 10 epochs, keeping the best weights.",
    references=("SageMaker Debugger, rule Overtraining",),
)


@rule(OVERTRAINED)
def overtraining(evidence: Evidence) -> Iterator[Finding]:
    validation = evidence.scores("validation", "loss")
    if not np.isfinite(validation).sum() >= 12 or evidence.end == "no gain":
        return
    best = int(np.nanargmin(validation))
    since = len(validation) - 1 - best
    if since >= 10 and since > len(validation) / 2:
        numbers = {"best_epoch": best + 1, "epochs_since": since}
        yield OVERTRAINED.found("information", "validation", evidence=numbers, cure="stop_early")


EASIER = Symptom(
    number=36,
    name="validation easier or shifted",
    stage=Stage.DATA,
    category="data",
    meaning="The rows held out are not like those trained on: other classes, other values, or "
    "easier ones. What is measured on them says little.",
    statistic="A class's share differs by more than 0.15 and 2/√n between the two parts, n the "
    "rows held out, or half the sum of these differences over all classes is above 0.3 and 3/√n "
    "(an error above 0.5); a feature's mean by more than 0.5 and 5/√n standard deviations; or "
    "validation accuracy in evaluation mode is above that on training rows by more than 0.05 and "
    "1.5/√n for three evaluations.",
    looks="A validation curve that lies above (or far below) training from the first epoch on.",
    remedy="Split again at random, by group where rows belong together, by time where they follow.",
    references=("deepchecks, train-test validation",),
)


@rule(EASIER)
def validation_shifted(evidence: Evidence) -> Iterator[Finding]:
    split = evidence.facts.split
    numbers: dict[str, float] = {}
    if split is not None:
        by_chance = 1 / math.sqrt(max(1, split.rows))
        if (split.label_drift or 0) > max(0.15, 2 * by_chance):
            numbers["label_drift"] = split.label_drift or 0.0
        if (split.label_distance or 0) > max(0.3, 3 * by_chance):
            numbers["label_distance"] = split.label_distance or 0.0
        if (split.feature_drift or 0) > max(0.5, 5 * by_chance):
            numbers["feature_drift"] = split.feature_drift or 0.0
    better = evidence.scores("validation", "accuracy") - evidence.scores("probe", "accuracy")
    late = better[np.isfinite(better)][-FEWEST:]
    by_chance = 1 / math.sqrt(max(1, _rows(evidence)))
    is_ahead = len(late) == FEWEST and bool((late > max(0.05, 1.5 * by_chance)).all())
    # Of labels that are wrong on one side alone the other one looks easy.
    if is_ahead and not evidence.falls_short:
        numbers["validation_ahead"] = float(late.mean())
    if numbers:
        is_bad = split is not None and (split.label_distance or 0.0) > OTHER_CLASSES
        yield EASIER.found("error" if is_bad else "warning", "the split", evidence=numbers)


MISMATCH = Symptom(
    number=46,
    name="training and evaluation disagree",
    stage=Stage.WIRING,
    category="architecture",
    meaning="On the same rows the network does much worse in evaluation mode than it did in "
    "training: running statistics of normalisation are off, or dropout stayed on.",
    statistic="|L_train − L_eval| / max > 0.5 on training rows, at the last three evaluations, "
    "with evaluation the worse one and above half of the loss before training; or a network with "
    "dropout or batch normalisation was in evaluation mode while it was trained.",
    looks="A training loss that falls while training rows in evaluation mode stay where they were.",
    remedy="Call model.train() for training and model.eval() for measuring; raise the momentum of "
    "batch normalisation, or use larger batches.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(MISMATCH)
def training_and_evaluation_disagree(evidence: Evidence) -> Iterator[Finding]:
    modes = [r["is_training"] for r in evidence.history.of("weights") if "is_training" in r]
    needs_mode = any(
        layer.role == "dropout" or layer.kind == "batch_norm" for layer in evidence.facts.layers
    )
    if len(modes) >= FEWEST and not any(modes[1:]) and needs_mode:
        yield MISMATCH.found("warning", "the loop", evidence={"evaluation_mode": True})
        return
    train, probe = evidence.scores("train", "loss"), evidence.scores("probe", "loss")
    both = np.isfinite(train) & np.isfinite(probe)
    one, other = train[both][-FEWEST:], probe[both][-FEWEST:]
    if len(one) < FEWEST or (one <= 0).any():
        return
    apart = (other - one) / np.maximum(other, one)
    if (apart > 0.5).all() and other[-1] > 0.5 * max(evidence.first_loss, 1e-12):
        numbers = {
            "difference": float(apart.mean()),
            "train": float(one[-1]),
            "eval": float(other[-1]),
        }
        yield MISMATCH.found("error", "the training rows", evidence=numbers)
