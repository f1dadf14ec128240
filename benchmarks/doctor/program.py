"""A training as people write it by hand, in parts that a fault can replace."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

import ranvier as rv

Loss = Callable[[Tensor, Tensor], Tensor]
Family = Literal["dense", "convolutional", "recurrent", "attention"]
Task = Literal["classes", "binary", "probability", "one_hot", "indicators", "numbers"]


@dataclass(frozen=True)
class Rows:
    """Inputs and targets, trained on and held out; `truth` is what the held-out rows should be.

    `truth` is what a score compares with: class indices, 0 and 1, or numbers. A fault may spoil
    `targets` and `held_out_targets`; `truth` stays, so that a score means the same for all.
    """

    inputs: Tensor
    targets: Tensor
    held_out: Tensor
    held_out_targets: Tensor
    truth: Tensor


@dataclass(frozen=True, kw_only=True)
class Program:
    """All that a loop needs, and the little things that it does right.

    `task` is what head and loss are made for: `classes` (logits, indices), `binary` (one logit),
    `probability` (one sigmoid), `one_hot`, `indicators` (several logits), `numbers`. `good` is the
    score that a healthy run reaches. `adjust` is done to the network before training, `augment` to
    every batch; `answer` makes of outputs what `truth` is compared with. `gives_rows`,
    `gives_validation` and `gives_scores` say what the recorder is told.
    """

    name: str
    family: Family
    task: Task
    rows: Callable[[int], Rows]
    model: Callable[[], nn.Module]
    loss: Loss
    optimizer: Callable[[Iterable[Tensor]], torch.optim.Optimizer]
    epochs: int
    good: float
    batch_size: int = 32
    schedule: Callable[[float], float] | None = None
    answer: Callable[[Tensor], Tensor] = lambda outputs: outputs
    augment: Callable[[Tensor], Tensor] = lambda inputs: inputs
    adjust: Callable[[nn.Module], None] = lambda model: None
    shuffles: bool = True
    clears: bool = True
    clears_late: bool = False
    updates: bool = True
    is_training: bool = True
    is_evaluating: bool = True
    accumulates: int = 1
    clip: float | None = None
    evaluates_every: int = 1
    gives_rows: bool = True
    gives_validation: bool = True
    gives_scores: bool = False

    @property
    def is_number(self) -> bool:
        """Whether the score is an R²; else it is an accuracy."""
        return self.task == "numbers"


@dataclass(frozen=True)
class Recording:
    """What the recorder kept, and how good the network was on rows held out.

    `error` is what the program ended with, where it did not end well; `crash` what the recorder
    did, which it never should.
    """

    records: list[dict[str, object]]
    score: float
    error: str | None = None
    crash: str | None = None


class _Ended(Exception):
    """The program ended with an error of its own."""


def run(program: Program, seed: int) -> Recording:
    """Train the program with a recorder round it."""
    torch.manual_seed(seed)
    rows = program.rows(seed)
    model = program.model()
    program.adjust(model)
    optimizer = program.optimizer(model.parameters())
    recorder, error, crash = None, None, None
    try:
        recorder = _recorder(program, model, optimizer, rows)
        _train(program, model, optimizer, rows, recorder)
    except _Ended as ended:
        error = str(ended)
    except Exception as failure:  # which a benchmark of the recorder must count, not die of
        crash = _words(failure)
    records: list[dict[str, object]] = []
    try:
        if recorder is not None:
            records = _records(recorder)
    except Exception as failure:
        crash = crash or _words(failure)
    return Recording(records, score(program, model, rows), error, crash)


def _records(recorder: rv.Recorder) -> list[dict[str, object]]:
    """What `findings` reads, so that a verdict on it is the one that people get."""
    by_kind = recorder.concluded().to_json()
    return [{"kind": kind, **record} for kind, group in by_kind.items() for record in group]


def _words(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"


def _recorder(
    program: Program, model: nn.Module, optimizer: torch.optim.Optimizer, rows: Rows
) -> rv.Recorder:
    has_validation = program.gives_rows and program.gives_validation
    return rv.Recorder(
        model,
        optimizer,
        loss=program.loss if program.gives_rows else None,
        train=(rows.inputs, rows.targets) if program.gives_rows else None,
        validation=(rows.held_out, rows.held_out_targets) if has_validation else None,
    )


def _train(
    program: Program,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: Rows,
    recorder: rv.Recorder,
) -> None:
    first = [group["lr"] for group in optimizer.param_groups]
    for epoch in range(program.epochs):
        model.train(program.is_training)
        if program.schedule is not None:
            factor = program.schedule(epoch / program.epochs)
            for group, rate in zip(optimizer.param_groups, first, strict=True):
                group["lr"] = rate * factor
        losses = []
        for batches in _groups(program, len(rows.inputs)):
            loss = _update(program, model, optimizer, rows, batches)
            recorder.step(loss)
            losses.append(loss.detach().mean())
        if (epoch + 1) % program.evaluates_every == 0:
            recorder.epoch(**_scores(program, model, rows, losses))


def _groups(program: Program, count: int) -> Iterator[list[Tensor]]:
    """The batches of an epoch, as many together as one update is made of."""
    order = torch.randperm(count) if program.shuffles else torch.arange(count)
    # What is left over may be one row, which batch normalisation cannot take.
    least = min(2, program.batch_size)
    batches = [batch for batch in order.split(program.batch_size) if len(batch) >= least]
    for start in range(0, len(batches), program.accumulates):
        yield batches[start : start + program.accumulates]


def _update(
    program: Program,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: Rows,
    batches: list[Tensor],
) -> Tensor:
    try:
        if program.clears:
            optimizer.zero_grad()
        for batch in batches:
            outputs = model(program.augment(rows.inputs[batch]))
            loss = program.loss(outputs, rows.targets[batch])
            (loss / len(batches)).backward()  # type: ignore[no-untyped-call]
        if program.clears_late:
            optimizer.zero_grad()
        if program.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), program.clip)
        if program.updates:
            optimizer.step()
    except (RuntimeError, ValueError, IndexError) as failure:
        raise _Ended(_words(failure)) from failure
    return loss


@torch.no_grad()
def _scores(
    program: Program, model: nn.Module, rows: Rows, losses: list[Tensor]
) -> dict[str, float]:
    """What the loop measures itself and tells the recorder."""
    if not program.gives_scores:
        return {}
    model.train(not program.is_evaluating)
    outputs = model(rows.held_out)
    return {
        "loss": float(torch.stack(losses).mean()),
        "val_loss": float(program.loss(outputs, rows.held_out_targets)),
        "val": _compared(program, outputs, rows.truth),
    }


@torch.no_grad()
def score(program: Program, model: nn.Module, rows: Rows) -> float:
    """Accuracy, or R² no lower than −1, on the rows held out; 0 or −1 where there is no number."""
    model.eval()
    return _compared(program, model(rows.held_out), rows.truth)


def _compared(program: Program, outputs: Tensor, truth: Tensor) -> float:
    if not bool(torch.isfinite(outputs).all()):
        return -1.0 if program.is_number else 0.0
    answer = program.answer(outputs)
    if not program.is_number:
        is_wide = answer.ndim == truth.ndim + 1 and answer.shape[-1] > 1
        given = answer.argmax(-1) if is_wide else (answer.reshape(truth.shape) > 0).long()
        return float((given == truth).double().mean())
    values = truth.double().reshape(len(truth), -1)
    off = float(((answer.double().reshape(values.shape) - values) ** 2).sum())
    scatter = float(((values - values.mean(0)) ** 2).sum())
    return max(-1.0, 1 - off / scatter) if scatter else math.nan
