"""What only reads files, or only describes, opens without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.tree import MODULES, ROOT

LIGHT = ("core", "spec", "runs", "metrics", "data", "report", "cli")
# These hold tensors: a run's weights and its checkpoints.
HEAVY = {"ranvier.runs.tensors", "ranvier.runs.checkpoints", "ranvier.runs.model"}


def loaded_after(*modules: str) -> set[str]:
    code = f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
    code += "print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("folder", LIGHT)
def test_a_light_folder_imports_no_torch(folder):
    modules = [
        module for module in MODULES if module.split(".")[1:2] == [folder] and module not in HEAVY
    ]
    if not modules:
        pytest.skip(f"there is no {folder} yet")
    assert "torch" not in loaded_after(*modules)


def test_the_package_itself_imports_no_heavy_library():
    assert not loaded_after("ranvier") & {"torch", "numpy", "polars", "pandas", "sklearn"}
