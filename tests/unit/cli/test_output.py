"""The one JSON document."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ranvier.cli.output import print_document


def printed(capsys, document):
    print_document(document)
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_numbers_that_are_not_finite_become_null(capsys):
    document = {"a": float("nan"), "b": [float("inf")], "c": np.float64("nan")}
    assert printed(capsys, document) == {"a": None, "b": [None], "c": None}


def test_paths_and_numpy_numbers_are_plain(capsys):
    document = {"path": Path("runs/a"), "count": np.int64(3), "share": np.float32(0.5)}
    assert printed(capsys, document) == {"path": "runs/a", "count": 3, "share": 0.5}


def test_what_has_no_place_in_a_document_is_our_fault():
    with pytest.raises(TypeError, match="object has no place in a JSON document"):
        print_document({"a": object()})
