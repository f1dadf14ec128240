"""Everything the report knows of a run, read from its files once, as one frozen value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ranvier.core.errors import RanvierError
from ranvier.core.finding import Finding
from ranvier.core.task import Task, TaskKind
from ranvier.report.words import of_pictures
from ranvier.runs.documents import read_document
from ranvier.runs.events import read_events
from ranvier.runs.layout import RunFolder
from ranvier.spec import Network

Json = Mapping[str, Any]
SPLITS = ("test", "validation", "train")


@dataclass(frozen=True)
class ReportData:
    """A run as its files tell it; whatever a run that ended early did not write is empty."""

    name: str
    run: Json
    summary: Json = field(default_factory=dict)
    network_text: str | None = None
    table: Json | None = None
    drawing: str | None = None
    members: int | None = None
    events: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)

    def of_kind(self, kind: str) -> tuple[Json, ...]:
        """The events of one kind, oldest first."""
        return self.events.get(kind, ())

    @property
    def task(self) -> Task:
        document = self.run.get("task") or {}
        if isinstance(document, str):
            document = {"kind": document}
        known: tuple[TaskKind, ...] = ("classification", "multilabel", "regression")
        return Task(
            next((kind for kind in known if kind == document.get("kind")), "regression"),
            str(document.get("target", "the target")),
            tuple(document.get("classes", ())),
        )

    @property
    def data(self) -> Json:
        return self.run.get("data") or {}

    @property
    def is_of_pictures(self) -> bool:
        """Whether the data is pictures; else it is rows of columns."""
        return self.run.get("application") == "image"

    def told(self, words: str) -> str:
        """Ranvier's own words about rows, said of what this run's data is made of."""
        return of_pictures(words) if self.is_of_pictures else words

    def pictures(self, what: str) -> Json:
        """The newest record of what a run of pictures shows of them, empty where there is none."""
        found = [event for event in self.of_kind("pictures") if event.get("what") == what]
        return found[-1] if found else {}

    @property
    def source(self) -> str | None:
        """What the data was read from, as it was named."""
        found = self.data.get("source")
        return None if found is None else str(found)

    @property
    def start(self) -> Json:
        started = self.of_kind("start")
        return started[0] if started else {}

    @property
    def epochs(self) -> tuple[Json, ...]:
        return self.of_kind("epoch")

    @property
    def end(self) -> Json:
        ended = self.of_kind("end")
        return ended[-1] if ended else {}

    @property
    def is_finished(self) -> bool:
        return bool(self.summary) or bool(self.end)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The summary's findings; before there is a summary, those said so far."""
        documents = self.summary.get("findings", self.of_kind("finding"))
        known = Finding.__dataclass_fields__
        return tuple(
            Finding(**{key: value for key, value in document.items() if key in known})
            for document in documents
        )

    @property
    def evaluations(self) -> Mapping[str, Json]:
        """The last evaluation of each split."""
        return {str(event.get("split")): event for event in self.of_kind("evaluation")}

    def metrics(self, split: str) -> Json:
        """The metrics of a split, as the summary or the split's evaluation has them."""
        summarised = (self.summary.get("metrics") or {}).get(split)
        return summarised or self.evaluations.get(split, {}).get("metrics") or {}

    def baseline(self, split: str) -> Json:
        """The metrics that the trivial answer gets on a split."""
        summarised = (self.summary.get("baseline") or {}).get(split)
        return summarised or self.evaluations.get(split, {}).get("baseline") or {}

    def rows(self, split: str) -> int | None:
        """Rows of a split."""
        for counts in (self.summary.get("rows"), self.start.get("rows"), self.data.get("rows")):
            if isinstance(counts, Mapping) and counts.get(split) is not None:
                return int(counts[split])
        return None

    @property
    def judged_on(self) -> str | None:
        """The fairest split with metrics: test, else validation, else train."""
        return next((split for split in SPLITS if self.metrics(split)), None)

    @property
    def primary_metric(self) -> str | None:
        """The metric that the run is judged by."""
        if self.summary.get("primary_metric"):
            return str(self.summary["primary_metric"])
        usual = ("accuracy", "roc_auc", "f1_macro", "r2", "rmse")
        found = self.metrics(self.judged_on) if self.judged_on else {}
        return next((name for name in usual if name in found), next(iter(found), None))

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights were kept."""
        if self.summary.get("best_epoch") is not None:
            return int(self.summary["best_epoch"])
        best = [event["epoch"] for event in self.epochs if event.get("best")]
        return best[-1] if best else None


def gather(folder: str | Path) -> ReportData:
    """Read a run's files.

    Raises:
        RunError: if this is no run's folder, or a file of it is damaged.
    """
    run = RunFolder.open(folder)
    document = read_document(run.run)
    summary = read_document(run.summary) if run.summary.exists() else {}
    events: dict[str, list[Json]] = {}
    if run.events.exists():
        for event in read_events(run.events):
            events.setdefault(str(event.get("kind")), []).append(event)
    sorted_events = {kind: tuple(found) for kind, found in events.items()}
    network = None
    if run.network.exists():
        network = Network.from_json(json.dumps(read_document(run.network)))
    start = sorted_events.get("start", ({},))[0]
    table, drawing = _describe(network, document, start)
    return ReportData(
        name=run.path.resolve().name,
        run=document,
        summary=summary,
        network_text=None if network is None else network.to_json(),
        table=table,
        drawing=drawing,
        members=None if network is None else network.members,
        events=sorted_events,
    )


def _describe(network: Network | None, run: Json, start: Json) -> tuple[Json | None, str | None]:
    """The network's table and drawing, where there is a description and a shape to give it."""
    if network is None:
        return None, None
    shape = input_shape(network, run, start)
    try:
        return network.describe(input=shape).to_json(), network.draw(input=shape)
    except RanvierError:
        # Without a shape that fits, the report shows the parameters that the run recorded.
        return None, None


def input_shape(network: Network, run: Json, start: Json) -> tuple[int, ...] | None:
    """The shape of one row as the network meets it, or None where its first layer implies one."""
    for recorded in (start.get("input_shape"), run.get("input_shape")):
        if recorded:
            return tuple(int(size) for size in recorded)
    if network.implied_inputs() is not None:
        return None
    shapes = start.get("parameter_shapes") or ()
    matrix = next((shape for shape in shapes if len(shape) == 2), None)
    return (int(matrix[1]),) if matrix else None
