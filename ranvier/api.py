"""The Python surface: train, load, resume. Wiring only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from ranvier.apps import conduct, image, tabular
from ranvier.apps.answering import AnsweringModel
from ranvier.core.config import resolve
from ranvier.core.errors import ConfigError, FormatError
from ranvier.core.finding import Finding
from ranvier.core.task import Task
from ranvier.losses import Loss
from ranvier.nn import Wrapped
from ranvier.optim import Optimizer, Schedule
from ranvier.report import write_report
from ranvier.runs.documents import read_document
from ranvier.runs.history import History
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.runs.verify import damaged_files
from ranvier.spec import Network
from ranvier.train.progress import Progress, Silent
from ranvier.train.replay import Replay, replay

if TYPE_CHECKING:
    import numpy as np
    import polars

    from ranvier.explain import Explanation


APPLICATIONS: dict[str, conduct.Application] = {
    application.NAME: application for application in (tabular, image)
}


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: damaged files, and the replay between checkpoints if it was run."""

    damaged: tuple[str, ...]
    replay: Replay | None

    @property
    def is_whole(self) -> bool:
        """No file is damaged, and nothing that was replayed came out otherwise."""
        return not self.damaged and (self.replay is None or self.replay.is_exact)


class Run:
    """A trained run: what it measured, its network, and its predictions.

    `rv.train`, `rv.load` and `rv.resume` give one. Everything is read from the run directory when
    it is asked for, every byte checked.
    """

    def __init__(self, folder: RunFolder, *, module: nn.Module | None = None) -> None:
        self.folder = folder
        self._module = module

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.folder.path

    @cached_property
    def document(self) -> dict[str, Any]:
        """run.json: settings, choices, data, environment."""
        return read_document(self.folder.run)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json: how it ended; only `status` where it has not ended yet."""
        if not self.folder.summary.is_file():
            return {"status": "unfinished", "metrics": {}, "baseline": {}, "findings": []}
        return read_document(self.folder.summary)

    @property
    def task(self) -> Task:
        """What is predicted: a class or a number, of which column, with which classes."""
        return Task.from_json(self.document["task"])

    @cached_property
    def history(self) -> History:
        """All that was recorded, step by step and epoch by epoch."""
        return History.read(self.folder.events)

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Metrics by split: `run.metrics["test"]["accuracy"]`."""
        return self.summary["metrics"]

    @property
    def baseline(self) -> dict[str, dict[str, float]]:
        """The same metrics of the trivial answer: class frequencies, or the mean."""
        return self.summary["baseline"]

    @property
    def findings(self) -> list[Finding]:
        """What was noticed in the data or the training, with what to do about it."""
        return [Finding.from_json(finding) for finding in self.summary["findings"]]

    @cached_property
    def network(self) -> Network:
        """The description of the network."""
        return Network.from_json(json.dumps(read_document(self.folder.network)))

    @cached_property
    def answering(self) -> AnsweringModel:
        """The trained network behind the encoder that it was trained with."""
        application = _application_of(self.document)
        return application.load_model(self.folder, module=self._module)

    @property
    def model(self) -> nn.Module:
        """The trained network, a plain `nn.Module` in evaluation mode."""
        return self.answering.module

    def predict(self, rows: Any) -> np.ndarray:
        """A label as the data spells it, or a value, per row of a file, frame, folder or array."""
        return self.answering.predict(rows)

    def predict_proba(self, rows: Any) -> np.ndarray:
        """A probability per class and row, classes in the order of `run.task.classes`."""
        return self.answering.predict_proba(rows)

    def predict_table(self, rows: Any, *, top: int | None = None) -> polars.DataFrame:
        """One row of predictions per row: `prediction`, and what else the network says.

        A probability per class, or with `top` the likeliest so many classes with theirs; for a
        number what its loss teaches, such as `quantile_0.9` after `pinball` and
        `standard_deviation` after `gaussian_likelihood`.
        """
        return self.answering.predict_table(rows, top=top)

    def explain(self, source: Any, **options: Any) -> Explanation:
        """Which pixels of each picture its answer rests on, to look at and to save.

        `options`: `method` ("grad_cam", "integrated_gradients", "occlusion", …), `target` (the
        class to explain), `layer` (for Grad-CAM), `limit` (pictures at most).

        Raises:
            ConfigError: for a run that was not trained on pictures.
        """
        answering = self.answering
        if not isinstance(answering, image.PictureModel):
            raise ConfigError(
                f"{self.path}: explain is for runs on pictures so far, and this is one on a table."
            )
        return answering.explain(source, **options)

    def evaluate(self, source: Any) -> dict[str, float]:
        """The task's metrics on rows that hold the target, weighed as in training if they can be.

        Rows without the run's column of weights count alike.
        """
        return self.answering.evaluate(source, weight=self.document["settings"]["weight"])

    def report(self) -> Path:
        """Write the report anew from the run's files; its path comes back."""
        return write_report(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.summary['status']})"


