"""Every picture is decoded once; the next start maps the same bytes."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from ranvier.data.image import cache as module
from ranvier.data.image.cache import decode_blocks, decode_listing
from ranvier.data.image.encode import PictureForm
from ranvier.data.image.listing import Listing
from ranvier.data.image.store import folder_of

FORM = PictureForm(8, 8, 1)


def picture(number):
    return np.full((8, 8), number, dtype=np.uint8)


@pytest.fixture
def listing(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(40)]
    for number, path in enumerate(paths):
        Image.fromarray(picture(number)).save(path, compress_level=0)
    return Listing("folder", tuple(path.name for path in paths), tuple(paths), None, None)


def never(*_, **__):
    pytest.fail("a picture was decoded again")


def test_pictures_come_in_order_and_a_second_start_decodes_none(listing, monkeypatch):
    first = decode_listing(listing, FORM)
    np.testing.assert_array_equal(first.pixels[:, 3, 3, 0], range(40))
    monkeypatch.setattr(module, "read_picture", never)
    second = decode_listing(listing, FORM)
    np.testing.assert_array_equal(second.pixels, first.pixels)
    assert second.fingerprint == first.fingerprint and second.facts == first.facts
    assert first.facts["traits"] == {"PNG": 40}


def test_what_cannot_be_read_is_left_out_and_stays_known(listing):
    listing.paths[5].write_text("a shopping list")
    for _ in range(2):
        found = decode_listing(listing, FORM)
        assert found.positions.tolist() == [n for n in range(40) if n != 5]
        assert [(each.name, each.kind) for each in found.problems] == [("5.png", "not a picture")]
        np.testing.assert_array_equal(found.pixels[:, 0, 0, 0], found.positions)


def test_none_that_can_be_read_is_an_empty_array(listing):
    for path in listing.paths:
        path.write_bytes(b"")
    found = decode_listing(listing, FORM)
    assert found.pixels.shape == (0, 8, 8, 1) and len(found.problems) == 40


def test_a_changed_file_is_seen_though_size_and_time_are_as_before(listing):
    before = decode_listing(listing, FORM)
    status = os.stat(listing.paths[0])
    data = listing.paths[0].read_bytes()
    Image.fromarray(picture(200)).save(listing.paths[0], compress_level=0)
    assert len(listing.paths[0].read_bytes()) == len(data)
    os.utime(listing.paths[0], ns=(status.st_atime_ns, status.st_mtime_ns))
    after = decode_listing(listing, FORM)
    assert after.pixels[0, 0, 0, 0] == 200 and after.fingerprint != before.fingerprint


def test_another_form_is_another_entry(listing):
    one, other = decode_listing(listing, FORM), decode_listing(listing, PictureForm(4, 4, 3))
    assert one.key != other.key and other.pixels.shape == (40, 4, 4, 3)
    assert one.fingerprint == other.fingerprint


def test_a_damaged_entry_is_made_again(listing):
    found = decode_listing(listing, FORM)
    (folder_of(found.key) / "pixels").write_bytes(b"x" * found.pixels.size)
    np.testing.assert_array_equal(decode_listing(listing, FORM).pixels[:, 0, 0, 0], range(40))


def test_the_number_of_threads_changes_nothing(listing):
    one, four = ([*decode_blocks(listing, FORM, threads=n)] for n in (1, 4))
    np.testing.assert_array_equal(one[0].pixels, four[0].pixels)


def test_blocks_are_small_enough_to_hold_and_cover_everything(listing, monkeypatch):
    monkeypatch.setattr(module, "_ROWS", 16)
    blocks = [*decode_blocks(listing, FORM)]
    assert [len(block.pixels) for block in blocks] == [16, 16, 8]
    assert np.concatenate([block.positions for block in blocks]).tolist() == [*range(40)]


def test_progress_is_told_from_none_to_all(listing):
    told = []
    decode_listing(listing, FORM, progress=lambda *words: told.append(words))
    assert told[0] == ("decoding pictures", 0, 40) and told[-1] == ("decoding pictures", 40, 40)


def test_an_interruption_leaves_no_threads_and_no_half_of_an_entry(listing, monkeypatch, cache):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "read_picture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        decode_listing(listing, FORM)
    assert [*(cache / "pictures").iterdir()] == []


def array(pixels):
    names = tuple(f"picture {number + 1}" for number in range(len(pixels)))
    return Listing("array", names, None, pixels, None)


def test_an_array_in_form_is_used_where_it_lies(cache):
    pixels = np.arange(10 * 64, dtype=np.uint8).reshape(10, 8, 8)
    found = decode_listing(array(pixels), FORM)
    assert np.shares_memory(found.pixels, pixels) and not (cache / "pictures").exists()


@pytest.mark.parametrize("most", [1 << 29, 100])
def test_another_array_is_brought_into_form_in_memory_or_where_it_is_large_in_a_file(
    monkeypatch, most
):
    monkeypatch.setattr(module, "MOST_IN_MEMORY", most)
    pixels = np.linspace(0, 1, 6 * 256).reshape(6, 16, 16)
    pixels[4, 3, 3] = np.nan
    found = decode_listing(array(pixels), PictureForm(16, 16, 1))
    assert found.positions.tolist() == [0, 1, 2, 3, 5]
    assert [(each.name, each.kind) for each in found.problems] == [("picture 5", "not a number")]
    kept = pixels[found.positions]
    assert np.abs(found.pixels[..., 0] - kept * 255).max() <= 0.5 + 1e-6


def test_the_fingerprint_of_an_array_is_of_its_numbers():
    pixels = np.zeros((3, 8, 8), dtype=np.uint8)
    before = decode_listing(array(pixels), FORM).fingerprint
    assert decode_listing(array(pixels.copy()), FORM).fingerprint == before
    pixels[1, 1, 1] = 1
    assert decode_listing(array(pixels), FORM).fingerprint != before
