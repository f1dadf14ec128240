"""For loops written by hand: the same records, so that the same doctor reads them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from ranvier.core.finding import Finding
from ranvier.diagnose.activations import Activations
from ranvier.diagnose.arguments import check
from ranvier.diagnose.budget import Budget
from ranvier.diagnose.evaluations import Evaluations
from ranvier.diagnose.evidence import Evidence, Facts
from ranvier.diagnose.journal import Journal
from ranvier.diagnose.preflight import examine
from ranvier.diagnose.preflight.calls import first_tensor
from ranvier.diagnose.probes.spectra import spectra
from ranvier.diagnose.rows import TRIED_ON, Fit, Rows, fitted, rows_of
from ranvier.diagnose.start import Start
from ranvier.diagnose.untouched import plain, unheard, untouched
from ranvier.diagnose.updates import Updates
from ranvier.diagnose.watch import BATCHES, Batches, paused
from ranvier.runs.history import History

LOOK_EVERY = 16
EVALUATION_ROWS = 1024
# What rows are measured on may hold so many numbers: of large pictures fewer rows do.
EVALUATION_NUMBERS = 2**23
# Of a loop that never says that an epoch is over: evaluations so many updates apart, and twice as
# far where there came to be so many.
AUTOMATIC_EVERY, MOST_AUTOMATIC = 64, 32
LOOK_SECONDS = 0.1
# The first epochs are measured whatever it takes, and the first looks are taken.
FIRST_EPOCHS, FIRST_LOOKS = 3, 6
# With a folder to write to, after these it is looked whether trials are called for.
TRIED_AT = (3, 10, 30, 100)


class Recorder:
    """Watches a training loop that somebody else wrote, in three lines:

        recorder = rv.Recorder(model, optimizer, loss=criterion, train=(X, y), validation=(Xv, yv))
        ...
            optimizer.step()
            recorder.step(loss)          # while the gradients are still there
        recorder.epoch(val_loss=val_loss, val=accuracy)
        print(*recorder.findings(), sep="\\n")

    `loss` is the function or module as the loop calls it, `loss(outputs, targets)`; `train` and
    `validation` are pairs of tensors or arrays, or data sets. Each may be left out, and then what
    needs it is not looked for. With `out` the records are written to that folder as well, and
    `ranvier doctor OUT` reads them there, even if the loop died.

    The loop goes on as it would without: its random numbers, weights and buffers are left alone,
    and what cannot be measured is noted, never raised. A step costs a fused norm; looks inside and
    evaluations take about a fiftieth of the loop's time, and are made less often where they would
    take more.

    Raises:
        ConfigError: an argument is not what it should be.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Any = None,
        *,
        loss: Callable[..., Tensor] | None = None,
        train: Any = None,
        validation: Any = None,
        out: str | Path | None = None,
    ) -> None:
        check(model, optimizer, loss)
        self._train, self._validation = rows_of("train", train), rows_of("validation", validation)
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self._module = plain(model)
        self._journal = Journal(out)
        self._looks, self._outputs = (Budget(allowance=LOOK_SECONDS) for _ in range(2))
        self._fit: Fit | None = None
        self._probe: Rows | None = None
        self._activations: Activations | None = None
        self._evaluations: Evaluations | None = None
        self._start: Start | None = None
        self._has_begun = False
        self._epochs = self._evaluated_at = self._spectra_at = self._looked = 0
        self._every = AUTOMATIC_EVERY
        self._updates = Updates(self._module, optimizer, self._journal, self._looks)
        self._batches = Batches()
        if not self._is_uninitialised():
            self._journal.tried("start", self._begin)

    def step(self, loss: Tensor | float) -> None:
        """Record an update that was just made; `loss` is what it was made for."""
        try:
            self._step(loss)
        except Exception as error:  # noted, as in `Journal.tried`, whose call would be felt here
            self._journal.note("step", error)

    def epoch(self, **scores: Any) -> None:
        """Record the end of an epoch.

        `loss` and `val_loss` are losses, `train` and `val` scores such as an accuracy, of the rows
        trained on and of those held out; any other name is kept as it is. What is not given is
        measured, where `loss`, `train` and `validation` allow it.
        """
        self._journal.tried("epoch", lambda: self._epoch(scores))

    def findings(self) -> list[Finding]:
        """What is wrong so far, the primary cause first; nothing if all is well."""
        return self._journal.diagnosed(self.concluded())

    def concluded(self) -> History:
        """All that was recorded, and how the network does by now: what `findings` reads."""
        self._journal.tried("window", self._updates.flush)
        if self._updates.count and not self._batches.is_done:
            self._journal.tried("loop", self._write_batches)
        self._journal.tried("spectra", self._look_at_spectra)
        history = self._journal.tried("evaluation", self._completed) or self._journal.history
        return self._journal.tried("trials", lambda: self._with_trials(history)) or history

    @property
    def history(self) -> History:
        """All that was recorded."""
        self._journal.tried("window", self._updates.flush)
        return self._journal.history

    # What is recorded, and when.

    def _is_uninitialised(self) -> bool:
        return any(isinstance(p, nn.UninitializedParameter) for p in self._module.parameters())

    def _begin(self, *, is_late: bool = False) -> None:
        """The records before the first update, or after it where weights are made by the first."""
        self._has_begun = True
        self._updates.begin()
        train, validation = self._train, self._validation
        first = validation if train is None else train
        if first is not None:
            with warnings.catch_warnings(action="ignore"):
                self._fit = fitted(self._module, self.loss, first)
        probe, held_out = self._measurable(train), self._measurable(validation)
        if probe is not None:
            self._activations = self._journal.tried(
                "layers", lambda: Activations(self._module, probe.inputs, self._outputs)
            )
        self._journal.append("start", self._description(train, validation))
        with unheard(self._module), paused(self._updates.leftover):
            facts = self._facts(train, validation)
        self._journal.append("preflight", facts.to_json())
        self._probe = probe
        self._evaluations = Evaluations(
            self._module,
            self.loss if self._fit is None else self._fit.loss,
            train=None if probe is None else probe.pair,
            validation=None if held_out is None else held_out.pair,
            note=self._journal.note,
        )
        self._train = self._validation = None  # what is measured from here on is kept apart
        self._start = self._journal.tried("copy", lambda: Start(self._module, self.optimizer))
        self._restart_budgets()
        if not is_late:
            self._updates.watch_next()
        self._batches.watch(self.model)

    def _description(self, train: Rows | None, validation: Rows | None) -> dict[str, Any]:
        layers = self._activations
        return {
            "step": self._updates.count,
            "parameters": self._updates.names,
            "parameter_shapes": [list(p.shape) for p in self._updates.parameters],
            "layers": [] if layers is None else layers.layers,
            "output_layer": None if layers is None else layers.output_layer,
            "rows": {"train": _count(train), "validation": _count(validation)},
            "input_shape": None if train is None else list(train.inputs.shape[1:]),
        }

    def _restart_budgets(self) -> None:
        budgets = () if self._evaluations is None else self._evaluations.budgets
        for budget in (self._looks, self._outputs, *budgets):
            budget.restart()

    def _with_trials(self, history: History) -> History:
        """Where a training falls short: what short ones of copies come to with one thing changed,
        from the weights that it began with."""
        start, loss = self._start, self.loss if self._fit is None else self._fit.loss
        if start is None or loss is None or self._probe is None:
            return history
        if not Evidence(history).falls_short:
            return history
        self._start = None
        trials = start.trials(loss, *self._probe.pair, batch_size=self._batches.size)
        self._restart_budgets()
        record = {"step": self._updates.count, "trials": trials}
        self._journal.append("trials", record)
        return history.with_record("trials", record)

    def _measurable(self, rows: Rows | None) -> Rows | None:
        """The few rows that are measured again and again, as the network takes them."""
        if rows is None or self._fit is None:
            return None
        few = rows.spaced(most=EVALUATION_ROWS, numbers=EVALUATION_NUMBERS)
        fit = self._fit
        return self._journal.tried("rows", lambda: fit.of(few))

    def _facts(self, train: Rows | None, validation: Rows | None) -> Facts:
        fit = self._fit or Fit()
        facts = examine(
            self._module,
            optimizer=self.optimizer if isinstance(self.optimizer, Optimizer) else None,
            loss=fit.loss or self.loss,
            train=self._all(train),
            validation=self._all(validation),
            origin="recorder",
        )
        if (fit.error is not None or fit.broadcasts) and facts.loss is not None:
            as_given = replace(facts.loss, error=fit.error, broadcasts=fit.broadcasts)
            facts = replace(facts, loss=as_given)
        return facts if fit.note is None else replace(facts, notes=(*facts.notes, fit.note))

    def _all(self, rows: Rows | None) -> tuple[Tensor, Tensor] | None:
        fit = self._fit or Fit()
        fitting = None if rows is None else self._journal.tried("rows", lambda: fit.of(rows))
        return None if fitting is None else fitting.pair

    def _step(self, loss: Any) -> None:
        if not self._has_begun:
            if self._is_uninitialised():
                return
            self._begin(is_late=True)
            self._journal.note("late start", "the first forward pass made the weights")
        if self._updates.count < BATCHES:
            self._batches.see(loss)
        if self._updates.step(loss) is not None:
            self._looked += 1
            if self._looked <= FIRST_LOOKS or self._outputs.affords("activations"):
                self._journal.tried("activations", self._look)
        count = self._updates.count
        if count % LOOK_EVERY == LOOK_EVERY - 1 and not self._updates.is_watched:
            if self._looked <= FIRST_LOOKS or self._looks.affords("copies", "weights"):
                self._updates.watch_next()
        if not self._batches.is_done and count >= BATCHES:
            self._write_batches()
        if not self._epochs and count - self._evaluated_at >= self._every:
            self._evaluate_by_itself()

    def _look(self) -> None:
        """Record what the layers give for the first rows."""
        if self._activations is not None and self._activations.layers:
            with paused(self._batches, self._updates.leftover):
                found = self._activations.look()
            self._journal.append("activations", {"step": self._updates.count, **found})

    def _write_batches(self) -> None:
        """Record what the loop fed the network at first, and what it does before its loss."""
        self._batches.take_away()
        found = self._batches.found() or {}
        applied = self._journal.tried("loop", self._applied)
        if applied is not None:
            found["applies"] = applied
        if found:
            self._journal.append("loop", {"step": self._updates.count, **found})

    def _applied(self) -> str | None:
        """The activation that the loop puts between network and loss, from now on in all that is
        measured, too."""
        fit, rows = self._fit, self._probe
        if fit is None or fit.loss is None or rows is None:
            return None
        inputs, targets = rows.inputs[:TRIED_ON], rows.targets[:TRIED_ON]
        with untouched(self._module), paused(self._batches, self._updates.leftover):
            answer = first_tensor(self._module(inputs))
        extra = self._batches.applied_beyond(fit.loss, answer, targets)
        if extra is not None:
            self._fit = fit.applying(extra)
            if self._evaluations is not None:
                self._evaluations.loss = self._fit.loss
        return extra

    # Evaluations.

    def _epoch(self, scores: dict[str, Any]) -> None:
        self._updates.flush()
        numbers = {name: self._given(name, value) for name, value in scores.items()}
        given = {name: number for name, number in numbers.items() if number is not None}
        if not self._epochs:
            self._journal.drop(_is_automatic)
        self._epochs += 1
        measured = self._measured(is_wanted=self._epochs <= FIRST_EPOCHS)
        self._journal.append("epoch", self._evaluation(self._epochs, given, measured))
        if self._journal.is_written and self._epochs in TRIED_AT:
            self._journal.tried("trials", lambda: self._with_trials(self._journal.history))

    def _given(self, name: str, value: Any) -> float | None:
        if value is None:
            return None
        return self._journal.tried(f"score {name}", lambda: float(value))

    def _evaluate_by_itself(self) -> None:
        """An evaluation of a loop that has never said that an epoch is over."""
        self._updates.flush()
        number = self._journal.count("epoch") + 1
        measured = self._measured(is_wanted=False)
        if measured is not None:
            record = self._evaluation(number, {}, measured)
            self._journal.append("epoch", {**record, "automatic": True})
        if number >= MOST_AUTOMATIC:
            self._every *= 2
            kept = {each["step"] for each in self._journal.history.epochs[1::2]}
            self._journal.drop(lambda each: _is_automatic(each) and each["step"] not in kept)

    def _measured(self, *, is_wanted: bool) -> dict[str, dict[str, Any]] | None:
        self._evaluated_at = self._updates.count
        if self._evaluations is None:
            return None
        with paused(self._batches, self._updates.leftover):
            return self._evaluations.measured(
                optimizer=self.optimizer, batch_size=self._batches.size, is_wanted=is_wanted
            )

    def _evaluation(
        self, epoch: int, given: dict[str, float], measured: dict[str, dict[str, Any]] | None
    ) -> dict[str, Any]:
        """The record of an evaluation; what was given counts more than what was measured."""
        found = measured or {}
        given = dict(given)
        mean = self._updates.take_mean_loss()
        train = {} if mean is None else {"loss": mean}
        held_out = dict(found.get("validation", {}))
        places = {
            "loss": (train, "loss"),
            "train": (train, "score"),
            "val_loss": (held_out, "loss"),
            "val": (held_out, "score"),
        }
        for name, (part, key) in places.items():
            if name in given:
                part[key] = given.pop(name)
        return {
            "epoch": epoch,
            "step": self._updates.count,
            "train": train | given,
            "validation": held_out,
            "probe": found.get("probe", {}),
            "learning_rate": self._updates.learning_rate(),
        }

    def _completed(self) -> History:
        """All records, and an evaluation of the network as it is by now.

        One that there was no time for is completed. Where the loop names its epochs, one in the
        middle of an epoch is not kept, as it would count as another.
        """
        last = self._journal.last("epoch")
        is_current = last is not None and last["step"] == self._updates.count
        is_measured = last is not None and bool(last["probe"])
        can_measure = self._probe is not None and self._updates.count > 0
        if not can_measure or (is_current and is_measured):
            return self._journal.history
        measured = self._measured(is_wanted=True)
        if is_current and last is not None:
            found = measured or {}
            held_out = found.get("validation", {}) | last["validation"]
            whole = {**last, "probe": found.get("probe", {}), "validation": held_out}
            self._journal.drop(lambda each: each is last)
            self._journal.append("epoch", _without_kind(whole))
            return self._journal.history
        if self._epochs:
            now = self._evaluation(self._epochs + 1, {}, measured)
            return self._journal.history.with_record("epoch", now)
        now = self._evaluation(self._journal.count("epoch") + 1, {}, measured)
        self._journal.append("epoch", {**now, "automatic": True})
        return self._journal.history

    def _look_at_spectra(self) -> None:
        if self._updates.count <= self._spectra_at or not self._looks.affords("spectra"):
            return
        self._spectra_at = self._updates.count
        with self._looks.spending("spectra"):
            found = spectra(self._module)
        if found:
            values = {"parameters": list(found), "alpha": list(found.values())}
            self._journal.append("spectra", {"step": self._updates.count, **values})


def _without_kind(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "kind"}


def _is_automatic(record: dict[str, Any]) -> bool:
    return record["kind"] == "epoch" and bool(record.get("automatic"))


def _count(rows: Rows | None) -> int | None:
    return None if rows is None else rows.total
