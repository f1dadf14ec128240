"""The library is built once, loaded only from a private place, and its absence is said in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ranvier.step.native import NativeUnavailable, build, library


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources that compile in no time, in place of the library's own."""
    sources = tmp_path / "source"
    sources.mkdir()
    (sources / "one.c").write_text("int one(void) { return 1; }\n")
    monkeypatch.setattr(build, "SOURCE", sources)
    return sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    return cache


def needs_compiler() -> None:
    if build.compiler() is None:
        pytest.skip("no C compiler here")


def test_what_is_built_loads_and_is_not_built_again(tiny: Path, folder: Path) -> None:
    needs_compiler()
    path = build.build(folder)
    assert build.load(path).one() == 1
    stamp = path.stat().st_mtime_ns
    assert build.build(folder) == path
    assert path.stat().st_mtime_ns == stamp
    assert [entry.name for entry in folder.iterdir()] == [path.name]


def test_changed_sources_make_another_library(tiny: Path, folder: Path) -> None:
    needs_compiler()
    first = build.build(folder)
    (tiny / "one.c").write_text("int one(void) { return 2; }\n")
    second = build.build(folder)
    assert second != first
    assert build.load(second).one() == 2


def test_sources_that_do_not_compile_are_reported_in_one_line(tiny: Path, folder: Path) -> None:
    needs_compiler()
    (tiny / "one.c").write_text("int one(void) { return nothing; }\n")
    with pytest.raises(NativeUnavailable, match="the C compiler failed: .*nothing") as caught:
        build.build(folder)
    assert "\n" not in str(caught.value)
    assert list(folder.iterdir()) == []


def test_a_machine_without_a_compiler_is_told_so(
    tiny: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "compiler", lambda: None)
    with pytest.raises(NativeUnavailable, match="this machine has no C compiler"):
        build.build(folder)


def test_no_folder_to_keep_it_in_is_no_library() -> None:
    with pytest.raises(NativeUnavailable, match="no folder to keep a compiled library in"):
        build.build(None)


def test_a_library_that_others_may_write_to_is_not_loaded(tiny: Path, folder: Path) -> None:
    needs_compiler()
    path = build.build(folder)
    path.chmod(0o722)
    with pytest.raises(NativeUnavailable, match="others may write to"):
        build.build(folder)
    path.chmod(0o700)
    folder.chmod(0o777)
    with pytest.raises(NativeUnavailable, match="others may write to"):
        build.build(folder)


def test_a_library_of_somebody_else_is_not_loaded(
    tiny: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_compiler()
    build.build(folder)
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    with pytest.raises(NativeUnavailable, match="nothing is loaded from it"):
        build.build(folder)


def test_a_file_that_is_no_library_is_reported(tiny: Path, folder: Path) -> None:
    needs_compiler()
    path = build.build(folder)
    path.write_bytes(b"no library")
    with pytest.raises(NativeUnavailable, match="the compiled library does not load"):
        build.load(path)


def test_whoever_asks_for_the_library_gets_words_and_no_exception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build, "cache_folder", lambda: None)
    assert library() == "there is no folder to keep a compiled library in"


def test_the_sources_are_part_of_the_package() -> None:
    names = {entry.name for entry in build.SOURCE.iterdir()}
    assert {"tape.c", "elements.c", "gemm.c", "kernels.h"} <= names


def test_it_is_known_beforehand_whether_a_compiler_will_run(tiny: Path, folder: Path) -> None:
    needs_compiler()
    assert build.will_compile(folder)
    build.build(folder)
    assert not build.will_compile(folder)
    assert not build.will_compile(None)
