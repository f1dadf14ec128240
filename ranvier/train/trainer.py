"""The loop: epochs of updates, an evaluation after each, stopping, saving, going on."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ranvier.core.errors import DivergedError, StoppedError
from ranvier.metrics import higher_is_better
from ranvier.runs.history import History
from ranvier.step import Executor
from ranvier.train.answer import answer_of
from ranvier.train.batches import Batches, Part, Stretch
from ranvier.train.best import Best
from ranvier.train.evaluate import Evaluator
from ranvier.train.journal import Journal, RememberingJournal
from ranvier.train.locate import told
from ranvier.train.plan import LAST, Plan
from ranvier.train.progress import Progress
from ranvier.train.recorder import NotFinite, Recorder
from ranvier.train.signals import StopSignals
from ranvier.train.store import Checkpoint, Cursor, Store
from ranvier.train.watcher import Watcher

# Seconds that a call of several updates should last: long enough that the loop around it costs
# nothing, short enough that nobody waits for it who stops a training.
SHORTEST_CALL, LONGEST_CALL = 0.02, 0.2


@dataclass(frozen=True)
class Outcome:
    """How a training ended: why, after how much, and where it was best."""

    reason: str
    step: int
    epochs: int
    best_epoch: int
    seconds: float


class Trainer:
    """Trains the executor's network on `training` until the plan says stop.

    Every number that a later step depends on is in the checkpoint, so a training that was killed
    and resumed gives the same bits as one that was left alone.
    """

    def __init__(
        self,
        executor: Executor,
        evaluator: Evaluator,
        plan: Plan,
        *,
        training: Part,
        validation: Part | None,
        journal: Journal,
        store: Store,
        progress: Progress,
        watcher: Watcher | None = None,
    ) -> None:
        self.executor = executor
        self.evaluator = evaluator
        self.plan = plan
        self.training = training
        self.validation = validation
        # A training that nobody watches keeps nothing in memory.
        self.journal = journal if watcher is None else RememberingJournal(journal)
        self.watcher = watcher
        self.store = store
        self.progress = progress
        self.batches = Batches(training, batch_size=plan.batch_size, seed=plan.seed)
        self.total_steps = plan.epochs * self.batches.steps_per_epoch
        self.recorder = Recorder(
            executor, self.journal, training, statistics_every=plan.statistics_every
        )
        self.best = Best(plan.patience)
        self.cursor = Cursor(step=0, epoch=0, step_in_epoch=0)
        self.finished: str | None = None
        self.resumed = False
        self.seconds_before = 0.0
        self._clock = time.monotonic()
        self._steps_per_call = 1

    def run(self) -> Outcome:
        """Train to the end and leave the best weights in the network.

        Raises:
            StoppedError: after SIGINT or SIGTERM, once the store has a checkpoint.
            DivergedError: at a loss or gradient that is not finite.
        """
        self._clock = time.monotonic()
        self.progress.start(
            epochs=self.plan.epochs,
            steps_per_epoch=self.batches.steps_per_epoch,
            rows=len(self.training),
        )
        if not self.resumed:
            self._announce()
            self.save()
        self.executor.last_step = self.total_steps
        with StopSignals() as signals, closing(self.executor):
            while self.finished is None:
                self._watched_epoch(signals)
        self.save()
        self.best.restore(self.executor.state)
        return Outcome(
            reason=self.finished,
            step=self.cursor.step,
            epochs=self.cursor.epoch,
            best_epoch=self.best.epoch or 0,
            seconds=self.seconds,
        )

    @property
    def seconds(self) -> float:
        """Time spent training, earlier sittings counted in."""
        return self.seconds_before + time.monotonic() - self._clock

    @property
    def history(self) -> History:
        """What a watched training has recorded so far, of earlier sittings too."""
        assert isinstance(self.journal, RememberingJournal), "nobody watches this training"
        return self.journal.history

    def remember(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Take in what earlier sittings recorded, if somebody watches."""
        if isinstance(self.journal, RememberingJournal):
            self.journal.remember(records)

    def _watched_epoch(self, signals: StopSignals) -> None:
        try:
            self._epoch(signals)
        except NotFinite as found:
            error = DivergedError(told(self, found))
            if self.watcher is not None:
                self.watcher.diverged(self, error)
            raise error from None

    def _epoch(self, signals: StopSignals) -> None:
        started, first = time.monotonic(), self.cursor.step_in_epoch
        epoch, rows = self.cursor.epoch, 0
        self.executor.program.wake(epoch)
        if first == 0:
            self._tell_of_thaw(epoch)
        for stretch in self.batches.stretches(epoch, start=first):
            for part in self._calls(stretch):
                self.recorder.run(part, self._learning_rates(part.steps))
                rows += part.bounds[-1] - part.bounds[0]
                step_in_epoch = self.cursor.step_in_epoch + part.steps
                self.cursor = Cursor(self.executor.state.step, epoch, step_in_epoch)
                self._pass_on_remarks()
                if self.recorder.window_is_full:
                    loss = self.recorder.flush()
                    rate = rows / max(1e-9, time.monotonic() - started)
                    self.progress.step(epoch, step_in_epoch, loss, rate)
                self._save_or_stop(signals)
        self._evaluate(rows, time.monotonic() - started)
        if self.watcher is not None:
            self.watcher.evaluated(self)
        self._save_or_stop(signals)

    def _tell_of_thaw(self, epoch: int) -> None:
        """Record which parameters are trained from this epoch on, and count patience anew."""
        names = self._thawing.get(epoch)
        if names is None:
            return
        self.journal.append(
            "thaw", {"step": self.cursor.step, "epoch": epoch + 1, "parameters": names}
        )
        self.progress.say(f"epoch {epoch + 1}: {_in_short(names)} thawed")
        self.best.evaluations_since = 0

    @cached_property
    def _thawing(self) -> dict[int, list[str]]:
        """The names of the parameters that rest at first, by the epoch from which they do not."""
        state, found = self.executor.state, dict[int, list[str]]()
        for group in state.groups:
            if group.thaws_after:
                names = [state.names[position] for position in group.positions]
                found.setdefault(group.thaws_after, []).extend(names)
        return found

    def _pass_on_remarks(self) -> None:
        for text, is_fallback in self.executor.remarks:
            self.journal.append(
                "executor", {"step": self.cursor.step, "remark": text, "fallback": is_fallback}
            )
            if is_fallback:
                self.progress.say(text)
        self.executor.remarks.clear()

    def _calls(self, stretch: Stretch) -> Iterator[Stretch]:
        """The stretch in parts of as many updates as go into one call.

        How many does not change the numbers: it is what a signal or a checkpoint may wait for.
        """
        done = 0
        while done < stretch.steps:
            started = time.monotonic()
            most = min(self.recorder.most_steps(), self.store.most_steps(self.cursor))
            steps = min(most, self._steps_per_call, stretch.steps - done)
            yield stretch.part(done, steps)
            done += steps
            seconds = time.monotonic() - started
            if seconds < SHORTEST_CALL and steps == self._steps_per_call:
                self._steps_per_call *= 2
            elif seconds > LONGEST_CALL:
                self._steps_per_call = max(1, self._steps_per_call // 2)

    def _learning_rates(self, steps: int) -> list[float]:
        first = self.executor.state.step
        return [self.learning_rate(first + step) for step in range(steps)]

    def learning_rate(self, step: int) -> float:
        """The rate of the update after `step` others."""
        factor = self.plan.schedule.factor(
            step, total_steps=self.total_steps, scores=self.best.scores
        )
        return self.plan.learning_rate * factor

    def _save_or_stop(self, signals: StopSignals) -> None:
        signal = signals.received if self.finished is None else None
        if signal is None and not self.store.due(self.cursor):
            return
        # No checkpoint holds what is lost already.
        self.recorder.require_finite()
        self.save()
        if signal is not None:
            raise StoppedError(
                f"stopped after {self.cursor.step} steps", exit_code=signals.exit_code
            )

    def _evaluate(self, rows: int, seconds: float) -> None:
        epoch, step = self.cursor.epoch, self.cursor.step
        learning_rate = self.learning_rate(step)
        self.recorder.flush()
        train = {"loss": self.recorder.epoch_loss()}
        state = self.executor.state
        answer = answer_of(self.executor.program.module, state, self.batches)
        measured = self._measure_validation(answer)
        score = self._score(measured if measured is not None else train)
        is_best = self.best.observe(epoch + 1, score, state, answer)
        probe, outputs = self.recorder.distributions(epoch + 1)
        if answer is not None:
            outputs = self.evaluator.outputs(probe.inputs, answer)
        record = {
            "epoch": epoch + 1,
            "step": step,
            "train": train,
            "validation": measured or {},
            "probe": self._glance(probe, outputs),
            "learning_rate": learning_rate,
            "best": is_best,
        }
        self.journal.append("epoch", record)
        timing = {"epoch": epoch + 1, "step": step, "seconds": seconds}
        self.journal.append("timing", {**timing, "rows_per_second": rows / max(1e-9, seconds)})
        self.progress.epoch(record)
        self.cursor = Cursor(step, epoch + 1, 0)
        # Before all of the network is trained there is no telling how good it gets.
        if self.best.should_stop and epoch >= max(self._thawing, default=0):
            self.finished = "no gain"
        elif epoch + 1 >= self.plan.epochs:
            self.finished = "all epochs"

    def _glance(self, probe: Part, outputs: Tensor) -> dict[str, Any]:
        """Scores of the probe, and how many of its labels the network has come to doubt."""
        scores = self.evaluator.glance(probe, outputs)
        head = self.evaluator.head
        if not head.task.is_classification or not math.isfinite(scores["loss"]):
            return scores
        labels = torch.from_numpy(probe.truth)
        return scores | self.recorder.doubts(head.predict(outputs), labels)

    def _measure_validation(self, answer: dict[str, Tensor] | None) -> dict[str, Any] | None:
        if self.validation is None:
            return None
        return self.evaluator.measure(self.validation, answer)

    def _score(self, measured: Mapping[str, Any]) -> float:
        """The monitored value so that lower is better; without validation, later is better."""
        if self.validation is None or self.plan.monitor == LAST:
            return -float(self.cursor.epoch)
        value = float(measured[self.plan.monitor])
        is_score = self.plan.monitor != "loss" and higher_is_better(self.plan.monitor)
        return -value if is_score else value

    def _announce(self) -> None:
        state = self.executor.state
        self.journal.append(
            "start",
            {
                "step": 0,
                "parameters": list(state.names),
                "parameter_shapes": [list(p.shape) for p in state.parameters],
                "layers": self.recorder.layer_paths(),
                "rows": {"train": len(self.training), "validation": len(self.validation or ())},
                "input_shape": list(self.training.inputs.shape[1:]),
                "batch_size": self.plan.batch_size,
                "steps_per_epoch": self.batches.steps_per_epoch,
            },
        )

    def save(self) -> None:
        """Hand a checkpoint of this place to the store."""
        self.store.save(self.cursor, *self.checkpoint())

    def checkpoint(self) -> Checkpoint:
        """This place: every tensor, none copied, and number that what follows depends on."""
        tensors = {
            **self.executor.state.tensors(),
            **self.best.tensors(),
            **self.recorder.tensors(),
        }
        return tensors, self._document()

    def _document(self) -> dict[str, Any]:
        return {
            "cursor": asdict(self.cursor),
            "finished": self.finished,
            "best": self.best.document(),
            "recorder": self.recorder.document(),
            "executor": self.executor.document(),
            "events": self.journal.position(),
            "seconds": self.seconds,
        }

    def load(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        """Go to the place that a checkpoint was saved at."""
        self.cursor = Cursor(**document["cursor"])
        own = {
            name: tensor
            for name, tensor in tensors.items()
            if not name.startswith(("best/", "recorder/"))
        }
        self.executor.state.load(own, step=self.cursor.step)
        self.best.load(tensors, document["best"])
        self.recorder.load(tensors, document["recorder"])
        self.executor.load(document.get("executor", {}))
        self.finished = document["finished"]
        self.resumed = True
        self.seconds_before = document["seconds"]


def _in_short(names: Sequence[str]) -> str:
    """The layers that hold these parameters, by the outermost names that tell them apart."""
    layers = list(dict.fromkeys(name.split(".")[0] for name in names))
    more = f" and {len(layers) - 3} more" if len(layers) > 3 else ""
    return ", ".join(layers[:3]) + more
