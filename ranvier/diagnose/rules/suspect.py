"""Which part of a training to suspect, where it only shows that nothing is learnt."""

from __future__ import annotations

from ranvier.core.finding import Category
from ranvier.diagnose.evidence import Evidence

# What is to blame where a trial with this change learns and the training did not.
BLAMED: dict[str, Category] = {
    "rate × 0.01": "learning_rate",
    "rate × 0.1": "learning_rate",
    "rate × 10": "learning_rate",
    "rate × 100": "learning_rate",
    "Adam": "optimizer",
    "standardised inputs": "preprocessing",
    "fresh weights": "initialisation",
    "ReLU inside": "activation",
    "leaky ReLU inside": "activation",
    "no last activation": "activation",
    "no regularisation": "regularisation",
}


def suspect(evidence: Evidence) -> Category:
    """What to look at first: what helped most when it was tried, labels that no neighbour shares,
    else the learning rate."""
    trials = evidence.trials
    if trials.best is not None:
        return BLAMED[trials.best]
    if trials.loop_is_at_fault:
        return "optimizer"
    labels = evidence.facts.labels
    if labels is not None and labels.neighbours is not None:
        chance = labels.neighbours_by_chance or 0.0
        if labels.neighbours < chance + 0.1 * (1 - chance):
            return "labels"
    return "learning_rate"
