"""Numbers that are no numbers any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier.core.finding import Category, Finding
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.evidence.series import median
from ranvier.diagnose.symptom import Stage, Symptom, rule

# A loss or gradient that had grown so many times before it overflowed was driven there.
GROWN = 10.0
BEFORE = 16
# Inputs of this size make gradients that no usual learning rate goes with.
LARGE = 50.0
# Operations that give no number for numbers outside their domain, however small the learning rate.
_OUTSIDE_DOMAIN = ("log", "sqrt", "rsqrt", "div", "reciprocal", "pow", "acos", "asin")

NOT_FINITE = Symptom(
    number=1,
    name="a number that is not finite",
    stage=Stage.LEARNING_RATE,
    category="learning_rate",
    meaning="The loss, a gradient or a weight became NaN or infinite. From then on every weight "
    "that it touches is lost, so training stops there and goes back to the last good step.",
    statistic="‖g‖ over all parameters is finite exactly if every gradient is. The first step at "
    "which the loss or ‖g‖ is not finite is run once more, operation by operation, to find the "
    "first one that gave something else than a number.",
    looks="The loss curve ends. Where the learning rate did it, loss and gradient norm climb for "
    "some steps before; where an operation left its domain, they are calm up to the last.",
    remedy="Divide the learning rate by 10, or limit the gradient with clip_norm=1; if the inputs "
    "hold NaN or infinities, clean them first.",
    references=("Zhang et al., AutoTrainer, ICSE 2021",),
)


@rule(NOT_FINITE)
def not_finite(evidence: Evidence) -> Iterator[Finding]:
    inputs, targets = evidence.facts.inputs, evidence.facts.targets
    if inputs is not None and inputs.non_finite:
        yield NOT_FINITE.found(
            "error",
            "the inputs",
            category="data",
            evidence={"values": inputs.non_finite, "rows": list(inputs.non_finite_rows[:8])},
            advice="Fill or drop what is NaN or infinite in the inputs before training on them.",
        )
    if targets is not None and targets.non_finite:
        yield NOT_FINITE.found(
            "error",
            "the targets",
            category="labels",
            evidence={"values": targets.non_finite},
            advice="Drop the rows whose target is NaN or infinite.",
        )
    broken = ~np.isfinite(evidence.losses)
    if len(evidence.gradient_norms) == len(evidence.losses):
        broken |= ~np.isfinite(evidence.gradient_norms)
    if not broken.any() or (inputs is not None and inputs.non_finite):
        return
    step = int(broken.argmax())
    located = evidence.history.of("not_finite")
    place = located[0] if located else {}
    yield NOT_FINITE.found(
        "error",
        _where(step, place),
        category=_category(evidence, step, place),
        evidence={"step": step + 1, **place, **_climb(evidence, step)},
        cure="lower_learning_rate",
    )


def _where(step: int, place: dict[str, Any]) -> str:
    where = f"step {step + 1}"
    return f"{where}, {place['operation']} in {place['layer']}" if place.get("layer") else where


def _category(evidence: Evidence, step: int, place: dict[str, Any]) -> Category:
    """What is to blame: an operation outside its domain, inputs out of scale, or a rate that drove
    weights off."""
    loss, operation = evidence.facts.loss, str(place.get("operation") or "")
    leaves_domain = any(operation.startswith(name) for name in _OUTSIDE_DOMAIN)
    outputs = evidence.facts.outputs
    if outputs is not None and outputs.non_finite:
        return "activation"
    is_so_from_the_first = step == 0 or (loss is not None and loss.initial is None)
    if is_so_from_the_first or (leaves_domain and not _was_climbing(evidence, step)):
        return "loss" if place.get("layer") in (None, "loss") else "activation"
    if evidence.trials.first_of(("standardised inputs",)) or _is_out_of_scale(evidence):
        return "preprocessing"
    return "learning_rate"


def _is_out_of_scale(evidence: Evidence) -> bool:
    inputs = evidence.facts.inputs
    if inputs is None or inputs.form == "tokens":
        return False
    return (
        max((abs(m) + s for m, s in zip(inputs.mean, inputs.std, strict=True)), default=0) > LARGE
    )


def _was_climbing(evidence: Evidence, step: int) -> bool:
    return any(factor > GROWN for factor in _climb(evidence, step).values())


def _climb(evidence: Evidence, step: int) -> dict[str, float]:
    """By how much loss and gradient norm grew over the last steps that were finite."""
    found = {}
    for name, values in (("loss", evidence.losses), ("gradient_norm", evidence.gradient_norms)):
        calm, last = median(values[: max(1, step - BEFORE)]), values[max(0, step - BEFORE) : step]
        if len(last) and calm > 0:
            found[f"{name}_growth"] = float(np.max(last) / calm)
    return found
