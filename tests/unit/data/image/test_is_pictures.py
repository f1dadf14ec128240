"""What is taken for pictures, and at what cost it is found out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ranvier.core.errors import SourceError
from ranvier.data.image import is_pictures
from ranvier.data.tabular import read_table
from ranvier.runs.settings import TrainSettings

SETTINGS = TrainSettings()


def test_a_folder_is_pictures_unless_all_in_it_are_tables(tmp_path: Path) -> None:
    assert is_pictures(tmp_path, SETTINGS)
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    assert not is_pictures(tmp_path, SETTINGS)
    (tmp_path / "cats").mkdir()
    assert is_pictures(str(tmp_path), SETTINGS)


def test_a_folder_with_a_table_of_pictures_elsewhere_is_pictures(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"x")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text(f"file,y\n{tmp_path / '1.png'},a\n")
    assert is_pictures(tmp_path / "tables", SETTINGS)


@pytest.mark.parametrize("name", ["a.png", "gone/b.JPG"])
def test_a_name_of_a_picture_is_pictures_though_it_is_not_there(name: str) -> None:
    assert is_pictures(name, SETTINGS)


@pytest.mark.parametrize("source", ["gone", "gone.csv", "gone.npz", "iris", "\0", 3, None, []])
def test_what_is_not_there_is_left_to_the_reader_of_tables(source: object) -> None:
    assert not is_pictures(source, SETTINGS)


def test_a_broken_table_is_no_pictures(tmp_path: Path) -> None:
    for name in ("a.parquet", "a.feather", "a.xlsx", "a.csv"):
        (tmp_path / name).write_bytes(b"1.png,\xff\x00\n")
        assert not is_pictures(tmp_path / name, SETTINGS)


def test_pictures_are_told_by_their_axes() -> None:
    assert is_pictures(np.zeros((2, 3, 4)), SETTINGS)
    assert is_pictures({"images": np.zeros((2, 3, 4)), "labels": [0, 1]}, SETTINGS)
    assert is_pictures({"train": (np.zeros((2, 3, 4, 3)), [0, 1])}, SETTINGS)
    assert not is_pictures({"x": np.zeros(3), "y": np.zeros(3)}, SETTINGS)


def test_finding_out_imports_neither_torch_nor_pillow(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,y\n1.png,a\n")
    program = (
        "import sys; from ranvier.data.image.is_pictures import is_pictures; "
        "from ranvier.runs.settings import TrainSettings; "
        f"is_pictures({str(tmp_path / 'a.csv')!r}, TrainSettings()); "
        "print([name for name in ('torch', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_set_of_pictures_is_no_table() -> None:
    with pytest.raises(SourceError, match="mnist: a set of pictures; expected a table"):
        read_table("mnist")
