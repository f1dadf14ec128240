"""The folder of what this machine keeps is the user's own, or none."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ranvier.core.cache import cache_folder, cache_root
from ranvier.core.version import VERSION


def test_it_lies_where_the_caller_or_the_desktop_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "cache"))
    assert cache_root() == tmp_path / "cache"
    monkeypatch.delenv("RANVIER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg" / "ranvier"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root() == tmp_path / "home" / ".cache" / "ranvier"


def test_each_version_has_a_folder_that_only_its_user_may_enter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "cache"))
    folder = cache_folder()
    assert folder == tmp_path / "cache" / VERSION
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_there_is_none_where_others_may_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "shared" / VERSION
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "shared"))
    assert cache_folder() is None


def test_there_is_none_where_a_file_stands_in_the_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "file"))
    assert cache_folder() is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_there_is_none_where_nothing_may_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "closed"))
    assert cache_folder() is None
