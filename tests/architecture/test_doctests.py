"""Every example in a docstring runs and gives what it says."""

from __future__ import annotations

import doctest
import importlib

import pytest

from tests.architecture.tree import MODULES

WITH_EXAMPLES = [
    module for module, path in MODULES.items() if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_a_module_hold(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = importlib.import_module(module)
    failed, tried = doctest.testmod(loaded, optionflags=doctest.ELLIPSIS)
    assert failed == 0
    assert tried > 0
