"""The plainest PyTorch loop as a contender, watched in the ways in which people watch theirs.

All are the same loop on the same network, so that what differs is the watching alone.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

import ranvier as rv
from benchmarks.contenders import ROOT
from benchmarks.peers.job import Job, Member
from benchmarks.peers.torch_indexed import Indexed

LOGGERS = ROOT / ".loggers"
EVERY, BINS = 64, 64


class Watch(Protocol):
    """Told of every update, after it was made and while its gradients are there."""

    def step(self, loss: Tensor) -> None: ...

    def epoch(self) -> None: ...

    def close(self) -> None: ...


class Nothing:
    """Looks at nothing."""

    def __init__(self, loop: Watched, folder: Path) -> None:
        pass

    def step(self, loss: Tensor) -> None:
        pass

    def epoch(self) -> None:
        pass

    def close(self) -> None:
        """Let go of files."""


class Histograms(Nothing):
    """TensorBoard's histograms of all weights and gradients, every 64 updates."""

    def __init__(self, loop: Watched, folder: Path) -> None:
        # Behind what is installed, so that nothing there is taken from it.
        sys.path.append(str(LOGGERS))
        from torch.utils.tensorboard import SummaryWriter

        self.module = loop.module
        self.writer = SummaryWriter(str(folder))
        self.steps = 0

    def step(self, loss: Tensor) -> None:
        if self.steps % EVERY == 0:
            self.writer.add_scalar("loss", loss.detach(), self.steps)
            for name, parameter in self.module.named_parameters():
                self.writer.add_histogram(f"weights/{name}", parameter, self.steps)
                if parameter.grad is not None:
                    self.writer.add_histogram(f"gradients/{name}", parameter.grad, self.steps)
        self.steps += 1

    def close(self) -> None:
        self.writer.close()


class Hooks(Nothing):
    """Mean and standard deviation of what every layer gives, in every update, by forward hooks."""

    def __init__(self, loop: Watched, folder: Path) -> None:
        self.kept: dict[str, list[tuple[float, float]]] = {}
        for name, layer in loop.module.named_modules():
            if name and not list(layer.children()):
                layer.register_forward_hook(self._keeper(self.kept.setdefault(name, [])))

    @staticmethod
    def _keeper(kept: list[tuple[float, float]]) -> Callable[..., None]:
        def keep(layer: nn.Module, inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if layer.training and first.is_floating_point():
                values = first.detach()
                kept.append((values.mean().item(), values.std().item()))

        return keep


class GradientHistograms(Nothing):
    """A histogram of every gradient, made by hooks in the backward pass every 64 updates.

    As wandb.watch does it: what is finite is counted into 64 bins from the least to the largest.
    """

    def __init__(self, loop: Watched, folder: Path) -> None:
        self.steps = 0
        self.kept: dict[str, list[Any]] = {}
        for name, parameter in loop.module.named_parameters():
            parameter.register_hook(self._keeper(self.kept.setdefault(name, [])))

    def _keeper(self, kept: list[Any]) -> Callable[[Tensor], None]:
        def keep(gradient: Tensor) -> None:
            if self.steps % EVERY:
                return
            flat = gradient.detach().reshape(-1)
            finite = flat[torch.isfinite(flat)]
            if not len(finite):
                return
            least, most = finite.min().item(), finite.max().item()
            counts = torch.histc(finite, bins=BINS, min=least, max=most)
            kept.append((least, most, counts.tolist()))

        return keep

    def step(self, loss: Tensor) -> None:
        self.steps += 1


class Recorded(Nothing):
    """rv.Recorder, which looks at losses, gradients, weights, updates, activations, evaluations."""

    def __init__(self, loop: Watched, folder: Path) -> None:
        self.recorder = rv.Recorder(
            loop.module,
            loop.optimizer,
            loss=loop.criterion,
            train=(loop.inputs, loop.targets),
            out=folder,
        )

    def step(self, loss: Tensor) -> None:
        self.recorder.step(loss)

    def epoch(self) -> None:
        self.recorder.epoch()


WATCHES: dict[str, Callable[[Watched, Path], Watch]] = {
    "nothing": Nothing,
    "histograms": Histograms,
    "hooks": Hooks,
    "gradients": GradientHistograms,
    "recorder": Recorded,
}


class Watched(Indexed):
    """The loop, and who watches it."""

    def __init__(self, job: Job, member: Member, *, watch: str) -> None:
        super().__init__(job, member)
        folder = tempfile.mkdtemp(prefix="ranvier-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.watch = WATCHES[watch](self, Path(folder))

    def train(self, order: np.ndarray) -> float:
        losses = []
        for rows in torch.from_numpy(order).to(self.job.device).split(self.job.batch_size):
            self.optimizer.zero_grad()
            loss = self.criterion(self.module(self.inputs[rows]), self.targets[rows])
            loss.backward()
            self.optimizer.step()
            self.watch.step(loss)
            losses.append(loss.detach())
        self.watch.epoch()
        return torch.stack(losses).mean().item()


def learner(job: Job, member: Member, *, watch: str) -> Watched:
    return Watched(job, member, watch=watch)