def train(
    network: Network | Wrapped | nn.Module | None,
    source: Any,
    *,
    target: str | None = None,
    task: str | None = None,
    loss: str | dict[str, Any] | Loss | None = None,
    optimizer: str | dict[str, Any] | Optimizer | None = None,
    schedule: str | dict[str, Any] | Schedule | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress | None = None,
    command: str | None = None,
    **settings: Any,
) -> Run:
    """Train a network on data, from raw rows to a measured run with its report.

    Everything but the source may be left out; it is then chosen from the data before training,
    and the choice stands with its reason in the run.

    - `network`: a description, an `nn.Module` of your own (a copy of it is trained), or None for
      the default one for such data.
    - `source`: a table (CSV, TSV, JSON lines, Parquet, Feather, Excel), a folder of pictures with
      a folder for each class, a table that names pictures, pictures as arrays (IDX, npz), the name
      of a known data set, a polars or pandas frame, a mapping of columns, an array, or a pair
      `(X, y)`, of which X may be pictures `[N, H, W, C]`.
    - `target`: the column to predict, or None for the last one.
    - `task`: "classification", "multilabel" or "regression".
    - `loss`, `optimizer`, `schedule`: by name ("huber", "adamw", "one_cycle"), as a mapping
      `{"kind": "sgd", "momentum": 0.9}`, or as a value such as `rv.AdamW(1e-3)`.
    - `out`: the folder of the run, or None for the next free one under `runs/`.
    - `settings`: any other option of `ranvier train --help`, with underscores: `learning_rate`,
      `class_weight`, `test_fraction`, `group`, `patience`, …

    Training is silent unless `progress` is given. The run tells how it went: `run.metrics`,
    `run.baseline`, `run.findings`, `run.history`, `run.predict(rows)`, `run.report()`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = train(None, "iris", epochs=5, out=f"{folder}/run")
    ...     sorted(run.metrics), run.metrics["test"]["accuracy"] > run.baseline["test"]["accuracy"]
    (['test', 'train', 'validation'], True)

    Raises:
        ConfigError: for settings that are unknown or cannot be.
        DataError: for data that cannot be trained on.
        NetworkError: for a network that does not fit the data.
    """
    _require_network(network)
    named = {
        "target": target,
        "task": task,
        "loss": _plain(loss),
        "optimizer": _plain(optimizer),
        "schedule": _plain(schedule),
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
    }
    resolved = resolve(TrainSettings, ("rv.train", {**named, **settings}))
    application: conduct.Application = image if image.takes(source, resolved) else tabular
    folder = conduct.begin(
        application,
        network,
        source,
        resolved,
        out=out,
        progress=progress or Silent(),
        command=command,
    )
    return Run(folder, module=_module_of(network))


def load(path: str | Path, *, module: nn.Module | None = None) -> Run:
    """The run at `path`; `module` is one like the one that was trained, if that was your own.

    Raises:
        RunError: if there is none, or a file of it is damaged.
    """
    run = Run(RunFolder.open(path), module=module)
    _ = run.document, run.summary
    return run


def resume(
    path: str | Path,
    source: Any = None,
    *,
    module: nn.Module | None = None,
    progress: Progress | None = None,
) -> Run:
    """Go on with a run exactly where it stopped; a finished one comes back as it is.

    `source` says where its data stands now, if it was in memory or was moved; `module` is the one
    that it was begun with, if that was your own.

    Raises:
        DataError: if the source is not the data that the run was begun with.
        RunError: if there is no run, or its newest checkpoint is damaged.
    """
    folder = RunFolder.open(path)
    application = _application_of(read_document(folder.run))
    progress = progress or Silent()
    conduct.resume(application, folder, source=source, module=module, progress=progress)
    return Run(folder, module=module)


def verify(
    path: str | Path,
    source: Any = None,
    *,
    module: nn.Module | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Hold every byte of a run against what was written, and prove that its resume is exact.

    The steps between its two checkpoints are run again, if the files are whole, and every tensor
    and number they lead to is compared with the newer checkpoint, bit for bit.

    Raises:
        DataError: if the source is not the data that the run was begun with.
        RunError: if there is no run, or it is being written.
    """
    folder = RunFolder.open(path)
    with folder.lock():
        damaged = tuple(damaged_files(folder))
        replayed = None
        if not damaged:
            application = _application_of(read_document(folder.run))
            progress = progress or Silent()
            prepared = conduct.restore(
                application, folder, source=source, module=module, progress=progress
            )
            replayed = replay(prepared.job(), folder.checkpoints, progress=progress)
    return Verdict(damaged, replayed)


def _require_network(network: Any) -> None:
    if network is not None and not isinstance(network, Network | Wrapped | nn.Module):
        raise ConfigError(
            f"rv.train: network is {type(network).__name__} {network!r}; expected a rv.Network, an "
            "nn.Module, or None for the default. Read a file with rv.Network.from_json(text)."
        )


def _application_of(document: Mapping[str, Any]) -> conduct.Application:
    """The application that made a run, by what its run.json says."""
    name = document.get("application", tabular.NAME)
    if name not in APPLICATIONS:
        raise FormatError(
            f"run.json: application is {name!r}; this Ranvier knows "
            f"{', '.join(map(repr, APPLICATIONS))}. Read the run with the version that wrote it."
        )
    return APPLICATIONS[name]


def _module_of(network: Any) -> nn.Module | None:
    own = network.module if isinstance(network, Wrapped) else network
    return own if isinstance(own, nn.Module) else None


def _plain(value: Any) -> Any:
    return value.to_json() if isinstance(value, Loss | Optimizer | Schedule) else value
