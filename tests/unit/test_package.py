"""The names of the package itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ranvier as rv


@pytest.mark.parametrize(
    "first", ["import ranvier.train.trainer", "import ranvier.api", "import ranvier.cli.train"]
)
def test_a_function_keeps_its_name_when_the_folder_of_that_name_is_imported(first: str) -> None:
    program = f"{first}; import ranvier as rv; print(rv.train.__module__, callable(rv.train))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["ranvier.api", "True"], done.stderr


def test_every_name_that_is_listed_is_there() -> None:
    listed = [name for name in dir(rv) if not name.startswith("_")]
    assert {"Network", "Dense", "AdamW", "Huber", "train", "load", "NetworkClassifier"} <= {*listed}
    assert not {"Node", "TorchModule", "LAYERS", "norms", "trace"} & {*listed}
    assert all(getattr(rv, name) is not None for name in listed)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'ranvier' has no attribute 'Desne'"):
        _ = rv.Desne
