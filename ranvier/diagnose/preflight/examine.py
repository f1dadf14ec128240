"""All facts of a training that is about to begin, each tried on its own."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ranvier.diagnose.evidence import Facts, OptimizerFacts, ParameterFacts
from ranvier.diagnose.preflight.data import input_facts, split_facts, target_facts
from ranvier.diagnose.preflight.experiments import MOST_UPDATES, probe_facts
from ranvier.diagnose.preflight.labels import label_facts
from ranvier.diagnose.preflight.losses import loss_facts, said
from ranvier.diagnose.preflight.reach import reached
from ranvier.diagnose.preflight.wiring import (
    LossFunction,
    layer_facts,
    optimizer_facts,
    output_facts,
    parameter_facts,
    symmetric_parameters,
)
from ranvier.diagnose.preflight.work import update_multiply_adds

# The probe: so many rows, or fewer that hold so many numbers, and as many as experiments take.
PROBE_ROWS, PROBE_NUMBERS = 256, 2**20
# What an update of an experiment takes at least, and how many multiply-adds with a row's numbers a
# second a processor does: coarse, since two runs of one training must make the same experiments.
LEAST_SECONDS, MULTIPLY_ADDS = 6e-4, 1e10
ROWS_OF_AN_EXPERIMENT = 16
Pair = tuple[Tensor, Tensor]
Found = TypeVar("Found")


def examine(
    module: nn.Module,
    *,
    optimizer: torch.optim.Optimizer | OptimizerFacts | None = None,
    optimized: Iterable[Tensor] | None = None,
    loss: LossFunction | None = None,
    train: Pair | None = None,
    validation: Pair | None = None,
    weights: Tensor | None = None,
    batch_size: int | None = None,
    names: Sequence[str] = (),
    origin: str = "own",
    seconds: float | None = None,
) -> Facts:
    """Everything that can be measured of what is there; the network is left as it was.

    What cannot be measured, because a network does not take the rows or a loss fails, is left out
    with a note: preflight never ends a training that would have run. `optimized` are the parameters
    that the optimiser moves, where it is not torch's own. With `weights`, one number a training
    row, the loss is called as `loss(outputs, targets, weights)`. Experiments take about `seconds`
    at most, by a rule that no clock has a say in.
    """
    start = time.perf_counter()
    tried = _Attempts()
    own = optimizer if isinstance(optimizer, torch.optim.Optimizer) else None
    if own is not None:
        optimized = [p for group in own.param_groups for p in group["params"]]
    found: dict[str, Any] = {
        "parameters": tried("parameters", lambda: parameter_facts(module, optimized)) or (),
        "optimizer": optimizer if own is None else tried("optimizer", lambda: optimizer_facts(own)),
    }
    if train is not None:
        found |= _of_rows(tried, train, names)
        probe = _Probe.of(train, loss, weights)
        found |= _of_probe(tried, module, probe, _updates_in(seconds, module, train[0]))
        found |= _of_graph(tried, module, probe, found["parameters"], list(optimized or ()))
        if validation is not None:
            found["split"] = tried("split", lambda: split_facts(*train, *validation, names=names))
    return Facts(
        **found,
        batch_size=batch_size,
        origin=origin,
        seconds=time.perf_counter() - start,
        notes=tuple(tried.notes),
    )


class _Attempts:
    """Measures one thing after the other; of one that fails there is a note and None."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def __call__(self, what: str, measure: Callable[[], Found]) -> Found | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return measure()
        except Exception as error:  # somebody else's network and loss: anything may come
            self.notes.append(f"{what}: {said(error)}")
            return None


def _of_rows(tried: _Attempts, train: Pair, names: Sequence[str]) -> dict[str, Any]:
    """What the rows and their targets say, with the network out of it."""
    inputs, targets = train
    found = {
        "inputs": tried("inputs", lambda: input_facts(inputs, names=names)),
        "targets": tried("targets", lambda: target_facts(targets)),
    }
    form = found["targets"].form if found["targets"] is not None else "numbers"
    labels = tried("labels", lambda: label_facts(inputs, targets, form=form, names=names))
    return {**found, "labels": labels}


@dataclass(frozen=True)
class _Probe:
    """A few rows, the loss with their weights, and the targets that the best one answer is for."""

    rows: Pair
    loss: LossFunction | None
    targets: Tensor

    @classmethod
    def of(cls, train: Pair, loss: LossFunction | None, weights: Tensor | None) -> _Probe:
        fitting = PROBE_NUMBERS // max(1, train[0][:1].numel())
        rows = max(ROWS_OF_AN_EXPERIMENT, min(PROBE_ROWS, fitting))
        every = max(1, len(train[0]) // rows)
        probe, wanted = (each[::every][:rows] for each in train)
        if loss is None or weights is None:
            return cls((probe, wanted), loss, train[1])
        return cls((probe, wanted), _weighed(loss, weights[::every][:rows]), wanted)


def _of_probe(
    tried: _Attempts, module: nn.Module, probe: _Probe, most_updates: int
) -> dict[str, Any]:
    """What the network and its loss make of a few rows."""
    loss, (inputs, targets) = probe.loss, probe.rows
    found: dict[str, Any] = {
        "layers": tried("layers", lambda: layer_facts(module, inputs)) or (),
        "outputs": tried("outputs", lambda: output_facts(module, inputs)),
    }
    if loss is not None:
        found["loss"] = tried(
            "loss",
            lambda: loss_facts(module, loss, inputs, targets, all_targets=probe.targets),
        )
    found["probes"] = tried(
        "probes", lambda: probe_facts(module, loss, inputs, targets, most_updates=most_updates)
    )
    return found


def _of_graph(
    tried: _Attempts,
    module: nn.Module,
    probe: _Probe,
    parameters: tuple[ParameterFacts, ...],
    moved: list[Tensor],
) -> dict[str, Any]:
    """What the loss of a few rows reaches on its way back."""
    loss, rows = probe.loss, probe.rows
    graph = tried("graph", lambda: reached(module, loss, *rows, optimized=moved))
    symmetric = loss and tried("symmetry", lambda: symmetric_parameters(module, loss, *rows))
    marked = [
        replace(
            each,
            is_symmetric=(symmetric or {}).get(each.path),
            reached=None if graph is None else each.path in graph.reached,
        )
        for each in parameters
    ]
    unregistered = () if graph is None else graph.unregistered
    return {"parameters": tuple(marked), "unregistered": unregistered}


def _weighed(loss: Callable[..., Tensor], weights: Tensor) -> LossFunction:
    """The loss with the weights of the probe's rows: of its first ones, or of all of them twice."""
    twice = torch.cat([weights, weights])

    def weighed(outputs: Tensor, targets: Tensor) -> Tensor:
        return loss(outputs, targets, twice[: len(outputs)])

    weighed.__name__ = getattr(loss, "__name__", type(loss).__name__)
    return weighed


def _updates_in(seconds: float | None, module: nn.Module, inputs: Tensor) -> int:
    """How many updates of an experiment go into so many seconds."""
    if seconds is None:
        return MOST_UPDATES
    needed = update_multiply_adds(module, inputs, rows=ROWS_OF_AN_EXPERIMENT)
    an_update = max(LEAST_SECONDS, needed / MULTIPLY_ADDS)
    return max(0, min(MOST_UPDATES, int(seconds / an_update)))
