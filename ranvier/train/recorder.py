"""What is recorded of every step, and the looks taken every few steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ranvier.core.errors import DivergedError
from ranvier.step import Batch, Executor, Scalars
from ranvier.step.probes import (
    activation_statistics,
    layer_outputs,
    log2_histogram,
    weight_statistics,
    weight_variances,
)
from ranvier.train.batches import Stretch
from ranvier.train.journal import Journal

WINDOW = 64
PROBE_ROWS = 32
# At the end of an epoch the probe may be a part of its rows that a look forward takes a thousandth
# of the epoch for, within these bounds.
EVALUATION_PROBE_SHARE = 1 / 256
EVALUATION_PROBE_ROWS = (256, 1024)
# All outputs of all layers are held at once: of a large network for fewer rows.
PROBE_NUMBERS = 2**22


class Recorder:
    """Keeps the scalars of updates on the device and writes them down a window at a time.

    Nothing is read from the device between windows. What waits to be written is part of a
    checkpoint, so that windows fall on the same steps however often a run was stopped.
    """

    def __init__(
        self, executor: Executor, journal: Journal, probe: Tensor, *, statistics_every: int
    ) -> None:
        self.executor = executor
        self.journal = journal
        self.probe = probe
        self.statistics_every = statistics_every
        self.pending: list[Scalars] = []
        self.rates: list[float] = []
        self.rows: list[int] = []
        self.loss_sum = 0.0
        self.row_sum = 0

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
        first = {"variance": weight_variances(state)} if state.step == 0 else {}
        before = [p.detach().clone() for p in state.parameters]
        scalars, gradients = self.executor.run_observed(batch, learning_rate)
        looked = weight_statistics(state, before, gradients)
        self.journal.append("weights", {"step": state.step, **looked, **first})
        self._look_at_activations(PROBE_ROWS)
        return scalars

    def _look_at_activations(self, most: int) -> dict[str, Tensor]:
        """Record what the layers give for the first rows of the probe, and hand it back."""
        module = self.executor.program.module
        probe = self.probe[: max(1, min(most, PROBE_NUMBERS // self._numbers_a_row))]
        outputs = layer_outputs(module, probe)
        statistics = activation_statistics(outputs, module)
        place = {"step": self.executor.state.step, "rows": len(probe)}
        self.journal.append("activations", {**place, **statistics})
        return outputs

    def layer_paths(self) -> list[str]:
        """The layers whose activations are recorded, in the order of their records."""
        return list(self._of_one_row)

    @cached_property
    def _of_one_row(self) -> dict[str, int]:
        """How many numbers each layer gives for a row."""
        outputs = layer_outputs(self.executor.program.module, self.probe[:1])
        return {path: output.numel() for path, output in outputs.items()}

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
            DivergedError: if a loss or gradient norm of the window is not finite.
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
        self.pending, self.rates, self.rows = [], [], []
        return float(losses[-1])

    def _refuse_non_finite(self, losses: Tensor, norms: Tensor, step: int) -> None:
        finite = torch.isfinite(losses) & torch.isfinite(norms)
        if bool(finite.all()):
            return
        first = int((~finite).nonzero()[0])
        at = step - len(losses) + first + 1
        what = "loss" if not bool(torch.isfinite(losses[first])) else "gradient"
        raise DivergedError(
            f"step {at}: the {what} is not finite (loss {float(losses[first]):g}, gradient norm "
            f"{float(norms[first]):g}). Lower learning_rate from {self.rates[first]:g}, or clip "
            "gradients with clip_norm=1."
        )

    def epoch_loss(self) -> float:
        """The mean training loss over the rows since the last call."""
        loss = self.loss_sum / max(1, self.row_sum)
        self.loss_sum, self.row_sum = 0.0, 0
        return loss

    def distributions(self, epoch: int) -> None:
        """Histograms of weights and activations, and activations on a probe as large as pays."""
        state = self.executor.state
        least, most = EVALUATION_PROBE_ROWS
        rows = int(EVALUATION_PROBE_SHARE * len(self.probe))
        outputs = self._look_at_activations(min(most, max(least, rows)))
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

    def tensors(self) -> dict[str, Tensor]:
        """The steps that wait to be written, for a checkpoint."""
        if not self.pending:
            return {}
        return {
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
        }

    def load(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        device = self.executor.state.device
        if "recorder/loss" in tensors:
            losses, norms = tensors["recorder/loss"], tensors["recorder/norms"]
            self.pending = [Scalars(losses.to(device), norms.to(device))]
        self.rates, self.rows = list(document["rates"]), list(document["rows"])
        self.loss_sum, self.row_sum = document["loss_sum"], document["row_sum"]


def _short(values: Tensor) -> Sequence[float]:
    # Six significant digits carry every diagnosis and keep a million steps in tens of megabytes.
    return [float(f"{value:.6g}") for value in values.tolist()]
