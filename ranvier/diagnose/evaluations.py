"""How good a network is by now, on a fixed part of its rows and of those held out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.diagnose.budget import Budget
from ranvier.diagnose.probes.gradients import Sharpness, gradient_noise
from ranvier.diagnose.scores import Answers, answers_on
from ranvier.diagnose.untouched import untouched
from ranvier.step.suspects import Suspects

Pair = tuple[Tensor, Tensor]

GRADIENT_ROWS = 256
USUAL_BATCH = 32
# The Hessian's products take some forward and backward passes: of small networks only.
MOST_PARAMETERS = 200_000
# A quarter of the rows will do where there is no time for all.
PART = 4
FEWEST_OF_A_PART = 64
SCORING_SECONDS, BENDING_SECONDS = 0.3, 0.1


class Evaluations:
    """Measures loss, scores, gradient noise, sharpness and doubtful labels, as time allows.

    What a network or a loss does not let measure is left out; `note` is told of it.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[..., Tensor] | None,
        *,
        train: Pair | None,
        validation: Pair | None,
        note: Callable[[str, Exception], None],
    ) -> None:
        self._module, self.loss = module, loss
        self._train, self._validation = train, validation
        self._note = note
        self._scoring = Budget(allowance=SCORING_SECONDS)
        self._bending = Budget(allowance=BENDING_SECONDS)
        self._suspects, self._sharpness = Suspects(), Sharpness()
        self._is_small = sum(p.numel() for p in module.parameters()) <= MOST_PARAMETERS

    @property
    def budgets(self) -> tuple[Budget, Budget]:
        return self._scoring, self._bending

    def measured(
        self, *, optimizer: Any, batch_size: int | None, is_wanted: bool = False
    ) -> dict[str, dict[str, Any]] | None:
        """Scores of "probe" and "validation"; None where there is no time, unless it is wanted."""
        if self._train is None and self._validation is None:
            return {"probe": {}, "validation": {}}
        part = 1.0
        if not is_wanted and not self._scoring.affords("all"):
            part = 1 / PART
            if not self._scoring.affords("all", part=part):
                return None
        with self._scoring.spending("all", part=part):
            probe = self._scores("probe", self._train, part)
            validation = self._scores("validation", self._validation, part)
            found = {**probe.scores, **self._doubts(probe, part)}
        if math.isfinite(found.get("loss", math.nan)):
            found |= self._of_gradients(optimizer, batch_size)
        return {"probe": found, "validation": validation.scores}

    def _scores(self, name: str, pair: Pair | None, part: float) -> Answers:
        if pair is None:
            return Answers({})
        step = 1 if part == 1 or len(pair[0]) < PART * FEWEST_OF_A_PART else PART
        try:
            with untouched(self._module):
                return answers_on(self._module, self.loss, pair[0][::step], pair[1][::step])
        except Exception as error:  # somebody else's network and loss: anything may come
            self._note(f"scores of {name}", error)
            return Answers({})

    def _doubts(self, probe: Answers, part: float) -> dict[str, float]:
        if probe.probabilities is None or probe.labels is None or part < 1:
            return {}
        if not bool(torch.isfinite(probe.probabilities).all()):
            return {}
        share = self._suspects.add(probe.probabilities, probe.labels)
        return {} if share is None else {"suspects": share}

    def _of_gradients(self, optimizer: Any, batch_size: int | None) -> dict[str, float]:
        assert self._train is not None
        loss, rows = self.loss, [each[:: self._gradient_step()] for each in self._train]
        if loss is None:
            return {}
        measures: dict[str, Callable[[], float | None]] = {
            "gradient_noise": lambda: gradient_noise(
                self._module, loss, *rows, batch_size=batch_size or USUAL_BATCH
            )
        }
        if self._is_small and is_plain_descent(optimizer):
            measures["sharpness"] = lambda: self._sharpness.measured(self._module, loss, *rows)
        found: dict[str, float] = {}
        for name, measure in measures.items():
            if not self._bending.affords(name):
                continue
            try:
                with self._bending.spending(name):
                    value = measure()
            except Exception as error:  # no second derivative, a kernel without a first, …
                self._note(name, error)
                continue
            if value is not None and math.isfinite(value):
                found[name] = value
        return found

    def _gradient_step(self) -> int:
        assert self._train is not None
        return max(1, -(-len(self._train[0]) // GRADIENT_ROWS))


def is_plain_descent(optimizer: Any) -> bool:
    """Whether an update is the gradient times the learning rate and nothing else."""
    if type(optimizer).__name__ != "SGD":
        return False
    return not any(group.get("momentum") for group in optimizer.param_groups)
