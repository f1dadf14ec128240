"""A training that leaves a run: begun, stopped, resumed, finished, each written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from ranvier.core.errors import DivergedError, StoppedError
from ranvier.core.finding import Finding
from ranvier.metrics import primary_metric
from ranvier.runs import checkpoints
from ranvier.runs.documents import write_document
from ranvier.runs.events import EventWriter, read_events
from ranvier.runs.history import History
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import save_model
from ranvier.step.reading import Arrays
from ranvier.train.assess import assess
from ranvier.train.batches import Part
from ranvier.train.job import Job
from ranvier.train.machine import machine
from ranvier.train.progress import Progress
from ranvier.train.store import Checkpoint, FolderStore, Store
from ranvier.train.trainer import Outcome, Trainer
from ranvier.train.watcher import Watcher

RowValues = Callable[[str, int], tuple[int, dict[str, Any]]]
Record = tuple[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Session:
    """One job in one run directory.

    `parts` names the parts to measure at the end; `row(split, position)` gives a row's number in
    the source and its values; `network` and `encoder` are the documents saved with the weights.
    `opening` are records that come before the first step's, and `watcher` reads along. `store` is
    where checkpoints go, if not simply into the run, and `story` what else the summary says.
    `looks` makes further records of the trained network and its answers for each part.
    """

    job: Job
    run: RunFolder
    parts: Mapping[str, Part]
    row: RowValues
    network: dict[str, Any]
    encoder: dict[str, Any]
    progress: Progress
    findings: tuple[Finding, ...] = field(default=())
    opening: tuple[Record, ...] = field(default=())
    watcher: Watcher | None = None
    store: Store | None = None
    story: Callable[[], dict[str, Any]] = dict
    looks: Callable[[nn.Module, Mapping[str, Arrays]], Iterable[Record]] | None = None

    def begin(self) -> dict[str, Any]:
        """Train from the first step to the end; the summary comes back."""
        with closing(EventWriter(self.run.events)) as writer, self._machine():
            trainer = self._trainer(writer)
            for kind, record in self.opening:
                trainer.journal.append(kind, record)
            for finding in self.findings:
                trainer.journal.append("finding", finding.to_json())
            return self._train(trainer, writer)

    def resume(self) -> dict[str, Any]:
        """Go on exactly where the newest checkpoint stands; the summary comes back.

        A run that was killed before its first checkpoint starts over.
        """
        if not checkpoints.steps(self.run.checkpoints):
            return self.begin()
        _, tensors, document = checkpoints.load(self.run.checkpoints)
        return self.go_on((tensors, document))

    def go_on(self, checkpoint: Checkpoint, *, records: Iterable[Record] = ()) -> dict[str, Any]:
        """Train from a checkpoint of this run to the end; the summary comes back.

        What was recorded after the checkpoint is superseded, by `records` at first.
        """
        tensors, document = checkpoint
        follows = document["events"]
        with closing(EventWriter(self.run.events, follows=follows)) as writer, self._machine():
            trainer = self._trainer(writer)
            if self.watcher is not None:
                trainer.remember(read_events(self.run.events))
            for kind, record in records:
                trainer.journal.append(kind, record)
            trainer.load(tensors, document)
            return self._train(trainer, writer)

    def _machine(self) -> Any:
        settings = self.job.settings
        return machine(self.job.device, threads=settings.threads or 1, seed=settings.seed)

    def _trainer(self, writer: EventWriter) -> Trainer:
        settings = self.job.settings
        store = self.store or FolderStore(self.run.checkpoints, seconds=settings.checkpoint_seconds)
        return self.job.trainer(writer, store, self.progress, watcher=self.watcher)

    def _train(self, trainer: Trainer, writer: EventWriter) -> dict[str, Any]:
        try:
            outcome = trainer.run()
        except DivergedError as error:
            self._write_divergence(trainer, writer, error)
            raise
        except StoppedError as error:
            path = self.run.path
            message = f"{path}: {error}, a checkpoint is saved. Go on with: ranvier resume {path}"
            raise StoppedError(message, exit_code=error.exit_code) from None
        answers = self._answers()
        assessments = self._assess(answers)
        for assessment in assessments.values():
            writer.append("evaluation", assessment)
        if self.looks is not None:
            for kind, record in self.looks(self.job.module, answers):
                writer.append(kind, record)
        writer.append("end", _end(outcome.reason, trainer))
        # The summary comes last: it says that everything else is there.
        last = writer.close()
        save_model(self.run, dict(self.job.module.state_dict()), self.network, self.encoder)
        findings = self._concluded(self.findings)
        summary = {**self._summary(outcome, assessments, findings), "events": last}
        write_document(self.run.summary, summary)
        return summary

    def _answers(self) -> dict[str, Arrays]:
        # Of what was trained on, one view says enough.
        train, final = self.job.evaluator(), self.job.final_evaluator()
        return {
            split: (train if split == "train" else final).answer(part.inputs.to(self.job.device))
            for split, part in self.parts.items()
        }

    def _assess(self, answers: Mapping[str, Arrays]) -> dict[str, dict[str, Any]]:
        train_truth = self.parts["train"].truth
        found = {}
        for split, part in self.parts.items():
            found[split] = assess(
                self.job.head,
                part.truth,
                answers[split],
                split=split,
                train_truth=train_truth,
                weights=_numpy(part.weights),
                row=lambda position, split=split: self.row(split, position),  # type: ignore[misc]
            )
        return found

    def _summary(
        self,
        outcome: Outcome,
        assessments: Mapping[str, dict[str, Any]],
        findings: Sequence[Finding],
    ) -> dict[str, Any]:
        return {
            "status": "finished",
            "task": self.job.task.to_json(),
            "metrics": {split: a["metrics"] for split, a in assessments.items()},
            "baseline": {split: a["baseline"] for split, a in assessments.items()},
            "primary_metric": primary_metric(self.job.task),
            "best_epoch": outcome.best_epoch,
            "epochs": outcome.epochs,
            "steps": outcome.step,
            "stopped": outcome.reason,
            "seconds": outcome.seconds,
            "parameters": sum(p.numel() for p in self.job.module.parameters()),
            "rows": {split: len(part) for split, part in self.parts.items()},
            "findings": [finding.to_json() for finding in findings],
            **self.story(),
        }

    def _concluded(self, known: Sequence[Finding]) -> Sequence[Finding]:
        """The watcher's verdict on what is on the disk, as anybody else reads it there."""
        if self.watcher is None:
            return known
        return self.watcher.concluded(History.read(self.run.events))

    def _write_divergence(
        self, trainer: Trainer, writer: EventWriter, error: DivergedError
    ) -> None:
        finding = Finding(
            severity="error",
            symptom="a number that is not finite",
            number=1,
            category="learning_rate",
            where=f"step {trainer.cursor.step}",
            advice=str(error),
        )
        writer.append("end", _end("diverged", trainer))
        findings = self._concluded([*self.findings, finding])
        write_document(
            self.run.summary,
            {
                "status": "diverged",
                "task": self.job.task.to_json(),
                "metrics": {},
                "epochs": trainer.cursor.epoch,
                "steps": trainer.cursor.step,
                "seconds": trainer.seconds,
                "findings": [finding.to_json() for finding in findings],
                **self.story(),
            },
        )


def _end(reason: str, trainer: Trainer) -> dict[str, Any]:
    return {"reason": reason, "step": trainer.cursor.step, "epoch": trainer.cursor.epoch}


def _numpy(weights: Any) -> np.ndarray | None:
    return None if weights is None else weights.double().cpu().numpy()
