"""A run that heals itself, of any kind of data: the trainer's attempts, the doctor's cures."""

from __future__ import annotations

from typing import Any, Protocol

from ranvier.apps.preflight import Preflight
from ranvier.core.errors import PreflightError
from ranvier.diagnose.cures import Practice
from ranvier.runs.layout import RunFolder
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.train.healing import Healing, Refused
from ranvier.train.job import Job
from ranvier.train.progress import Progress
from ranvier.train.session import Session


class Trainable(Protocol):
    """Data, network and settings of an application, every choice made."""

    @property
    def settings(self) -> TrainSettings: ...
    @property
    def network(self) -> Network: ...

    def usual(self) -> TrainSettings:
        """The settings that data and network would get where nothing was asked for."""

    def under(self, settings: TrainSettings, network: Network) -> Trainable:
        """The same data with other settings and another network."""

    def job(self) -> Job:
        """The training, before its first step."""

    def looked_at(self, job: Job) -> Preflight | None:
        """What preflight finds, None where it is not asked for."""

    def session(
        self,
        job: Job,
        run: RunFolder,
        progress: Progress,
        *,
        opening: tuple[tuple[str, dict[str, Any]], ...] = (),
    ) -> Session:
        """The job in its run directory."""


def healing(prepared: Trainable, run: RunFolder, progress: Progress) -> Healing:
    """The healing of what is prepared, to begin or to resume."""

    def sessions(settings: TrainSettings, network: Network, begins: bool) -> Session:
        attempt = prepared.under(settings, network)
        job = attempt.job()
        found = attempt.looked_at(job) if begins else None
        if found is None:
            return attempt.session(job, run, progress)
        for finding in found.said:
            progress.say(str(finding))
        try:
            found.require_no_error()
        except PreflightError as error:
            errors = [each for each in found.findings if each.severity == "error"]
            raise Refused(errors, error) from None
        return attempt.session(job, run, progress, opening=found.records)

    return Healing(
        run=run,
        settings=prepared.settings,
        network=prepared.network,
        doctor=Practice(prepared.usual()),
        session=sessions,
        progress=progress,
    )
