"""What every application has once its choices are made: data, network, settings, and a training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from torch import nn

from ranvier.apps.choices import Choice
from ranvier.apps.preflight import Preflight
from ranvier.core.finding import Finding
from ranvier.core.task import Task
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.train.job import Job
from ranvier.train.progress import Progress
from ranvier.train.session import Session

Records = tuple[tuple[str, dict[str, Any]], ...]


class Data(Protocol):
    """What is known of the data of any kind."""

    @property
    def task(self) -> Task: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def profile(self) -> dict[str, Any]: ...
    @property
    def split(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def source(self) -> str: ...


@dataclass(frozen=True)
class Prepared(ABC):
    """The data, the network for it, and every setting chosen.

    `module` is the one to train a copy of, where the network was not built here; `source` is what
    the data was read from.
    """

    data: Any
    network: Network
    settings: TrainSettings
    choices: tuple[Choice, ...] = field(default=(), kw_only=True)
    module: nn.Module | None = field(default=None, kw_only=True)
    source: Any = field(default=None, kw_only=True)

    @property
    def known(self) -> Data:
        """The data, as far as all kinds of it are alike."""
        data: Data = self.data
        return data

    @abstractmethod
    def sizes(self) -> Mapping[str, int]:
        """How many rows each part has."""

    @abstractmethod
    def job(self) -> Job:
        """The training of this network on this data, before its first step.

        Raises:
            NetworkError, ConfigError: for a network, loss, metric or device that does not fit.
        """

    @abstractmethod
    def usual(self) -> TrainSettings:
        """The settings that this data and network would get where nothing was asked for."""

    @abstractmethod
    def under(self, settings: TrainSettings, network: Network) -> Self:
        """The same data with other settings and another network."""

    @abstractmethod
    def looked_at(self, job: Job) -> Preflight | None:
        """What preflight finds, None where it is not asked for."""

    @abstractmethod
    def session(
        self, job: Job, run: RunFolder, progress: Progress, *, opening: Records = ()
    ) -> Session:
        """The job in its run directory; `opening` are records to come before its first step."""

    def said(self) -> Iterable[str]:
        """What is told of the choices before training."""
        return (self.known.split, *map(str, self.choices))

    def facts(self) -> dict[str, Any]:
        """What the run keeps of its data besides where it came from and its profile."""
        return {}

    def examined(self, job: Job, progress: Progress) -> Records:
        """The records of preflight, if it is asked for, its warnings told.

        Raises:
            PreflightError: for what would spoil the training from its first update.
        """
        found = self.looked_at(job)
        if found is None:
            return ()
        found.require_no_error()
        for finding in found.said:
            progress.say(str(finding))
        return found.records
