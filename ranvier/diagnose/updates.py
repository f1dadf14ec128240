"""Every update of a hand-written loop: its loss, its gradients, and at times its weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.diagnose.budget import Budget
from ranvier.diagnose.journal import Journal
from ranvier.diagnose.untouched import is_compiling
from ranvier.diagnose.watch import Leftover
from ranvier.step.probes import weight_statistics, weight_variances

WINDOW = 64
# Losses of so many batches may belong to one update; then nobody makes updates any more.
MOST_HELD = 64
_HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Taken:
    """What was read right after an update: ‖g‖ by parameter, and a look at the weights if due."""

    norms: list[Tensor] | None
    weights: dict[str, Any] | None


class Updates:
    """Writes down updates a window at a time, and nothing is read from a device in between.

    Gradients are read by a hook right after the optimiser's step where it takes one, so that it
    does not matter when they are cleared; losses of batches that no update followed are averaged
    into the next one's.
    """

    def __init__(self, module: nn.Module, optimizer: Any, journal: Journal, budget: Budget) -> None:
        self._module, self._optimizer, self._journal = module, optimizer, journal
        self._budget = budget
        self._groups = getattr(optimizer, "param_groups", None)
        self.count = 0
        self.names: list[str] = []
        self.parameters: list[nn.Parameter] = []
        self._since: list[float] = []
        self._pending: list[tuple[Any, list[Tensor] | None, float]] = []
        self._held: list[Any] = []
        self._taken: Taken | None = None
        self._before: list[Tensor] | None = None
        self._made = 0
        self._is_usual = True
        self.leftover = Leftover([])

    def begin(self) -> None:
        """From now on updates can be recorded: all parameters are there."""
        named = [(n, p) for n, p in self._module.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.parameters = [parameter for _, parameter in named]
        self._dtype = torch.float32 if any(p.dtype in _HALF for p in self.parameters) else None
        self.leftover = Leftover(self.parameters)
        register = getattr(self._optimizer, "register_step_post_hook", None)
        if register is not None:
            register(self._after_update)

    def step(self, loss: Any) -> dict[str, Any] | None:
        """Record an update; gives the look at its weights if there was one."""
        self._held.append(_number(loss))
        if self._waits():
            return None
        taken = self._taken if self._taken is not None else self._take()
        self._taken = None
        self.count += 1
        self._pending.append((_mean(self._held), taken.norms, self.learning_rate()))
        self._held = []
        if taken.weights is not None:
            self._journal.append(
                "weights",
                {
                    "step": self.count,
                    **taken.weights,
                    "left_over": self.leftover.taken(),
                    "is_training": self._module.training,
                },
            )
        if len(self._pending) >= WINDOW:
            self.flush()
        return taken.weights

    def watch_next(self) -> None:
        """The next update is looked at closely."""
        with self._budget.spending("copies"):
            self._before = [_real(p.detach()).clone() for p in self.parameters]
        self.leftover.watch()

    @property
    def is_watched(self) -> bool:
        """Whether the next update is looked at closely."""
        return self._before is not None

    def take_mean_loss(self) -> float | None:
        """The mean loss since the last call, None if there were no updates or it is not finite."""
        losses, self._since = self._since, []
        mean = sum(losses) / len(losses) if losses else math.nan
        return mean if math.isfinite(mean) else None

    def learning_rate(self) -> float:
        """That of the optimiser's first group; NaN where it has none."""
        return float(self._groups[0].get("lr", math.nan)) if self._groups else math.nan

    def _waits(self) -> bool:
        """Whether this batch's gradient is only added up: updates are seen, and none was made."""
        if self._taken is not None or not self._made:
            return False
        return len(self._held) < MOST_HELD

    def _after_update(self, *_arguments: Any) -> None:
        if is_compiling():
            return
        self._made += 1
        if self._taken is None:
            try:
                self._taken = self._take()
            except Exception as error:  # in the middle of somebody else's loop
                self._journal.note("gradients", error)

    def _take(self) -> Taken:
        weights = None
        if self._before is not None and self.parameters:
            before, self._before = self._before, None
            with self._budget.spending("weights"):
                weights = self._look(before)
        return Taken(self._norms(), weights)

    def _norms(self) -> list[Tensor] | None:
        """‖g‖ of each parameter; None where there are no gradients at all."""
        gradients: list[Any] = [parameter.grad for parameter in self.parameters]
        if self._is_usual:
            try:
                norms = torch._foreach_norm(gradients, 2, dtype=self._dtype)
            except (RuntimeError, TypeError, IndexError):  # one is not there, or is sparse
                self._is_usual = False
            else:
                # With a graph behind them, as of second derivatives, they would keep it alive.
                return [each.detach() if each.requires_grad else each for each in norms]
        return self._norms_one_by_one(gradients)

    @torch.no_grad()
    def _norms_one_by_one(self, gradients: list[Tensor | None]) -> list[Tensor] | None:
        present = [each for each in gradients if each is not None]
        if not present:
            return None
        dense = [each.coalesce().values() if each.is_sparse else each for each in present]
        norms = iter(torch._foreach_norm(dense, 2, dtype=self._dtype))
        return [torch.zeros(()) if each is None else next(norms) for each in gradients]

    @torch.no_grad()
    def _look(self, before: list[Tensor]) -> dict[str, Any]:
        parameters = [_real(parameter.detach()) for parameter in self.parameters]
        gradients = [_gradient(parameter) for parameter in self.parameters]
        first = {"variance": weight_variances(before)} if not self.count else {}
        return {**weight_statistics(parameters, before, gradients), **first}

    def flush(self) -> None:
        """Write the waiting updates down as one window."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        losses = [float(loss) for loss, _, _ in pending]
        record: dict[str, Any] = {
            "step": self.count,
            "loss": losses,
            "learning_rate": [rate for _, _, rate in pending],
        }
        self._since += losses
        known = [norms for _, norms, _ in pending if norms is not None]
        # One number an update, or none at all: a gradient that was not there has no norm.
        if len(known) == len(pending) and self.parameters:
            norms_SP = _table(known)
            record["gradient_norm"] = norms_SP.square().sum(1).sqrt().tolist()
            record["parameter_gradient_norm"] = {
                "mean": norms_SP.mean(0).tolist(),
                "max": norms_SP.amax(0).tolist(),
            }
        self._journal.append("window", record)


def _table(norms: list[list[Tensor]]) -> Tensor:
    """Norms `[S, P]` on the processor, read at once."""
    flat = [each for row in norms for each in row]
    if len({(each.device, each.dtype) for each in flat}) > 1:
        flat = [each.detach().double().cpu() for each in flat]
    return torch.stack(flat).double().cpu().reshape(len(norms), -1)


def _number(loss: Any) -> Any:
    """The loss as a number, or as a tensor on a device that is not waited for."""
    if not isinstance(loss, Tensor):
        return float(loss)
    if loss.numel() != 1:
        loss = loss.detach().double().mean()
    # Cloned, as a sum of losses may go on in the same memory.
    return loss.item() if loss.is_cpu else loss.detach().double().reshape(()).clone()


def _mean(losses: list[Any]) -> Any:
    return losses[0] if len(losses) == 1 else sum(losses) / len(losses)


def _real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _gradient(parameter: Tensor) -> Tensor:
    gradient = parameter.grad
    if gradient is None:
        return torch.zeros_like(_real(parameter.detach()))
    dense = gradient.to_dense() if gradient.is_sparse else gradient
    return _real(dense.detach())
