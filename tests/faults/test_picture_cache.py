"""The cache of decoded pictures: neither a kill, nor damage, nor company makes a picture wrong."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier.data.image import PictureData, prepare
from ranvier.runs.settings import TrainSettings
from tests.faults import pictures as make

WHOLE = TrainSettings(validation_fraction=0.0, test_fraction=0.0)


def decode(folder: Path) -> PictureData:
    return prepare(folder, WHOLE)


def child(folder: Path) -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ranvier.data.image"])
    process = context.Process(target=decode, args=(folder,))
    process.start()
    return process


def truth(folder: Path) -> dict[str, np.ndarray]:
    """What the healthy pictures hold, by name."""
    return {
        f"{name}/{number:03}.png": make.pixels(number, label)
        for label, name in enumerate(make.CLASSES)
        for number in range(len(list((folder / name).iterdir())))
    }


def assert_right(data: PictureData, folder: Path) -> None:
    wanted = truth(folder)
    assert sorted(data.train.names) == sorted(wanted)
    for name, pixels in zip(data.train.names, data.train.pixels, strict=True):
        assert (pixels == wanted[name]).all(), name


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


def stored(cache: Path) -> Path:
    (pixels,) = cache.glob("[!.]*/pixels")
    return pixels


def test_kills_while_decoding_leave_nothing_that_is_taken_for_pictures(
    cache: Path, tmp_path: Path
) -> None:
    folder = make.healthy(tmp_path / "pets", each=400)
    begun = time.monotonic()
    warm = child(make.healthy(tmp_path / "other", each=2))
    warm.join()
    draw, killed, duration = random.Random(0), 0, 1.0
    for round_ in range(12):
        for entry in cache.glob("[!.]*") if round_ else ():
            if len(list(entry.glob("pixels"))):
                (entry / "manifest.json").unlink(missing_ok=True)
        process = child(folder)
        begun = time.monotonic()
        process.join(draw.uniform(0.0, duration))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        else:
            duration = time.monotonic() - begun
        process.join()
    assert killed >= 3
    assert_right(decode(folder), folder)
    assert_right(decode(folder), folder)


def test_damage_anywhere_in_the_cache_is_found_and_decoded_anew(
    cache: Path, tmp_path: Path
) -> None:
    folder = make.healthy(tmp_path / "pets")
    assert_right(decode(folder), folder)
    draw = np.random.default_rng(0)
    for file in (stored(cache), stored(cache).with_name("manifest.json")):
        for _ in range(10):
            content = bytearray(file.read_bytes())
            content[draw.integers(len(content))] ^= 1 << int(draw.integers(8))
            file.write_bytes(content)
            assert_right(decode(folder), folder)
        for size in (0, len(content) // 2):
            file.write_bytes(content[:size])
            assert_right(decode(folder), folder)


def test_a_picture_that_changes_is_decoded_anew_though_its_size_and_time_stay(
    cache: Path, tmp_path: Path
) -> None:
    folder = make.healthy(tmp_path / "pets")
    one, other = folder / "cat" / "000.png", folder / "cat" / "001.png"
    first, second = one.read_bytes(), other.read_bytes()
    longest = max(len(first), len(second))
    one.write_bytes(first.ljust(longest, b"\0"))
    other.write_bytes(second.ljust(longest, b"\0"))
    times = one.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    decode(folder)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    for path in (one, other):
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    rows = dict(zip((data := decode(folder)).train.names, data.train.pixels, strict=True))
    assert (rows["cat/000.png"] == make.pixels(1, 0)).all()
    assert (rows["cat/001.png"] == make.pixels(0, 0)).all()


def test_several_that_decode_the_same_at_once_all_have_it_right(
    cache: Path, tmp_path: Path
) -> None:
    folder = make.healthy(tmp_path / "pets", each=150)
    together = [child(folder) for _ in range(4)]
    assert_right(decode(folder), folder)
    for process in together:
        process.join()
        assert process.exitcode == 0
    assert_right(decode(folder), folder)
    assert len(list(cache.glob("*"))) == 1


def test_what_is_mapped_stays_right_when_the_cache_is_deleted(cache: Path, tmp_path: Path) -> None:
    folder = make.healthy(tmp_path / "pets")
    data = decode(folder)
    for file in sorted(cache.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    assert_right(data, folder)
