"""What a run recorded, in the form in which rules ask for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ranvier.diagnose.evidence.facts import Facts, TrialFacts
from ranvier.diagnose.evidence.looks import Looks
from ranvier.diagnose.evidence.series import Series, head, median, series, tail
from ranvier.diagnose.evidence.trials import Trials
from ranvier.runs.history import History

# Of so many updates on nothing can be said of a training as a whole.
FEWEST_UPDATES = 30
# A loss this much below that of the best constant answer is more than that answer's.
BEATS_TRIVIAL = 0.98
# Where the best constant answer is not known, a loss that fell to this share has learnt something.
HAS_FALLEN = 0.9
# What is left of that loss where a training was only half a success.
SHORT = 0.25
# The root mean square of a weight that was started at 0, but for a little.
NEXT_TO_0 = 1e-3
# The ranges of the activations that a loop may put between network and loss.
APPLIED = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "log_softmax": (-math.inf, 0.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
}


@dataclass(frozen=True)
class Evaluation:
    """The end of an epoch: scores on the rows trained on and on those held out.

    `probe` are scores on a fixed part of the training rows in evaluation mode, so that they
    compare with `validation` like with like; `train` are those of training as it went.
    """

    epoch: int
    step: int
    train: dict[str, float]
    validation: dict[str, float]
    probe: dict[str, Any]
    learning_rate: float | None


class Evidence:
    """The records of a history as numbers; nothing here judges.

    Every part may be missing: a hand-written loop records less, and a run that died early has no
    evaluation. Then a series is empty and a fact None.
    """

    def __init__(self, history: History) -> None:
        self.history = history

    @cached_property
    def facts(self) -> Facts:
        """What preflight measured, of the newest settings where a run healed itself, and with the
        activation that the loop itself puts at the end."""
        records = self.history.of("preflight")
        facts = Facts.from_json(records[-1]) if records else Facts()
        applied = self.loop.get("applies")
        if applied is None or facts.outputs is None:
            return facts
        low, high = APPLIED[applied]
        outputs = replace(
            facts.outputs,
            activation=applied,
            least=max(low, facts.outputs.least) if math.isfinite(low) else facts.outputs.least,
            most=high if math.isfinite(high) else max(0.0, facts.outputs.most),
            row_sums_to_one=applied == "softmax",
        )
        return replace(facts, outputs=outputs)

    @cached_property
    def start(self) -> dict[str, Any]:
        """The record of the start: names of parameters and layers, rows, batch size."""
        records = self.history.of("start")
        return records[0] if records else {}

    @cached_property
    def loop(self) -> dict[str, Any]:
        """What a hand-written loop fed its network at first, as seen from a hook: `batch_size`,
        `input_shape`, `input_mean` and `input_std` over everything, `output_shape`, and
        `pairs_every_row`, whether its loss compared every output with every target, `applies`,
        the activation that it puts between network and loss."""
        records = self.history.of("loop")
        return records[-1] if records else {}

    @property
    def pairs_every_row(self) -> bool | None:
        """Whether the loss compares every output with every target: as the loop was seen to do it,
        else by the shapes of what was given before training; None where neither is known."""
        seen = self.loop.get("pairs_every_row")
        if seen is None and self.facts.loss is not None:
            return self.facts.loss.broadcasts
        return seen

    @cached_property
    def end(self) -> str | None:
        """Why it ended, None if it has not, or nobody could say so."""
        records = self.history.of("end")
        return str(records[-1]["reason"]) if records else None

    # Every update.

    @cached_property
    def losses(self) -> Series:
        """The loss of every update, `[S]`."""
        return self._stepwise("loss")

    @cached_property
    def gradient_norms(self) -> Series:
        """‖g‖ over all parameters at every update, `[S]`."""
        return self._stepwise("gradient_norm")

    @cached_property
    def learning_rates(self) -> Series:
        """The learning rate of every update, `[S]`."""
        return self._stepwise("learning_rate")

    def _stepwise(self, name: str) -> Series:
        return series([value for w in self.history.windows for value in w.get(name, ())])

    # Looks inside.

    @cached_property
    def parameters(self) -> Looks:
        """Norms of weights, updates and gradients, by parameter."""
        return Looks.of(self.history.of("weights"), self.start.get("parameters", ()))

    @cached_property
    def layers(self) -> Looks:
        """Moments of what layers give, by layer."""
        return Looks.of(self.history.of("activations"), self.start.get("layers", ()))

    # Evaluations.

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        """One an epoch, in order; of a loop that never names one, those made at even distances.

        One that was completed later is there a second time, and counts as it is then.
        """
        records = list({(r["epoch"], r["step"]): r for r in self.history.epochs}.values())
        records = [each for each in records if not each.get("automatic")] or records
        return [
            Evaluation(
                epoch=record["epoch"],
                step=record["step"],
                train=dict(record.get("train") or {}),
                validation=dict(record.get("validation") or {}),
                probe=dict(record.get("probe") or {}),
                learning_rate=record.get("learning_rate"),
            )
            for record in records
        ]

    def scores(self, split: str, name: str) -> Series:
        """A score at every evaluation, `[E]`: of "train", "validation" or "probe"."""
        return series([getattr(each, split).get(name) for each in self.evaluations])

    # What all rules ask.

    @property
    def updates(self) -> int:
        """How many updates were recorded."""
        return len(self.losses)

    @cached_property
    def first_loss(self) -> float:
        """The loss before training: as preflight measured it, else that of the first updates."""
        loss = self.facts.loss
        if loss is not None and loss.initial is not None:
            return loss.initial
        return median(head(self.losses, share=0.01, least=3))

    @cached_property
    def last_loss(self) -> float:
        """The loss of the last updates: the median of a tenth of them, or of ten."""
        return median(tail(self.losses, share=0.1, least=10))

    @cached_property
    def reached(self) -> float:
        """The loss on training rows at the end: in evaluation mode where it was measured so."""
        measured = self.evaluations[-1].probe.get("loss") if self.evaluations else None
        return self.last_loss if measured is None else float(measured)

    @property
    def nearest_tells_more(self) -> float:
        """By how much the nearest other row tells a row's class better than the network does."""
        labels = self.facts.labels
        probe = self.evaluations[-1].probe if self.evaluations else {}
        if labels is None or labels.neighbours is None or probe.get("accuracy") is None:
            return 0.0
        return max(0.0, labels.neighbours - float(probe["accuracy"]))

    @cached_property
    def trials(self) -> Trials:
        """What short trainings with one thing changed came to."""
        records = self.history.of("trials")
        documents = records[-1]["trials"] if records else ()
        facts = [TrialFacts.from_json(each) for each in documents]
        return Trials(facts, self.reached, self.updates)

    @property
    def trivial_loss(self) -> float | None:
        """The least loss that one answer for all rows can have, where it is known."""
        return None if self.facts.loss is None else self.facts.loss.trivial

    @cached_property
    def is_learning(self) -> bool:
        """Whether the loss came below that of any constant answer, or fell clearly.

        True also while there is too little to tell.
        """
        if self.updates < FEWEST_UPDATES or math.isnan(self.last_loss):
            return self.updates < FEWEST_UPDATES
        trivial = self.trivial_loss
        if trivial is not None and trivial > 0:
            return self.last_loss < BEATS_TRIVIAL * trivial
        if self.first_loss <= 0:
            return self.last_loss < self.first_loss
        return self.last_loss < HAS_FALLEN * self.first_loss

    @property
    def whole(self) -> float:
        """The loss that there was to take away: that of the best constant answer, or the first."""
        return self.first_loss if self.trivial_loss is None else self.trivial_loss

    @cached_property
    def falls_short(self) -> bool:
        """Whether it ended with more than a quarter of the loss that there was to take away."""
        if not self.updates:
            return False
        is_left = self.whole > 0 and self.reached > SHORT * self.whole
        return not self.is_learning or is_left

    @cached_property
    def weights(self) -> list[int]:
        """The places among the parameters of those with at least two axes.

        Without those that start next to 0 on purpose, beside which any update is large.
        """
        shapes = self.start.get("parameter_shapes", ())
        norms = self.parameters["norm"]
        if len(norms) and len(shapes) == norms.shape[1]:
            first = norms[0] / np.sqrt([max(1, math.prod(shape)) for shape in shapes])
        else:
            first = np.full(len(shapes), math.inf)
        return [k for k, shape in enumerate(shapes) if len(shape) > 1 and first[k] > NEXT_TO_0]

    @cached_property
    def shrinkage(self) -> float:
        """‖w‖ at the last look over the first, of the weight that shrank least; 1 if unknown."""
        norms = self.parameters["norm"][:, self.weights] if self.weights else np.empty((0, 0))
        if len(norms) < 2 or not (norms[0] > 0).any():
            return 1.0
        held = norms[0] > 0
        return float(np.nanmax(norms[-1][held] / norms[0][held]))

    def relative_updates(self) -> np.ndarray:
        """‖Δw‖ / ‖w‖ at each look, `[K, P]`: how far an update moves a parameter."""
        norms = self.parameters["norm"]
        with np.errstate(divide="ignore", invalid="ignore"):
            moved: np.ndarray = self.parameters["update"] / np.where(norms > 0, norms, math.nan)
        return moved
