"""What is chosen where the caller left it open, and why, in words that the run keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ranvier.core.config import to_json
from ranvier.core.errors import ConfigError
from ranvier.losses import loss_from
from ranvier.optim import ScheduleFreeAdamW, optimizer_from, schedule_from
from ranvier.report.words import said
from ranvier.runs.settings import TrainSettings


@dataclass(frozen=True)
class Choice:
    """A setting that was left open, the value it got, and the reason."""

    what: str
    value: Any
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {said(self.value)} ({self.why})"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def refuse(settings: TrainSettings, names: Iterable[str], because: str) -> None:
    """Refuse settings that say nothing of this kind of data, all at once.

    Raises:
        ConfigError: for those of `names` that are not as they are where nobody asks.
    """
    usual, asked = to_json(TrainSettings()), to_json(settings)
    told = [name for name in names if asked[name] != usual[name]]
    if told:
        raise ConfigError(
            f"{', '.join(told)}: {because}. Leave {'it' * (len(told) == 1) or 'them'} out."
        )


def fill(settings: TrainSettings, defaults: Iterable[Choice]) -> tuple[TrainSettings, list[Choice]]:
    """`settings` with every open one taken from `defaults`, and the choices that were taken.

    Of two defaults for the same setting the first counts.
    """
    values = to_json(settings)
    taken: dict[str, Choice] = {}
    for choice in defaults:
        if values[choice.what] is None:
            taken.setdefault(choice.what, choice)
    filled = replace(settings, **{what: choice.value for what, choice in taken.items()})
    return filled, list(taken.values())


def implied(settings: TrainSettings, *, single_logit: bool) -> list[Choice]:
    """What follows from the caller's own network and optimiser, ahead of any default.

    Raises:
        ConfigError: for an optimiser that is not known or cannot be.
    """
    choices = []
    if single_logit:
        choices.append(Choice("loss", "binary_cross_entropy", "the network gives one logit"))
    if settings.optimizer is not None:
        optimizer, why = optimizer_from(settings.optimizer), "as the optimiser given has it"
        choices.append(Choice("learning_rate", optimizer.learning_rate, why))
        choices.append(Choice("weight_decay", optimizer.weight_decay, why))
        if optimizer.kind == ScheduleFreeAdamW.kind:
            steady = {"kind": "constant", "warmup": 0.05}
            why = "this optimiser averages weights in place of a falling rate"
            choices.append(Choice("schedule", steady, why))
    return choices


def spell_out(settings: TrainSettings) -> TrainSettings:
    """Loss, optimiser and schedule as whole documents, with rate and decay in one place each.

    `fill` comes first: loss, optimiser and schedule must be named. The learning rate and the weight
    decay are the optimiser's own where they are not set.

    Raises:
        ConfigError: for an option of theirs that is not known or cannot be.
    """
    if settings.loss is None or settings.optimizer is None or settings.schedule is None:
        raise ValueError("loss, optimizer and schedule must be chosen before they are spelled out")
    optimizer = optimizer_from(settings.optimizer)
    rate, decay = settings.learning_rate, settings.weight_decay
    rate = optimizer.learning_rate if rate is None else rate
    decay = optimizer.weight_decay if decay is None else decay
    if rate <= 0:
        raise ConfigError(f"learning_rate={rate:g}: expected a number above 0, such as 0.001.")
    optimizer = replace(optimizer, learning_rate=rate, weight_decay=decay)
    return replace(
        settings,
        learning_rate=rate,
        weight_decay=decay,
        loss=loss_from(settings.loss).to_json(),
        optimizer=optimizer.to_json(),
        schedule=schedule_from(settings.schedule).to_json(),
    )
