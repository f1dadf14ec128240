"""Programs to run by several executors, and all that came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.core.task import Task
from ranvier.losses import CrossEntropy, Loss, MeanSquaredError
from ranvier.nn import build
from ranvier.optim import AdamW, Optimizer
from ranvier.spec import Layer, Network
from ranvier.step import Batch, Executor, Head, Program
from ranvier.step.executors import EXECUTORS
from tests.laws.examples.example import Example
from tests.laws.test_architectures import Small
from tests.laws.test_sequence_architectures import Case

CPU = torch.device("cpu")
CLASSES = ("a", "b", "c")
STEPS = 20


class Fed(nn.Module):
    """A layer of any inputs and outputs behind one input `[B, P]` and before one output `[B, 1]`."""

    def __init__(self, layer: nn.Module, shapes: tuple[tuple[int, ...], ...], widths: list[int]):
        super().__init__()
        self.layer = layer
        self.shapes = shapes
        self.heads = nn.ModuleList(nn.Linear(width, 1) for width in widths)

    def forward(self, rows: Tensor) -> Tensor:
        sizes = [torch.Size(shape).numel() for shape in self.shapes]
        parts = rows.split(sizes, dim=1)
        inputs = [part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True)]
        outputs = self.layer(*inputs)
        every = outputs if isinstance(outputs, tuple) else (outputs,)
        total = [h(columns(o).float()) for h, o in zip(self.heads, every, strict=True)]
        return torch.stack(total).sum(0)


def columns(values: Tensor) -> Tensor:
    """`[B, …]` as `[B, P]`."""
    return values.reshape(len(values), -1)


def fed(
    layer: Layer | Network, shapes: tuple[tuple[int, ...], ...], inputs: tuple[Tensor, ...]
) -> Fed:
    """The layer, built and fed by the columns of one table."""
    torch.manual_seed(0)
    module = build(layer if isinstance(layer, Network) else Network(layer), list(shapes))
    with torch.no_grad():
        outputs = module(*inputs)
    every = outputs if isinstance(outputs, tuple) else (outputs,)
    return Fed(module, shapes, [each[0].numel() for each in every])


@dataclass(frozen=True)
class Update:
    """A program, made anew for every executor, and batches for it."""

    module: Callable[[], nn.Module]
    batches: list[Batch]
    optimizer: Optimizer | None = None
    options: dict[str, Any] | None = None
    loss: Loss | None = None

    def program(self) -> Program:
        is_number = self.batches[0].targets.is_floating_point()
        task = Task("regression", "y") if is_number else Task("classification", "y", CLASSES)
        return Program(
            module=self.module().train(),
            head=Head(task),
            loss=self.loss or (MeanSquaredError() if is_number else CrossEntropy()),
            optimizer=self.optimizer or AdamW(0.01),
            **(self.options or {}),
        )

    def executor(self, name: str) -> Executor:
        """The executor before the first update."""
        program = self.program()
        return EXECUTORS[name](program, program.first_state(CPU))

    def run(self, executor: str, *, steps: int = STEPS) -> tuple[Executor, dict[str, Tensor]]:
        """The executor after so many steps, and every tensor that they left."""
        made = self.executor(executor)
        torch.manual_seed(1)
        losses, norms = [], []
        for step in range(steps):
            batch = self.batches[step % len(self.batches)]
            rate = 0.01 * (1 - step / (2 * steps))
            scalars = made.run(batch, rate)
            losses.append(scalars.loss)
            norms.append(scalars.gradient_norms)
        left = {name: t.detach().clone() for name, t in made.state.tensors().items()}
        return made, {**left, "losses": torch.stack(losses), "norms": torch.stack(norms)}


def differing(came: dict[str, Tensor], wanted: dict[str, Tensor]) -> list[str]:
    """The names under which the bits differ."""
    assert came.keys() == wanted.keys()
    return [name for name in came if not torch.equal(_bits(came[name]), _bits(wanted[name]))]


def _bits(tensor: Tensor) -> Tensor:
    # As bytes: a NaN equals itself here, and −0 differs from 0.
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def update_of_layer(example: Example, *, optimizer: Optimizer | None = None) -> Update:
    """The layer's example in three batches of numbers to learn."""
    inputs = example.inputs()
    rows, targets = _rows(inputs)
    batches = [Batch(rows, targets), Batch(rows.flip(0), targets), Batch(rows, -targets)]
    return Update(lambda: fed(example.layer, example.shapes, inputs), batches, optimizer)


def update_of_architecture(case: Small | Case, *, optimizer: Optimizer | None = None) -> Update:
    """The architecture's small form in two batches of numbers to learn."""
    network, inputs = case.network, case.rows() if isinstance(case, Small) else case.inputs
    inputs = tuple(each.float() for each in inputs)
    rows, targets = _rows(inputs)
    batches = [Batch(rows, targets), Batch(rows.flip(0), -targets)]
    shapes = tuple(tuple(each.shape[1:]) for each in inputs)
    return Update(lambda: fed(network, shapes, inputs), batches, optimizer)


def _rows(inputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    rows = torch.cat([columns(each) for each in inputs], 1)
    return rows, torch.randn(len(rows), generator=torch.Generator().manual_seed(2))
