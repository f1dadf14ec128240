"""What gradients and weights tell of the loss around them: noise, sharpness, spectra."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ranvier.core.finding import Finding
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.symptom import Stage, Symptom, rule

NOISE = Symptom(
    number=19,
    name="noisy gradients",
    stage=Stage.SIGNAL_FLOW,
    category="optimizer",
    meaning="The gradient of a batch is more chance than direction: another batch of that size "
    "would point elsewhere.",
    statistic="√(tr Σ / B) / ‖g‖ > 3 with Σ the covariance of row gradients and B the batch size, "
    "from micro-batches of the probe; late in training this is usual.",
    looks="A loss that jitters from step to step by more than it falls in an epoch.",
    remedy="Use larger batches, a lower learning rate at the end, or an average of weights.",
    references=("McCandlish et al., An empirical model of large-batch training, 2018",),
)


@rule(NOISE)
def noisy_gradients(evidence: Evidence) -> Iterator[Finding]:
    noise = evidence.scores("probe", "gradient_noise")
    late = noise[np.isfinite(noise)][-3:]
    if len(late) == 3 and float(np.median(late)) > 3 and not evidence.is_learning:
        numbers = {"noise": float(np.median(late))}
        yield NOISE.found("information", "the batches", evidence=numbers, cure="larger_batches")


EDGE = Symptom(
    number=20,
    name="edge of stability",
    stage=Stage.LEARNING_RATE,
    category="learning_rate",
    meaning="The curvature of the loss has risen to where the learning rate is just short of too "
    "large. Plain descent often settles there, and trains on.",
    statistic="0.8 ≤ λ_max · η / 2 ≤ 1.2 in at least 30 % of the evaluations, with λ_max the "
    "largest eigenvalue of the Hessian on the probe and η the learning rate of plain gradient "
    "descent.",
    looks="A loss that falls on the whole and wobbles from step to step.",
    remedy="Nothing has to be done; a lower learning rate would calm it.",
    references=("Cohen et al., Gradient descent typically occurs at the edge of stability, 2021",),
)


@rule(EDGE)
def edge_of_stability(evidence: Evidence) -> Iterator[Finding]:
    optimizer = evidence.facts.optimizer
    sharpness = evidence.scores("probe", "sharpness")
    known = np.isfinite(sharpness)
    if optimizer is None or "sgd" not in optimizer.kind.lower() or known.sum() < 3:
        return
    rates = np.array([each.learning_rate or np.nan for each in evidence.evaluations])
    relative = sharpness[known] * rates[known] / 2
    share = float(((relative >= 0.8) & (relative <= 1.2)).mean())
    if share >= 0.3:
        numbers = {"share": share, "sharpness": float(sharpness[known][-1])}
        yield EDGE.found("information", "the loss", evidence=numbers)


SPECTRA = Symptom(
    number=53,
    name="heavy-tailed spectra",
    stage=Stage.GENERALISATION,
    category="epochs",
    meaning="How the squared singular values of a weight are spread tells of how far it was "
    "trained: a steep power law of too little, a flat one of too much.",
    statistic="The exponent α of the power law of the eigenvalues of WᵀW, above their median: α < "
    "2 in most layers hints at overtraining, α > 6 at too little training.",
    looks="Nothing in the curves.",
    remedy="Stop earlier or add weight decay where α < 2; train on where α > 6.",
    references=("Martin and Mahoney, Traditional and heavy-tailed self regularization, 2019",),
)


@rule(SPECTRA)
def spectra(evidence: Evidence) -> Iterator[Finding]:
    records = evidence.history.of("spectra")
    alphas = np.array([a for a in (records[-1]["alpha"] if records else []) if a is not None])
    if len(alphas) < 2:
        return
    low, high = float((alphas < 2).mean()), float((alphas > 6).mean())
    if max(low, high) > 0.5:
        numbers = {"median_alpha": float(np.median(alphas)), "layers": len(alphas)}
        yield SPECTRA.found("information", "the weights", evidence=numbers)
