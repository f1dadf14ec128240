"""Small trainings, healthy and with one thing wrong, for the pictures of how symptoms look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

import ranvier as rv
from ranvier.diagnose.budget import Budget
from ranvier.runs.history import History

SEED, CLASSES, FEATURES = 0, 3, 8
TRAINED_ON, HELD_OUT = 480, 480

Parameters = Iterable[nn.Parameter]
Rows = tuple[Tensor, Tensor]


def blobs() -> Rows:
    """Three clouds that overlap a little, one class each, every feature of mean 0 and spread 1."""
    draw = torch.Generator().manual_seed(SEED)
    labels = torch.arange(TRAINED_ON + HELD_OUT) % CLASSES
    centres = torch.randn(CLASSES, FEATURES, generator=draw)
    inputs = centres[labels] + 1.0 * torch.randn(len(labels), FEATURES, generator=draw)
    return (inputs - inputs.mean(0)) / inputs.std(0), labels


def waves() -> Rows:
    """A smooth number of the features, of mean 0 and spread 1."""
    inputs, _ = blobs()
    numbers = torch.sin(inputs[:, :1]) + 0.5 * inputs[:, 1:2] * inputs[:, 2:3]
    return inputs, (numbers - numbers.mean()) / numbers.std()


def dense(*widths: int, activation: type[nn.Module] = nn.ReLU) -> Callable[[], nn.Module]:
    """Dense layers of these widths, an activation after each but the last."""

    def make() -> nn.Module:
        layers: list[nn.Module] = []
        for before, after in zip((FEATURES, *widths[:-1]), widths, strict=True):
            layers += [nn.Linear(before, after), activation()]
        return nn.Sequential(*layers[:-1])

    return make


def adam(rate: float = 3e-3, **settings: Any) -> Callable[[Parameters], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.Adam(parameters, lr=rate, **settings)


def sgd(rate: float = 0.05) -> Callable[[Parameters], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.SGD(parameters, lr=rate)


@dataclass(frozen=True, kw_only=True)
class Training:
    """A loop as people write it; a symptom is one thing changed."""

    rows: Callable[[], Rows] = blobs
    model: Callable[[], nn.Module] = field(default_factory=lambda: dense(32, 32, CLASSES))
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy
    optimizer: Callable[[Parameters], torch.optim.Optimizer] = field(default_factory=adam)
    rate: Callable[[int], float] = lambda epoch: 1.0
    epochs: int = 12
    batch: int = 32
    kept: int = TRAINED_ON
    shuffles: bool = True
    clears: bool = True

    def run(self) -> History:
        """Train, and hand back what rv.Recorder wrote down: every look, whatever the clock says."""
        with patch.object(Budget, "affords", return_value=True):
            return self._run()

    def _run(self) -> History:
        torch.manual_seed(SEED)
        (inputs, targets), model = self.rows(), self.model()
        optimizer = self.optimizer(model.parameters())
        first = [group["lr"] for group in optimizer.param_groups]
        recorder = rv.Recorder(
            model,
            optimizer,
            loss=self.loss,
            train=(inputs[: self.kept], targets[: self.kept]),
            validation=(inputs[TRAINED_ON:], targets[TRAINED_ON:]),
        )
        for epoch in range(self.epochs):
            for group, rate in zip(optimizer.param_groups, first, strict=True):
                group["lr"] = rate * self.rate(epoch)
            losses = []
            order = torch.randperm(self.kept) if self.shuffles else torch.arange(self.kept)
            for rows in order.split(self.batch):
                if self.clears:
                    optimizer.zero_grad()
                loss = self.loss(model(inputs[rows]), targets[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                recorder.step(loss)
                losses.append(loss.item())
            recorder.epoch(loss=sum(losses) / len(losses))
        return recorder.history


CLASSIFIES = Training()
LINEAR = Training(rows=waves, model=dense(1), loss=nn.MSELoss(), optimizer=sgd(0.05))
REGRESSES = Training(rows=waves, model=dense(32, 32, 1), loss=nn.MSELoss())


def spoilt(change: Callable[[Tensor, Tensor], Rows], rows: Callable[[], Rows] = blobs) -> Any:
    """The rows with something done to the part that is trained on and to the rest alike."""
    return lambda: change(*rows())


def mislabelled(inputs: Tensor, labels: Tensor) -> Rows:
    """Labels that went to other rows, where trained on."""
    order = torch.randperm(TRAINED_ON, generator=torch.Generator().manual_seed(SEED))
    return inputs, torch.cat([labels[:TRAINED_ON][order], labels[TRAINED_ON:]])


def in_order(inputs: Tensor, labels: Tensor) -> Rows:
    """Rows sorted by class, where trained on."""
    order = torch.cat(
        [labels[:TRAINED_ON].argsort(stable=True), torch.arange(TRAINED_ON, len(labels))]
    )
    return inputs[order], labels[order]


def rare(inputs: Tensor, labels: Tensor) -> Rows:
    """One row in twenty keeps its class, all others get the first; nothing tells them apart."""
    labels = torch.where(torch.arange(len(labels)) % 20 > 0, torch.zeros_like(labels), labels)
    draw = torch.Generator().manual_seed(SEED)
    return torch.randn(inputs.shape, generator=draw), labels


def told(inputs: Tensor, labels: Tensor) -> Rows:
    """A feature that is the label."""
    return torch.cat([inputs[:, 1:], labels[:, None] - 1.0], 1), labels


def started(change: Callable[[Tensor], object]) -> Callable[[], nn.Module]:
    """The usual model, whose weights start otherwise."""

    def make() -> nn.Module:
        made = dense(32, 32, CLASSES)()
        with torch.no_grad():
            for parameter in made.parameters():
                if parameter.ndim > 1:
                    change(parameter)
        return made

    return make


def ended(layer: nn.Module, model: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """A model with one more layer at its end."""
    return lambda: nn.Sequential(model(), layer)


def normalised() -> nn.Module:
    """Batch normalisation whose running statistics hardly run."""
    layers: list[nn.Module] = []
    for before in (FEATURES, 32):
        layers += [nn.Linear(before, 32), nn.BatchNorm1d(32, momentum=1e-4), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(32, CLASSES))


def killed() -> nn.Module:
    """Biases so low that no ReLU is ever above 0."""
    model = dense(32, 32, CLASSES)()
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.bias.fill_(-8.0)
    return model


class Blind(nn.Sequential):
    """Loses its input on the way."""

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = super().forward(0 * inputs)
        return outputs


BY_DESCENT = Training(optimizer=sgd())
LONG = Training(epochs=30, optimizer=adam(1e-3))
