"""How network, loss and optimiser are put together: what is not joined, or joined wrongly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ranvier.core.finding import Finding, Severity
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.symptom import Stage, Symptom, rule

SHOWN = 6
LOOKS = 3
# Of a change that is smaller, relative to the weights, float32 keeps nothing.
SEEN = 1e-6
# Losses that are sums of squares, of distances or of −log p have no value below 0.
NEVER_NEGATIVE = (
    "cross_entropy",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
)

FROZEN = Symptom(
    number=15,
    name="parameters that never move",
    stage=Stage.WIRING,
    category="optimizer",
    meaning="Parameters are meant to be trained and stay as they started: the optimiser does not "
    "know them, no gradient reaches them, or no update is ever made.",
    statistic="‖Δw‖ = 0 in every one of at least three looks though the gradient is not 0; or "
    "gradients are 0 at every update, and a copy learns in a plain loop; or the parameter is not "
    "among those that the optimiser was given, or not among those that the loss depends on, "
    "though requires_grad is set (or is not set, where more than a quarter of the loss is left); "
    "or the loss depends on weights that the network does not know of, such as those of layers in "
    "a plain list.",
    looks="The loss stays where it was, or comes down as far as the other parameters can bring it.",
    remedy="Give the optimiser all of model.parameters() after the model is complete, call "
    "loss.backward() and optimizer.step() for every batch, and leave out detach(), .data and "
    ".item() between input and loss.",
    references=("SageMaker Debugger, rule UnchangedTensor",),
)


@rule(FROZEN)
def parameters_that_never_move(evidence: Evidence) -> Iterator[Finding]:
    looks = evidence.parameters
    trained = [p for p in evidence.facts.parameters if p.is_trained]
    forgotten = [p.path for p in trained if not p.is_optimized]
    unreached = [p.path for p in trained if p.reached is False]
    still: list[str] = []
    if len(looks) >= LOOKS:
        # Where next to no gradient arrives, something else keeps it from arriving.
        rate = float(np.nanmax(evidence.learning_rates, initial=0.0))
        should = np.nanmedian(rate * looks["gradient_max"] - SEEN * _sizes(evidence), 0) > 0
        is_still = (looks["update"] == 0).all(0) & should
        still = [name for name, hit in zip(looks.names, is_still, strict=True) if hit]
    if _is_cleared_too_soon(evidence):
        still = list(looks.names)
    elif not trained or evidence.falls_short:
        unreached += [p.path for p in evidence.facts.parameters if not p.is_trained]
    strangers = list(evidence.facts.unregistered)
    found = list(dict.fromkeys([*strangers, *forgotten, *unreached, *still]))
    if not found:
        return
    count = max(len(trained), len(looks.names), 1)
    numbers = {
        "parameters": len(found),
        "of": count,
        "not_in_optimizer": len(forgotten),
        "not_reached_by_gradients": len(unreached),
        "not_registered": len(strangers),
    }
    every = len(found) >= count
    yield FROZEN.found(
        "error" if every or evidence.falls_short else "warning",
        ", ".join(found[:SHOWN])
        + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""),
        evidence=numbers,
    )


def _sizes(evidence: Evidence) -> np.ndarray:
    """The root mean square of each parameter at each look, `[K, P]`."""
    shapes = evidence.start.get("parameter_shapes", ())
    norms = evidence.parameters["norm"]
    counts = [max(1, math.prod(shape)) for shape in shapes]
    rms: np.ndarray = norms / np.sqrt(counts) if len(counts) == norms.shape[1] else norms
    return rms


def _is_cleared_too_soon(evidence: Evidence) -> bool:
    """Whether gradients were 0 at every update, of a network that learns in a plain loop."""
    norms = evidence.gradient_norms
    return bool(len(norms) >= 10 and not norms.any() and evidence.trials.loop_is_at_fault)


NOT_CLEARED = Symptom(
    number=16,
    name="gradients never cleared",
    stage=Stage.WIRING,
    category="optimizer",
    meaning="Each backward pass adds to the gradients of the ones before, so that updates follow a "
    "sum over the whole past in place of this batch's gradient.",
    statistic="The gradient of the last parameter is not 0 when the first backward pass after an "
    "update begins, in more than half of the looks.",
    looks="Gradient norms that grow from step to step; a loss that falls, turns and rises.",
    remedy="Call optimizer.zero_grad() before loss.backward().",
    references=("PyTorch documentation, Zeroing out gradients",),
)


@rule(NOT_CLEARED)
def gradients_never_cleared(evidence: Evidence) -> Iterator[Finding]:
    records = evidence.history.of("weights")
    # Nothing lies there before the first backward pass of all.
    left = [r["left_over"] for r in records[1:] if r.get("left_over") is not None]
    if len(left) < LOOKS:
        return
    share = float(np.mean(np.array(left) > 0))
    if share > 0.5:
        yield NOT_CLEARED.found(
            "error", "the loop", evidence={"share_of_looks": share, "last_norm": left[-1]}
        )


ASCENT = Symptom(
    number=17,
    name="gradient ascent",
    stage=Stage.WIRING,
    category="optimizer",
    meaning="Updates go up the gradient in place of down: a sign is wrong in the loss or the "
    "update.",
    statistic="⟨g, Δw⟩ > 0 summed over parameters, in more than 90 % of at least five looks; or a "
    "loss that has no value below 0, such as cross-entropy or squared error, is below 0 before "
    "training.",
    looks="A loss that rises from the first update on, without end.",
    remedy="Minimise the loss itself: take away the minus sign, or maximize=True.",
)


@rule(ASCENT)
def gradient_ascent(evidence: Evidence) -> Iterator[Finding]:
    loss, optimizer = evidence.facts.loss, evidence.facts.optimizer
    if loss is not None and loss.kind in NEVER_NEGATIVE and (loss.initial or 0.0) < 0:
        numbers: dict[str, Any] = {"loss": loss.initial, "kind": loss.kind}
        yield ASCENT.found("error", "the sign of the loss", evidence=numbers, category="loss")
        return
    alignment = np.nansum(evidence.parameters["alignment"], 1)
    maximizes = optimizer is not None and optimizer.maximizes
    if len(alignment) < 5 and not maximizes:
        return
    share = float((alignment > 0).mean()) if len(alignment) else 1.0
    if share > 0.9 or (maximizes and not evidence.is_learning):
        numbers = {"share_of_looks": share, "maximizes": maximizes}
        yield ASCENT.found("error", "the optimiser", evidence=numbers)


CROSS_TALK = Symptom(
    number=39,
    name="rows that see each other",
    stage=Stage.WIRING,
    category="architecture",
    meaning="The output for one row depends on which other rows are in the batch, in evaluation "
    "too: axes were mixed up, and what is learnt does not hold for rows on their own.",
    statistic="The largest change of a row's output where only the other rows of the batch "
    "changed, over the largest output: > 10⁻³ in evaluation mode.",
    looks="Training goes well and prediction of single rows does not.",
    remedy="Look for a reshape, a view, a transpose, a softmax or a mean that touches axis 0.",
    references=("Karpathy, A recipe for training neural networks, 2019",),
)


@rule(CROSS_TALK)
def rows_that_see_each_other(evidence: Evidence) -> Iterator[Finding]:
    probes = evidence.facts.probes
    if probes is None or probes.cross_talk is None or probes.cross_talk <= 1e-3:
        return
    yield CROSS_TALK.found("error", "the network", evidence={"change": probes.cross_talk})


SUMMED = Symptom(
    number=49,
    name="summed loss",
    stage=Stage.WIRING,
    category="loss",
    meaning="The loss is a sum over rows where a mean is usual: gradients, and with them updates, "
    "grow with the batch size, and a learning rate that is right for one batch size is wrong for "
    "another.",
    statistic="The loss of a batch given twice is twice the batch's own: ratio > 1.9.",
    looks="Losses in the hundreds; gradient norms that are as many times the usual as a batch has "
    "rows.",
    remedy='Use reduction="mean".',
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(SUMMED)
def summed_loss(evidence: Evidence) -> Iterator[Finding]:
    loss = evidence.facts.loss
    if loss is None or not loss.initial or loss.doubled is None:
        return
    ratio = loss.doubled / loss.initial
    if 1.9 < ratio < 2.1:
        severity: Severity = "warning" if evidence.is_learning else "error"
        yield SUMMED.found(severity, f"the loss ({loss.kind})", evidence={"ratio": ratio})


IGNORED = Symptom(
    number=51,
    name="input ignored",
    stage=Stage.WIRING,
    category="architecture",
    meaning="The answer does not depend on the input: somewhere on the way the signal is lost.",
    statistic="The largest standard deviation of an output over different rows is below 10⁻⁶ of "
    "the outputs' size, before training, though inputs differ.",
    looks="The loss goes to that of the best constant answer and stays there.",
    remedy="Follow one row through the network: look for a product with zeros, a wrong slice, an "
    "input that is overwritten, or activations that are all dead.",
    references=("Karpathy, A recipe for training neural networks, 2019",),
)


@rule(IGNORED)
def input_ignored(evidence: Evidence) -> Iterator[Finding]:
    outputs, inputs = evidence.facts.outputs, evidence.facts.inputs
    if outputs is None or outputs.differs_by_row is None:
        return
    if inputs is not None and inputs.form != "tokens" and not any(s > 0 for s in inputs.std):
        return
    size = max(abs(outputs.least), abs(outputs.most))
    relative = outputs.differs_by_row / size if size > 0 else 0.0
    if relative >= 1e-6 or _recovers(evidence):
        return
    explained = ("ReLU inside", "leaky ReLU inside", "fresh weights", "no last activation")
    if outputs.non_finite or evidence.trials.first_of(explained) is not None:
        return
    # Weights that all start at 0 make such a network too, and say so under 22.
    if any(p.variance == 0 and len(p.shape) > 1 for p in evidence.facts.parameters):
        return
    yield IGNORED.found("error", "the network", evidence={"difference": relative})


def _recovers(evidence: Evidence) -> bool:
    return evidence.updates > 0 and evidence.is_learning and not math.isnan(evidence.last_loss)


STARVED = Symptom(
    number=54,
    name="waiting for data",
    stage=Stage.WIRING,
    category="data",
    meaning="More than half of a step's time goes by before its rows are there.",
    statistic="Seconds spent waiting for a batch over seconds of the epoch: > 0.5.",
    looks="Nothing in the curves: the clock alone shows it.",
    remedy="Keep decoded rows in memory, load with several processes, or make batches larger.",
    references=("DLCheck",),
)


@rule(STARVED)
def waiting_for_data(evidence: Evidence) -> Iterator[Finding]:
    timings = evidence.history.of("timing")
    shares = [t["waiting"] / t["seconds"] for t in timings if t.get("waiting") and t.get("seconds")]
    if shares and (share := float(np.median(shares))) > 0.5:
        yield STARVED.found("warning", "the loop", evidence={"share_of_time": share})
