"""Thumbnails: whole files, of one scale, within what they may take."""

from __future__ import annotations

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from ranvier.apps.image.gallery.thumbnails import SIDES, shrunk, thumbnails
from ranvier.core.random import generator


def read(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(b64decode(png, validate=True))))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_small_picture_stays_as_it_is(channels: int) -> None:
    picture = generator(0, "picture").integers(0, 256, (28, 20, channels)).astype(np.uint8)
    (png,) = thumbnails([picture], most_bytes=10**6)
    assert np.array_equal(read(png).reshape(picture.shape), picture)


def test_a_large_picture_keeps_its_proportions_and_its_means() -> None:
    picture = np.zeros((300, 600, 3), dtype=np.uint8)
    picture[:, 300:] = (200, 100, 50)
    small = read(thumbnails([picture], most_bytes=10**6)[0])
    assert small.shape == (48, 96, 3)
    assert np.array_equal(small[:, :48], np.zeros((48, 48, 3)))
    assert (small[:, 48:] == (200, 100, 50)).all()


def test_what_would_take_too_much_is_made_smaller_all_by_the_same() -> None:
    noise = generator(0, "noise").integers(0, 256, (4, 96, 96, 3)).astype(np.uint8)
    found = thumbnails(list(noise), most_bytes=60_000)
    assert sum(map(len, found)) <= 60_000
    sides = {read(png).shape[0] for png in found}
    assert len(sides) == 1 and sides < set(SIDES)


def test_a_line_of_one_pixel_is_not_lost() -> None:
    assert shrunk(np.zeros((1, 400, 1), dtype=np.uint8), 96).shape == (1, 96, 1)


def test_no_pictures_are_no_thumbnails() -> None:
    assert thumbnails([], most_bytes=10) == []
