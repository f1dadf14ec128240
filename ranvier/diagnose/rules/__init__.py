"""A rule for every symptom of the catalogue: pure functions from evidence to findings."""

from ranvier.diagnose.rules import (
    finite,
    flow,
    generalisation,
    head,
    initial,
    inputs,
    landscape,
    learning,
    rate,
    regularisation,
    splits,
    wiring,
)

__all__ = [
    "finite",
    "flow",
    "generalisation",
    "head",
    "initial",
    "inputs",
    "landscape",
    "learning",
    "rate",
    "regularisation",
    "splits",
    "wiring",
]
