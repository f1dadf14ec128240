"""What is recorded of every step, and the looks taken every few steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ranvier.step import Batch, Executor, Scalars
from ranvier.step.probes import (
    activation_statistics,
    effective_rank,
    layer_outputs,
    log2_histogram,
    observed,
    weight_statistics,
    weight_variances,
)
from ranvier.step.suspects import Suspects
from ranvier.train.batches import Part, Stretch
from ranvier.train.journal import Journal

WINDOW = 64
PROBE_ROWS = 32
# At the end of an epoch the probe may be a part of its rows that a look forward takes a thousandth
# of the epoch for, within these bounds.
EVALUATION_PROBE_SHARE = 1 / 256
EVALUATION_PROBE_ROWS = (256, 1024)
# All outputs of all layers are held at once: of a large network for fewer rows.
PROBE_NUMBERS = 2**22


class NotFinite(Exception):
    """The first update of a window whose loss or gradient norm is not finite."""

    def __init__(
        self, *, step: int, loss: float, gradient_norm: float, learning_rate: float
    ) -> None:
        super().__init__(f"step {step}")
        self.step = step
        self.loss = loss
        self.gradient_norm = gradient_norm
        self.learning_rate = learning_rate


class Recorder:
    """Keeps the scalars of updates on the device and writes them down a window at a time.

    Nothing is read from the device between windows. What waits to be written is part of a
    checkpoint, so that windows fall on the same steps however often a run was stopped.
    """

    def __init__(
        self, executor: Executor, journal: Journal, training: Part, *, statistics_every: int
    ) -> None:
        self.executor = executor
        self.journal = journal
        self.training = training
        self.statistics_every = statistics_every
        self.pending: list[Scalars] = []
        self.rates: list[float] = []
        self.rows: list[int] = []
        self.loss_sum = 0.0
        self.row_sum = 0
        self.suspects = Suspects()

    def most_steps(self) -> int:
        """How many updates may go into the next call of `run`: up to a look, or a full window."""
        room = WINDOW - self.waiting
        if not self.statistics_every:
            return room
        since = self.executor.state.step % self.statistics_every
        return 1 if since == 0 else min(room, self.statistics_every - since)

    def run(self, stretch: Stretch, learning_rates: Sequence[float]) -> None:
        """Updates, recorded; the first is looked at closely if its turn has come."""
        step = self.executor.state.step
        if self.statistics_every and step % self.statistics_every == 0:
            assert stretch.steps == 1
            (batch,), (learning_rate,) = stretch.batches(), learning_rates
            loss, norms = self._run_observed(batch, learning_rate)
            scalars = Scalars(loss.unsqueeze(0), norms.unsqueeze(0))
        else:
            scalars = self.executor.run_rows(stretch.rows, stretch.bounds, learning_rates)
        self.pending.append(scalars)
        self.rates += learning_rates
        self.rows += [last - first for first, last in pairwise(stretch.bounds)]

    def _run_observed(self, batch: Batch, learning_rate: float) -> Scalars:
        state = self.executor.state
        first = {"variance": weight_variances(state.parameters)} if state.step == 0 else {}
        before = [p.detach().clone() for p in state.parameters]
        scalars, gradients = self.executor.run_observed(batch, learning_rate)
        looked = weight_statistics(state.parameters, before, gradients)
        # Gradients are taken anew for every update here; loops written by hand may forget to.
        loop = {"left_over": 0.0, "is_training": self.executor.program.module.training}
        self.journal.append("weights", {"step": state.step, **looked, **first, **loop})
        probe = self.training.inputs[: self._rows(PROBE_ROWS)]
        self._look_at_activations(probe, with_rank=state.step == 1)
        return scalars

    def _rows(self, most: int) -> int:
        return max(1, min(most, PROBE_NUMBERS // self._numbers_a_row))

    def _look_at_activations(
        self, probe: Tensor, *, with_rank: bool
    ) -> tuple[Any, dict[str, Tensor]]:
        """Record what the layers give for a probe; its outputs and theirs come back.

        The rank takes as long as all else together: it is for the first look and evaluations.
        """
        module = self.executor.program.module
        given, outputs = observed(module, probe)
        statistics = activation_statistics(outputs, module)
        if with_rank:
            statistics["rank"] = [_rank(output[:PROBE_ROWS]) for output in outputs.values()]
        place = {"step": self.executor.state.step, "rows": len(probe)}
        self.journal.append("activations", {**place, **statistics})
        return given, outputs

    def layer_paths(self) -> list[str]:
        """The layers whose activations are recorded, in the order of their records."""
        return list(self._of_one_row)

    @cached_property
    def _of_one_row(self) -> dict[str, int]:
        """How many numbers each layer gives for a row."""
        outputs = layer_outputs(self.executor.program.module, self.training.inputs[:1])
        return {path: output.numel() for path, output in outputs.items()}

    @cached_property
    def _evaluated(self) -> Part:
        """The rows that every evaluation looks at."""
        least, most = EVALUATION_PROBE_ROWS
        rows = int(EVALUATION_PROBE_SHARE * len(self.training))
        return self.training.spaced(self._rows(min(most, max(least, rows))))

    @property
    def _numbers_a_row(self) -> int:
        return max(1, sum(self._of_one_row.values()))

    @property
    def waiting(self) -> int:
        """How many updates wait to be written."""
        return len(self.rates)

    @property
    def window_is_full(self) -> bool:
        return self.waiting >= WINDOW

    def flush(self) -> float | None:
        """Write the waiting steps down as one window; the loss of the last one comes back.

        Raises:
            NotFinite: if a loss or gradient norm of the window is not finite.
        """
        if not self.pending:
            return None
        losses = torch.cat([scalars.loss for scalars in self.pending]).double().cpu()
        norms_SP = torch.cat([s.gradient_norms for s in self.pending]).double().cpu()
        total_S = norms_SP.square().sum(1).sqrt()
        step = self.executor.state.step
        self.journal.append(
            "window",
            {
                "step": step,
                "loss": _short(losses),
                "gradient_norm": _short(total_S),
                "learning_rate": [float(f"{rate:.6g}") for rate in self.rates],
                "parameter_gradient_norm": {
                    "mean": _short(norms_SP.mean(0)),
                    "max": _short(norms_SP.amax(0)),
                },
            },
        )
        self._refuse_non_finite(losses, total_S, step)
        self.loss_sum += float((losses * torch.tensor(self.rows, dtype=torch.float64)).sum())
        self.row_sum += sum(self.rows)
        self.forget()
        return float(losses[-1])

    def _refuse_non_finite(self, losses: Tensor, norms: Tensor, step: int) -> None:
        finite = torch.isfinite(losses) & torch.isfinite(norms)
        if bool(finite.all()):
            return
        first = int((~finite).nonzero()[0])
        raise NotFinite(
            step=step - len(losses) + first + 1,
            loss=float(losses[first]),
            gradient_norm=float(norms[first]),
            learning_rate=self.rates[first],
        )

    def require_finite(self) -> None:
        """Look at the updates that wait to be written, so that no checkpoint holds what is lost.

        Raises:
            NotFinite: a loss or gradient norm among them is not finite; the window is written.
        """
        finite = [torch.isfinite(each).all() for scalars in self.pending for each in scalars]
        if finite and not bool(torch.stack(finite).all()):
            self.flush()

    def forget(self) -> None:
        """Let go of the updates that wait to be written."""
        self.pending, self.rates, self.rows = [], [], []

    def epoch_loss(self) -> float:
        """The mean training loss over the rows since the last call."""
        loss = self.loss_sum / max(1, self.row_sum)
        self.loss_sum, self.row_sum = 0.0, 0
        return loss

    def distributions(self, epoch: int) -> tuple[Part, Any]:
        """Histograms of weights and activations on a probe as large as pays.

        The rows of the probe, at even distances in the training part, come back with what the
        network as it is trained gives for them in evaluation mode.
        """
        state, part = self.executor.state, self._evaluated
        given, outputs = self._look_at_activations(part.inputs, with_rank=True)
        self.journal.append(
            "distributions",
            {
                "step": state.step,
                "epoch": epoch,
                "weights": {
                    name: log2_histogram(p)
                    for name, p in zip(state.names, state.parameters, strict=True)
                },
                "activations": {path: log2_histogram(a) for path, a in outputs.items()},
            },
        )
        return part, given

    def doubts(self, probabilities_NC: Tensor, labels_N: Tensor) -> dict[str, float]:
        """The share of labels that the network doubts, on the rows of the evaluations' probe."""
        share = self.suspects.add(probabilities_NC, labels_N)
        return {} if share is None else {"suspects": share}

    def tensors(self) -> dict[str, Tensor]:
        """The steps that wait to be written and the answers so far, for a checkpoint."""
        doubted, _ = self.suspects.known
        known = {} if doubted is None else {"recorder/doubts": doubted}
        if not self.pending:
            return known
        return {
            **known,
            "recorder/loss": torch.cat([scalars.loss for scalars in self.pending]),
            "recorder/norms": torch.cat([scalars.gradient_norms for scalars in self.pending]),
        }

    def document(self) -> dict[str, Any]:
        """The plain part of what waits, for a checkpoint."""
        return {
            "rates": self.rates,
            "rows": self.rows,
            "loss_sum": self.loss_sum,
            "row_sum": self.row_sum,
            "doubted": self.suspects.known[1],
        }

    def load(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        device = self.executor.state.device
        if "recorder/loss" in tensors:
            losses, norms = tensors["recorder/loss"], tensors["recorder/norms"]
            self.pending = [Scalars(losses.to(device), norms.to(device))]
        self.rates, self.rows = list(document["rates"]), list(document["rows"])
        self.loss_sum, self.row_sum = document["loss_sum"], document["row_sum"]
        doubts = tensors.get("recorder/doubts")
        known = None if doubts is None else doubts.clone()
        self.suspects = Suspects(known, document.get("doubted", 0) if known is not None else 0)


def _rank(output: Tensor) -> float | None:
    return effective_rank(output) if bool(torch.isfinite(output).all()) else None


def _short(values: Tensor) -> Sequence[float]:
    # Six significant digits carry every diagnosis and keep a million steps in tens of megabytes.
    return [float(f"{value:.6g}") for value in values.tolist()]
