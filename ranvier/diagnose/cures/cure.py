"""A cure: one change of a training's settings or of its network, as a value."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ranvier.core.finding import Finding
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network


@dataclass(frozen=True)
class Case:
    """What a cure is chosen by: the finding, and how the training was set up that it is of.

    `usual` are the settings that the same data and network would get where nothing was asked for.
    """

    finding: Finding
    settings: TrainSettings
    network: Network
    usual: TrainSettings

    def measured(self, name: str) -> float | None:
        """A number of the finding's evidence, None where it is not there or not finite."""
        value = self.finding.evidence.get(name)
        is_number = isinstance(value, int | float) and math.isfinite(value)
        return float(value) if value is not None and is_number else None


Changed = tuple[TrainSettings, Network]
Apply = Callable[[Case], Changed | None]


@dataclass(frozen=True)
class Cure:
    """One change that may help: what it is, in words, and the pure function that makes it.

    `apply` gives the changed settings and network, or None where there is nothing to change.
    `keeps_weights` tells whether what was learnt before the fault still has its meaning after it:
    then the training goes on from there, else it begins again. A cure that `stands_out` applies
    only to what is far from usual, and so is tried before those that apply to any training.
    """

    name: str
    words: str
    apply: Apply
    keeps_weights: bool
    stands_out: bool


CURES: dict[str, Cure] = {}


def cure(*, keeps_weights: bool = False, stands_out: bool = False) -> Callable[[Apply], Apply]:
    """Register the function as a cure of its own name, which its docstring says in words."""

    def register(apply: Apply) -> Apply:
        name, words = apply.__name__, " ".join((apply.__doc__ or "").split())
        assert name not in CURES and words, name
        CURES[name] = Cure(name, words, apply, keeps_weights, stands_out)
        return apply

    return register
