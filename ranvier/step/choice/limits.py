"""What a choice may not do: the bits that must stay, and what the caller has chosen already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ranvier.core.errors import ConfigError, suggestion
from ranvier.step.choice.choice import Candidate
from ranvier.step.executors import EXECUTORS
from ranvier.step.variants import Variant

_FORCEABLE = ("executor", "number_format", "attention", "layout", "recurrent", "threads")


@dataclass(frozen=True)
class Limits:
    """`exact` leaves only what gives eager's bits; `forced` are values that are no longer open.

    Raises:
        ConfigError, UnknownNameError: for a value that is not known, or that exact bits forbid.
    """

    exact: bool = False
    forced: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.forced:
            if name not in _FORCEABLE:
                raise ConfigError(f"{name} cannot be forced. {suggestion(name, _FORCEABLE)}")
        base = self.base
        executor = self.forced.get("executor")
        changes_bits = executor is not None and not EXECUTORS[executor].is_exact
        if self.exact and (changes_bits or not base.is_plain):
            came = f"executor={executor}" if changes_bits else base.words
            raise ConfigError(
                f"exact: got {came}, which changes bits; expected what gives those of eager "
                "execution. Leave one of the two out."
            )

    @property
    def base(self) -> Variant:
        """The variant that changes nothing but what is forced."""
        forced = {name: value for name, value in self.forced.items() if name != "executor"}
        return Variant(**{"threads": torch.get_num_threads(), **forced})

    @property
    def leaves_one(self) -> bool:
        """Whether the executor is told, and no variant of what it runs is open.

        An executor with bits of its own is not timed with others: it may compile for long.
        """
        told = set(self.forced)
        if "executor" not in told:
            return False
        is_exact = EXECUTORS[self.forced["executor"]].is_exact
        return self.exact or not is_exact or told == set(_FORCEABLE)

    def allow(self, candidate: Candidate) -> bool:
        """Whether it agrees with what is forced, and keeps bits where they must be kept."""
        if self.exact and not (
            EXECUTORS[candidate.executor].is_exact and candidate.variant == self.base
        ):
            return False
        return all(
            (candidate.executor if name == "executor" else getattr(candidate.variant, name))
            == value
            for name, value in self.forced.items()
        )
