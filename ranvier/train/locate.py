"""A step that went wrong, made again from the last checkpoint before it and watched closely."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ranvier.data.order import epoch_order
from ranvier.step.locate import Located, locate_update
from ranvier.train.best import Best
from ranvier.train.recorder import NotFinite
from ranvier.train.store import Checkpoint, Cursor

if TYPE_CHECKING:
    from ranvier.train.trainer import Trainer


def told(trainer: Trainer, found: NotFinite) -> str:
    """Everything that can be said of a step that was not finite; a `not_finite` record is written.

    The trainer is left where the last good step was, if a checkpoint leads there.
    """
    located = _located(trainer, found.step)
    if located is not None:
        trainer.journal.append("not_finite", {"step": found.step, **_document(trainer, located)})
    what = "loss" if not math.isfinite(found.loss) else "gradient"
    return (
        f"step {found.step}: the {what} is not finite (loss {found.loss:g}, gradient norm "
        f"{found.gradient_norm:g}).{_words(trainer, located)} Lower learning_rate from "
        f"{found.learning_rate:g}, or clip gradients with clip_norm=1."
    )


def _located(trainer: Trainer, step: int) -> Located | str | None:
    """What made update `step` go wrong, why that is not known, or None where nobody kept the way.

    Weights may be spoilt by the update before, whose own loss and gradient were finite.
    """
    checkpoint = trainer.store.before(step)
    if checkpoint is None:
        return None
    trainer.progress.say(f"step {step} is not finite: it is made again and watched closely")
    scores = trainer.best.scores
    with _going_back(trainer):
        located = _watched(trainer, checkpoint, step, scores)
        earlier = trainer.store.before(step - 1)
        if isinstance(located, Located) and located.operation == "weights" and earlier is not None:
            located = _watched(trainer, earlier, step - 1, scores) or located
    return located or "its numbers were finite when it was made again, operation by operation"


@contextmanager
def _going_back(trainer: Trainer) -> Iterator[None]:
    """Inside, the trainer may be loaded; after it only its place and its state are others.

    Evaluations that were made stay made, with their best weights, and nothing waits to be written.
    """
    best, seconds = trainer.best, trainer.seconds_before
    trainer.best = Best(best.patience)
    try:
        yield
    finally:
        trainer.best, trainer.seconds_before = best, seconds
        trainer.recorder.forget()


def _watched(
    trainer: Trainer, checkpoint: Checkpoint, step: int, scores: list[float]
) -> Located | None:
    """Go on from the checkpoint to just before `step`, make that one watched, and step back."""
    trainer.load(*checkpoint)
    _go_on(trainer, step - 1, scores)
    state, cursor = trainer.executor.state, trainer.cursor
    batch = next(trainer.batches.epoch(cursor.epoch, start=cursor.step_in_epoch))
    before = {name: tensor.detach().clone() for name, tensor in state.tensors().items()}
    try:
        return locate_update(
            trainer.executor.program, state, batch, trainer.learning_rate(state.step)
        )
    finally:
        state.load(before, step=step - 1)


def _go_on(trainer: Trainer, until: int, scores: list[float]) -> None:
    """Make the updates up to `until` again; nothing is recorded, evaluated or saved.

    `scores` are those of the evaluations, by which some schedules go.
    """
    cursor = trainer.cursor
    while cursor.step < until:
        trainer.executor.program.wake(cursor.epoch)
        trainer.best.scores = scores[: cursor.epoch]
        for stretch in trainer.batches.stretches(cursor.epoch, start=cursor.step_in_epoch):
            part = stretch.part(0, min(stretch.steps, until - cursor.step))
            rates = [trainer.learning_rate(cursor.step + place) for place in range(part.steps)]
            trainer.executor.run_rows(part.rows, part.bounds, rates)
            cursor = Cursor(
                cursor.step + part.steps, cursor.epoch, cursor.step_in_epoch + part.steps
            )
            if cursor.step == until:
                break
        if cursor.step_in_epoch == trainer.batches.steps_per_epoch:
            cursor = Cursor(cursor.step, cursor.epoch + 1, 0)
    trainer.cursor = cursor


def _document(trainer: Trainer, located: Located | str) -> dict[str, Any]:
    if isinstance(located, str):
        return {"operation": None, "why": located}
    return {**located.to_json(), "rows": _numbers(trainer, located.rows)}


def _numbers(trainer: Trainer, rows: tuple[int, ...]) -> list[int]:
    """Rows of the batch at hand as the source numbers them, or the training part from 1."""
    cursor, batches = trainer.cursor, trainer.batches
    order = epoch_order(batches.seed, cursor.epoch, len(batches.part))
    first = batches.bounds[cursor.step_in_epoch]
    positions = order[[first + row for row in rows]]
    numbers = batches.part.numbers
    return (positions + 1 if numbers is None else numbers[positions]).tolist()


def _words(trainer: Trainer, located: Located | str | None) -> str:
    """One sentence on the place, with a space before it; nothing where it is not known."""
    if located is None:
        return ""
    if isinstance(located, str):
        return f" It did not show again: {located}."
    values = ", ".join(f"{value:.4g}" for value in located.values)
    given = f" of {values}" if values else ""
    rows = _numbers(trainer, located.rows)
    of_rows = (
        f", rows {', '.join(map(str, rows[:5]))}{' …' if len(rows) > 5 else ''}" if rows else ""
    )
    way = {"backward": " on the way back", "update": " in the update"}.get(located.phase, "")
    return f" It begins with {located.operation}{given} in {located.layer}{way}{of_rows}."
