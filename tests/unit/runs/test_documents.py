from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.core.errors import DamagedError, FormatError, RunError
from ranvier.runs.documents import parse_document, read_document, render_document, write_document

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
mappings = st.dictionaries(st.text().filter(lambda k: k not in ("format", "digest")), json_values)


@given(mappings)
def test_what_is_written_comes_back_the_same_and_in_order(mapping):
    back = parse_document(Path("run.json"), render_document(mapping))
    assert back == mapping
    assert list(back) == list(mapping)


def test_the_format_comes_first_and_the_digest_is_of_the_text_without_its_line(tmp_path):
    path = tmp_path / "run.json"
    write_document(path, {"task": "größe", "rows": 3})
    text = path.read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["format", "task", "rows", "digest"]
    assert "größe" in text
    assert '\n  "rows": 3' in render_document({"rows": 3, "long": "x" * 99}).decode()
    without = '{"format": 1, "task": "größe", "rows": 3}\n'
    assert json.loads(text)["digest"] == hashlib.sha256(without.encode()).hexdigest()


def test_numbers_that_are_not_finite_become_null_and_numpys_become_plain(tmp_path):
    path = tmp_path / "summary.json"
    mapping = {
        "nan": float("nan"),
        "inf": [np.float32("inf"), -float("inf")],
        "count": np.int64(3),
        "matrix": np.eye(2),
        "path": path,
        "numpy_float": np.float64("nan"),
    }
    write_document(path, mapping)
    assert read_document(path) == {
        "nan": None,
        "inf": [None, None],
        "count": 3,
        "matrix": [[1.0, 0.0], [0.0, 1.0]],
        "path": str(path),
        "numpy_float": None,
    }


def test_integers_of_any_size_and_names_that_are_not_unicode_survive(tmp_path):
    path = tmp_path / "document.json"
    mapping = {"random_state": 2**130 + 1, "command": "train \udcff.csv"}
    write_document(path, mapping)
    assert read_document(path) == mapping


def test_what_json_cannot_say_is_refused():
    with pytest.raises(TypeError, match="a document cannot hold a set"):
        render_document({"classes": {1, 2}})
    with pytest.raises(ValueError, match="sets its digest and its format"):
        render_document({"digest": "mine"})
    with pytest.raises(ValueError, match="sets its digest and its format"):
        render_document({"format": 2})


def test_every_flipped_bit_is_found(tmp_path):
    path = tmp_path / "run.json"
    data = render_document({"metrics": {"accuracy": 0.75}, "seed": 0, "é": [1, None, True]})
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            with pytest.raises((DamagedError, FormatError)):
                parse_document(path, bytes(flipped))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"format": 1}',
        b'{"format": 1, "a": NaN, "digest": "x"}',
        b"[" * 100_000,
        b'{"format": 1, "a": ' + b"9" * 5000 + b"}",
        b'{"format": "1", "digest": 3}',
    ],
)
def test_a_file_that_is_no_document_is_called_damaged(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_bytes(text)
    with pytest.raises(DamagedError) as caught:
        read_document(path)
    assert str(caught.value).startswith(f"{path}: damaged, or edited by hand: ")
    assert "Restore it from a copy, or train again" in str(caught.value)


def test_an_edit_by_hand_that_leaves_valid_json_is_refused(tmp_path):
    path = tmp_path / "summary.json"
    write_document(path, {"accuracy": 0.71})
    path.write_text(path.read_text().replace("0.71", "0.91"))
    with pytest.raises(DamagedError, match="its digest does not fit its text"):
        read_document(path)


def test_a_newer_format_says_so_and_what_to_do(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"format": 3, "something": "else"}))
    with pytest.raises(FormatError) as caught:
        read_document(path)
    assert str(caught.value) == (
        f"{path} was written by a newer Ranvier (format 3; this one reads up to 1). "
        "Upgrade Ranvier to read it: pip install --upgrade ranvier."
    )


def test_a_missing_file_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "run.json"
    with pytest.raises(RunError) as caught:
        read_document(path)
    assert str(caught.value) == (
        f"{path}: this file of the run is missing. Restore it from a copy, or train again."
    )


def test_a_folder_in_the_files_place_is_said(tmp_path):
    with pytest.raises(RunError, match=r"cannot be read \(Is a directory\)"):
        read_document(tmp_path)
