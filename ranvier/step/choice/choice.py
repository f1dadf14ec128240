"""What runs a program, and why: for people in a line, for a run and the cache as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ranvier.core.errors import ConfigError
from ranvier.step.variants import Variant


@dataclass(frozen=True)
class Candidate:
    """An executor and the variant of the program that it runs."""

    executor: str
    variant: Variant

    @property
    def words(self) -> str:
        return f"{self.executor} in {self.variant.words}"


@dataclass(frozen=True)
class Trial:
    """A candidate with what came of it: milliseconds a step, None if it was not run to the end.

    `note` says why it is out where the time alone does not.
    """

    candidate: Candidate
    milliseconds: float | None = None
    note: str = ""

    def words_beside(self, chosen: Candidate) -> str:
        """The trial for people who know how many threads the chosen candidate has."""
        candidate = self.candidate
        if candidate.variant.threads == chosen.variant.threads:
            candidate = replace(candidate, variant=replace(candidate.variant, threads=None))
        time = "" if self.milliseconds is None else f" {_short(self.milliseconds)}"
        note = f": {self.note}" if self.note else ""
        return f"{candidate.words}{time}{note}"


@dataclass(frozen=True)
class Choice:
    """The candidate that runs, the reason for it, and all that was tried for it.

    >>> replay = Candidate("replay", Variant(number_format="bfloat16", threads=2))
    >>> eager = Candidate("eager", Variant(threads=2))
    >>> Choice(replay, "measured", (Trial(eager, 3.35), Trial(replay, 1.24))).line
    'runs as replay in bfloat16, 2 threads: 1.2 ms a step (eager in float32 3.4)'
    >>> Choice(eager, "only 100 updates").line
    'runs as eager in float32, 2 threads: only 100 updates'
    """

    chosen: Candidate
    reason: str
    tried: tuple[Trial, ...] = ()

    @property
    def executor(self) -> str:
        return self.chosen.executor

    @property
    def variant(self) -> Variant:
        return self.chosen.variant

    @property
    def line(self) -> str:
        """The choice for people."""
        own = next((t for t in self.tried if t.candidate == self.chosen and not t.note), None)
        others = "; ".join(
            trial.words_beside(self.chosen) for trial in self.tried if trial is not own
        )
        if own is None or own.milliseconds is None:
            why = self.reason
        else:
            why = f"{_short(own.milliseconds)} ms a step"
        return f"runs as {self.chosen.words}: {why}" + (f" ({others})" if others else "")

    def to_json(self) -> dict[str, Any]:
        return {
            **_candidate_to_json(self.chosen),
            "reason": self.reason,
            "tried": [
                {
                    **_candidate_to_json(trial.candidate),
                    "milliseconds": trial.milliseconds,
                    "note": trial.note,
                }
                for trial in self.tried
            ],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Choice:
        """The choice of a document that `to_json` gave.

        Raises:
            ConfigError: for anything else.
        """
        try:
            tried = tuple(
                Trial(_candidate_from_json(each), each["milliseconds"], each["note"])
                for each in document["tried"]
            )
            return cls(_candidate_from_json(document), document["reason"], tried)
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"a choice of executor came as {document!r}; expected what a run keeps. "
                "Leave it out, and it is made anew."
            ) from error


def _candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    return {"executor": candidate.executor, "variant": candidate.variant.to_json()}


def _candidate_from_json(document: Mapping[str, Any]) -> Candidate:
    return Candidate(document["executor"], Variant.from_json(document["variant"]))


def _short(milliseconds: float) -> str:
    """Two digits, or all before the point."""
    if milliseconds >= 10:
        return f"{milliseconds:.0f}"
    return f"{milliseconds:.2g}"
