"""The page on activations and initialisers says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranvier.spec import ACTIVATIONS, INITIALIZERS, Initializer
from ranvier.spec.activation_functions import LAYERS_INSTEAD

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "activations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_page_has_every_activation_with_its_equation_and_start(name):
    known = ACTIVATIONS[name]
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` ")]
    assert known.equation.replace("|", r"\|") in row
    assert row.endswith(f"| `{known.initializer}` |")
    assert all(f"`{option}` " in row for option in known.options)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_page_has_every_initializer_with_what_it_draws(name):
    (row,) = [
        line
        for line in PAGE.splitlines()
        if line.startswith(f"| `{name}` | {Initializer(name).meaning}")
    ]
    assert all(f"`{option}` " in row for option in INITIALIZERS[name].options)


def test_the_page_has_every_layer_that_is_no_function():
    assert all(
        f"`rv.{layer}`" in PAGE or layer == "Maxout(2)" for _, layer in LAYERS_INSTEAD.values()
    )
    assert "`rv.Maxout(4)`" in PAGE


def test_the_picture_has_every_activation_that_takes_each_number_alone():
    picture = (DOCS / "pictures" / "activations.svg").read_text(encoding="utf-8")
    for name, known in ACTIVATIONS.items():
        assert (f">{name}</text>" in picture) is not known.over_features
