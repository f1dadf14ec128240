"""Too much of what keeps a network from learning by heart, or none of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier.core.finding import Finding, Severity
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.rules.generalisation import overfitting
from ranvier.diagnose.symptom import Stage, Symptom, rule

HEAVY_DROPOUT = 0.7
PULL = 2.0
SHRUNK = 0.1
DECOUPLED = ("adamw", "lion", "sgdw", "muon", "nadamw")

TOO_MUCH = Symptom(
    number=44,
    name="over-regularised",
    stage=Stage.REGULARISATION,
    category="regularisation",
    meaning="What is meant to keep the network from learning by heart keeps it from learning: "
    "weight decay pulls weights to 0 faster than gradients move them, or dropout lets nothing "
    "through.",
    statistic="A copy without weight decay and dropout comes to a loss at most 1/1.5 of the "
    "training's own in a short training. Or λ‖w‖ / ‖g‖ ≥ 2 over all weights in half of the looks, "
    "with λ the weight decay, or ‖w‖ below a tenth of ‖w₀‖ in every layer, and the network does "
    "not learn. Or, where nothing was tried, a dropout rate above 0.7, which is a warning if the "
    "network learns.",
    looks="Training and validation loss together, both near that of the best constant answer; "
    "weight norms that fall to 0.",
    remedy="Divide weight decay by 10 to 100, or set dropout to at most 0.5.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(TOO_MUCH)
def over_regularised(evidence: Evidence) -> Iterator[Finding]:
    trial = evidence.trials.first_of(("no regularisation",))
    if trial is not None and evidence.falls_short:
        numbers: dict[str, Any] = evidence.trials.numbers(trial)
        yield TOO_MUCH.found(
            "error", "dropout or weight decay", evidence=numbers, cure="less_decay"
        )
        return
    is_tried = bool(evidence.trials)
    heavy = [each.rate for each in evidence.facts.layers if (each.rate or 0) > HEAVY_DROPOUT]
    severity: Severity = "error" if evidence.updates and not evidence.is_learning else "warning"
    if heavy and not is_tried:
        numbers = {"dropout": max(rate or 0.0 for rate in heavy)}
        yield TOO_MUCH.found(severity, "dropout", evidence=numbers, cure="less_dropout")
    optimizer, looks = evidence.facts.optimizer, evidence.parameters
    decay = optimizer.weight_decay if optimizer is not None else None
    if not decay or len(looks) < 3 or evidence.is_learning:
        return
    shrunk, pull = evidence.shrinkage < SHRUNK, _pull(evidence, decay)
    if shrunk or pull >= PULL:
        numbers = {"weight_decay": decay, "pull_over_gradient": pull, "shrunk": shrunk}
        yield TOO_MUCH.found("error", "weight decay", evidence=numbers, cure="less_decay")


def _pull(evidence: Evidence, decay: float) -> float:
    """λ‖w‖ / ‖g‖ over all weights, the median over looks; 0 where no gradient ever arrives."""
    looks = evidence.parameters
    sizes = np.array([np.prod(s) for s in evidence.start.get("parameter_shapes", ())])
    optimizer = evidence.facts.optimizer
    # Decay that is no part of the gradient pulls by the learning rate, however small that is.
    if optimizer is None or any(word in optimizer.kind.lower() for word in DECOUPLED):
        return 0.0
    if len(sizes) != len(looks.names) or not np.nansum(looks["gradient_mean"]):
        return 0.0
    gradient = np.linalg.norm(looks["gradient_mean"] * np.sqrt(sizes), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.nanmedian(decay * np.linalg.norm(looks["norm"], axis=1) / gradient))


NONE = Symptom(
    number=45,
    name="no regularisation",
    stage=Stage.GENERALISATION,
    category="regularisation",
    meaning="The network learns its rows by heart and nothing is there that would keep it from it.",
    statistic="Overfitting is found, weight decay is 0 and there is no dropout.",
    looks="As overfitting.",
    remedy="Add weight decay of 10⁻⁴ to 10⁻¹, dropout of 0.1 to 0.5, or augmentation.",
)


@rule(NONE)
def no_regularisation(evidence: Evidence) -> Iterator[Finding]:
    optimizer = evidence.facts.optimizer
    if optimizer is None or optimizer.weight_decay:
        return
    if any(layer.role == "dropout" for layer in evidence.facts.layers):
        return
    if next(overfitting(evidence), None) is not None:
        numbers = {"weight_decay": 0.0, "dropout": 0.0}
        yield NONE.found("information", "the network", evidence=numbers, cure="regularise")
