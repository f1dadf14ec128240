"""The names of `rv`: each is what it says, whatever was imported before it."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST = [
    "rv.load",
    "rv.NetworkClassifier",
    "rv.build",
    "__import__('ranvier.train.progress')",
    "__import__('ranvier.api')",
]


@pytest.mark.parametrize("first", FIRST)
def test_train_is_the_function_whatever_came_first(first: str) -> None:
    code = f"import ranvier as rv; {first}; print(rv.train.__module__, rv.train.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ranvier.api train\n"


def test_the_folder_train_is_still_imported_from() -> None:
    code = "import ranvier as rv; rv.train; from ranvier.train.progress import Silent; Silent()"
    subprocess.run([sys.executable, "-c", code], check=True)
