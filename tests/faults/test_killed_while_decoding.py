"""`kill -9` while pictures are decoded into the cache: the next start has every picture right."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ranvier.data.image import cache, store
from ranvier.data.image.cache import decode_listing
from ranvier.data.image.encode import PictureForm
from ranvier.data.image.listing import Listing

COUNT, FORM = 200, PictureForm(8, 8, 1)


def listing_of(folder: Path) -> Listing:
    paths = tuple(folder / f"{number}.png" for number in range(COUNT))
    return Listing(str(folder), tuple(path.name for path in paths), paths, None, None)


def decode_slowly(folder: Path, root: str) -> None:
    """Blocks of few pictures, with a pause after each, so that a kill meets any of them."""
    os.environ["RANVIER_CACHE"] = root
    cache._ROWS, store._BLOCK = 16, 256
    blocks = cache.decode_blocks

    def slowly(*arguments, **named):
        for block in blocks(*arguments, **named):
            yield block
            time.sleep(0.01)

    cache.decode_blocks = slowly
    decode_listing(listing_of(folder), FORM)


def killed_somewhere(folder: Path, root: Path, chance: random.Random) -> bool:
    """Start to decode and kill after a while; whether something was left of it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ranvier.data.image.cache"])
    child = context.Process(target=decode_slowly, args=(folder, str(root)))
    child.start()
    pictures = root / "pictures"
    while child.is_alive() and not (pictures.exists() and any(pictures.iterdir())):
        time.sleep(0.001)
    child.join(chance.uniform(0, 0.25))
    child.kill()
    child.join()
    return pictures.exists() and any(pictures.iterdir())


def test_the_next_start_decodes_again_what_a_kill_left_half_done(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(COUNT):
        Image.fromarray(np.full((8, 8), number, dtype=np.uint8)).save(folder / f"{number}.png")
    chance = random.Random(0)
    left = 0
    for attempt in range(5):
        root = tmp_path / f"cache-{attempt}"
        left += killed_somewhere(folder, root, chance)
        monkeypatch.setenv("RANVIER_CACHE", str(root))
        found = decode_listing(listing_of(folder), FORM)
        np.testing.assert_array_equal(found.pixels[:, 4, 4, 0], np.arange(COUNT))
        assert len(found.problems) == 0
        assert store.open_stored(found.key) is not None
    assert left > 0


@pytest.mark.parametrize("name", ["pixels", "manifest.json"])
def test_a_bit_that_flips_in_the_cache_is_found_and_mended(tmp_path, monkeypatch, name):
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(COUNT):
        Image.fromarray(np.full((8, 8), number, dtype=np.uint8)).save(folder / f"{number}.png")
    listing = listing_of(folder)
    file = store.folder_of(decode_listing(listing, FORM).key) / name
    chance = random.Random(0)
    for _ in range(8):
        data = bytearray(file.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        file.write_bytes(data)
        found = decode_listing(listing, FORM)
        np.testing.assert_array_equal(found.pixels[:, 4, 4, 0], np.arange(COUNT))
