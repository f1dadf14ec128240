"""What docs/conventions.md names exists in Ranvier, PyTorch and Keras, with those arguments."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import ast
import inspect
import re
from pathlib import Path

import keras
import pytest
import torch

import ranvier as rv

PAGE = Path(__file__).parents[2] / "docs" / "conventions.md"
TABLES = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
PACKAGES = {"rv": rv, "torch": torch, "keras": keras}
NAMES = sorted(
    {code for line in TABLES for code in re.findall(r"`((?:rv|torch|keras)\.[^`]+)`", line)}
)


@pytest.mark.parametrize("code", NAMES)
def test_a_name_exists_and_takes_the_arguments_that_are_shown(code):
    shown = ast.parse(code, mode="eval").body
    call = shown if isinstance(shown, ast.Call) else None
    dotted = ast.unparse(call.func if call else shown).split(".")
    found = PACKAGES[dotted[0]]
    for part in dotted[1:]:
        found = getattr(found, part)
    if call:
        known = inspect.signature(found).parameters
        assert {keyword.arg for keyword in call.keywords} <= set(known)


def test_every_row_has_its_four_cells():
    cells = [line.replace(r"\|", "").count("|") for line in TABLES]
    assert set(cells) == {5}


def test_the_versions_named_are_those_compared_with():
    versions = (
        f"PyTorch {'.'.join(torch.__version__.split('.')[:2])}",
        f"Keras {keras.__version__[:4]}",
    )
    heads = [line for line in TABLES if line.startswith("| thing")]
    assert heads and all(version in head for head in heads for version in versions)
