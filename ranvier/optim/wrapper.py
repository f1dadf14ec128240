"""An optimiser that adds something to the steps of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

from torch import Tensor

from ranvier.core.errors import ConfigError
from ranvier.core.kinds import from_spec, to_document
from ranvier.optim.descent import Slots
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer


@dataclass(frozen=True)
class Wrapper(Optimizer):
    """Another optimiser with something around each of its steps.

    `inner` is an optimiser, its name, or its `{kind, options}`. The learning rate and the weight
    decay are the inner one's: given here, they are handed down, so both always agree.

    Raises:
        ConfigError: an inner optimiser that cannot be, or that is already inside one of this kind.
    """

    # Declared so loosely for files, which hold a name or a mapping; it is an Optimizer afterwards.
    inner: Any = "adamw"
    _: KW_ONLY
    learning_rate: float | None = None  # type: ignore[assignment]  # a number once made
    weight_decay: float | None = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        inner: Optimizer = from_spec(OPTIMIZERS, self.inner)
        told = {
            name: value
            for name in ("learning_rate", "weight_decay")
            if (value := getattr(self, name)) is not None
        }
        inner = replace(inner, **told)
        object.__setattr__(self, "inner", inner)
        for name in ("learning_rate", "weight_decay", "capturable", "moves_all_alike"):
            object.__setattr__(self, name, getattr(inner, name))
        super().__post_init__()
        within: Any = inner
        while isinstance(within, Wrapper):
            if within.kind == self.kind:
                raise ConfigError(
                    f"{type(self).__name__}: inner={within!r} is one already. Take it once."
                )
            within = within.inner

    def members(self, named: Mapping[str, Tensor]) -> list[tuple[Optimizer, list[int]]]:
        return self.inner.members(named)

    def shared_slots(self, parameters: list[Tensor]) -> Slots:
        return self.inner.shared_slots(parameters)

    def shared_answer(self, shared: Slots) -> list[Tensor] | None:
        return self.inner.shared_answer(shared)

    def to_json(self) -> dict[str, Any]:
        return {**to_document(self), "inner": self.inner.to_json()}
