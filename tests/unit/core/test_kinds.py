from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from ranvier.core.errors import ConfigError, UnknownNameError
from ranvier.core.kinds import check_ranges, from_spec, to_document
from ranvier.core.registry import Registry


@dataclass(frozen=True)
class Circle:
    radius: float = 1.0
    filled: bool = False

    kind: ClassVar[str] = "circle"

    def __post_init__(self) -> None:
        check_ranges(
            self,
            radius=(self.radius > 0, "a number above 0"),
            filled=(not self.filled or self.radius < 10, "a radius below 10 beside it"),
        )


SHAPES: Registry[type[Circle]] = Registry("shape")
SHAPES.add("circle", Circle, other_spellings=("disc",))


def test_a_member_a_name_and_a_mapping_all_give_a_member():
    assert from_spec(SHAPES, Circle(2.0)) == Circle(2.0)
    assert from_spec(SHAPES, "circle") == Circle()
    assert from_spec(SHAPES, {"kind": "circle", "radius": "3"}) == Circle(3.0)


def test_a_document_names_the_kind_and_every_option():
    document = to_document(Circle(2.0))
    assert document == {"kind": "circle", "radius": 2.0, "filled": False}
    assert from_spec(SHAPES, document) == Circle(2.0)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("circel", UnknownNameError, "unknown shape 'circel'. Did you mean 'circle'?"),
        ("disc", UnknownNameError, "unknown shape 'disc'. Here it is called 'circle'."),
        (
            {"radius": 1},
            ConfigError,
            ("shape: got {'radius': 1}; expected a name or a mapping with its 'kind'. "
            "Known: circle."),
        ),
        (3, ConfigError, ("shape: got 3; expected a name or a mapping with its 'kind'. "
         "Known: circle.")),
        (
            {"kind": "circle", "radios": 1},
            ConfigError,
            "shape circle: unknown setting 'radios'. Did you mean 'radius'?",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_answered_with_what_can(spec, error, message):
    with pytest.raises(error) as caught:
        from_spec(SHAPES, spec)
    assert str(caught.value) == message


def test_every_option_out_of_range_is_named_at_once():
    with pytest.raises(ConfigError) as caught:
        check_ranges(Circle(), radius=(False, "more"), filled=(False, "True"))
    assert str(caught.value) == (
        "Circle: radius=1.0; expected more.\nCircle: filled=False; expected True."
    )
