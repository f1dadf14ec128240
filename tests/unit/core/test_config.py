"""Numbers of a settings schema stay inside their bounds."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ranvier.core.config import resolve, setting
from ranvier.core.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Example:
    epochs: int | None = setting(None, "passes", least=1)
    decay: float = setting(0.0, "decay", least=0, below=1)
    optimizer: str | dict[str, Any] | None = setting(None, "optimiser")


def test_a_number_inside_its_bounds_is_taken() -> None:
    assert resolve(Example, ("here", {"epochs": 1, "decay": 0.5})) == Example(1, 0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "here: epochs=0: expected a number of at least 1."),
        ({"decay": 1.0}, "here: decay=1.0: expected a number of at least 0 and below 1."),
        ({"decay": float("nan")}, "here: decay=NaN: expected a number of at least 0 and below 1."),
    ],
)
def test_a_number_out_of_bounds_is_answered_with_them(given: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(Example, ("here", given))
    assert str(caught.value) == message


def test_all_numbers_out_of_bounds_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)epochs=-2.*decay=7"):
        resolve(Example, ("here", {"epochs": -2, "decay": 7}))


@pytest.mark.parametrize("layers", [("name", "option"), ("option", "name")])
def test_an_option_and_the_name_it_belongs_to_come_in_either_order(layers: tuple[str, str]) -> None:
    given = {"name": {"optimizer": "sgd"}, "option": {"optimizer.momentum": 0.9}}
    resolved = resolve(Example, *((layer, given[layer]) for layer in layers))
    assert resolved.optimizer == {"kind": "sgd", "momentum": 0.9}


def test_another_name_drops_the_options_of_the_one_before() -> None:
    file = {"optimizer": {"kind": "sgd", "momentum": 0.9}}
    resolved = resolve(Example, ("file", file), ("--optimizer", {"optimizer": "adamw"}))
    assert resolved.optimizer == "adamw"
