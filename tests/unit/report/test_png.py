"""Pictures as PNG files: any decoder reads back the bytes that were given."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ranvier.report.png import data_address, encode_png

SIDES = st.integers(1, 9)
PICTURES = st.one_of(
    arrays(np.uint8, st.tuples(SIDES, SIDES)),
    arrays(np.uint8, st.tuples(SIDES, SIDES, st.sampled_from([1, 3]))),
)


@given(PICTURES)
def test_a_decoder_reads_back_every_byte(pixels):
    with Image.open(io.BytesIO(encode_png(pixels)), formats=["PNG"]) as image:
        image.load()
        assert image.mode == ("RGB" if pixels.shape[2:] == (3,) else "L")
        assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_a_view_of_other_memory_order_is_written_as_it_reads():
    pixels = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(4, 2, 3).swapaxes(0, 1)[:, ::-1]
    with Image.open(io.BytesIO(encode_png(pixels)), formats=["PNG"]) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_an_enlarged_picture_is_a_small_file():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    large = pixels.repeat(16, axis=0).repeat(16, axis=1)
    assert len(encode_png(large)) < 0.05 * large.size


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2), dtype=np.float32),
        np.zeros((2, 2, 4), dtype=np.uint8),
        np.zeros(4, dtype=np.uint8),
        np.zeros((0, 4), dtype=np.uint8),
    ],
)
def test_what_is_no_picture_of_bytes_is_refused(pixels):
    with pytest.raises(ValueError, match="encode_png: got .*; expected"):
        encode_png(pixels)


def test_an_address_holds_the_file():
    pixels = np.eye(3, dtype=np.uint8)
    head, _, content = data_address(pixels).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(content, validate=True) == encode_png(pixels)
