"""The scripts in examples/ do what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.slow


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_network_of_ones_own_beats_the_mean(capsys: pytest.CaptureFixture[str]) -> None:
    test = load("own_network").main()
    assert test["r2"] > 0.3
    assert "residual_1" in capsys.readouterr().out


def test_a_network_in_a_pipeline_is_searched_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert load("scikit_learn_pipeline").main() > 0.9
    assert "n_components" in capsys.readouterr().out
