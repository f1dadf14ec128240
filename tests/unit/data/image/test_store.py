"""Rows of bytes are stored whole or not at all, and what is damaged is not believed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections import namedtuple

import numpy as np
import pytest

from ranvier.core.errors import ConfigError, SourceError
from ranvier.data.image import store as module
from ranvier.data.image.store import LIMIT_VARIABLE, folder_of, open_stored, store

ROWS = np.random.default_rng(0).integers(0, 255, (50, 4, 4, 3), dtype=np.uint8)


def put(key="key", rows=ROWS, **document):
    return store(
        key,
        iter([rows[:20], rows[20:20], rows[20:]]),
        row_shape=rows.shape[1:],
        most_rows=len(rows),
        document=lambda: document,
    )


def litter(cache):
    return [path.name for path in cache.rglob("*") if ".tmp-" in path.name]


def test_what_was_stored_is_mapped_again_with_its_document(cache):
    assert open_stored("key") is None
    put(said="so")
    found = open_stored("key")
    np.testing.assert_array_equal(found.pixels, ROWS)
    assert found.document == {"said": "so"} and litter(cache) == []


def test_writing_to_what_is_mapped_leaves_the_file_as_it_is():
    put().pixels[:] = 0
    np.testing.assert_array_equal(open_stored("key").pixels, ROWS)


def test_no_rows_at_all_are_stored_too():
    put(rows=ROWS[:0])
    assert open_stored("key").pixels.shape == (0, 4, 4, 3)


@pytest.mark.parametrize("block", [100, 1 << 23])
def test_any_flipped_byte_is_found(monkeypatch, block):
    monkeypatch.setattr(module, "_BLOCK", block)
    put(said="so")
    for name in ("pixels", "manifest.json"):
        path = folder_of("key") / name
        whole = path.read_bytes()
        for place in range(0, len(whole), 97):
            damaged = bytearray(whole)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            assert open_stored("key") is None
        path.write_bytes(whole)
        assert open_stored("key") is not None


@pytest.mark.parametrize("name", ["pixels", "manifest.json"])
def test_a_torn_or_missing_file_is_made_again(name):
    put()
    path = folder_of("key") / name
    path.write_bytes(path.read_bytes()[:-7])
    assert open_stored("key") is None
    put()
    path.unlink()
    assert open_stored("key") is None
    np.testing.assert_array_equal(put().pixels, ROWS)
    assert open_stored("key") is not None


@pytest.mark.parametrize("text", ["[]", "{", "null", '{"manifest": 3, "sha256": ""}', "[" * 10_000])
def test_a_manifest_of_anything_else_is_no_traceback(text):
    put()
    (folder_of("key") / "manifest.json").write_text(text)
    assert open_stored("key") is None


def test_an_error_while_rows_are_made_leaves_nothing(cache):
    def rows():
        yield ROWS[:10]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store("key", rows(), row_shape=(4, 4, 3), most_rows=50, document=dict)
    assert open_stored("key") is None and litter(cache) == []


def test_a_full_disk_is_said_in_words_and_leaves_no_litter(cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(SourceError, match="cannot be written .*No space left.*RANVIER_CACHE"):
        put()
    assert litter(cache) == []


def test_a_disk_without_room_is_refused_before_anything_is_decoded(monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1000))
    with pytest.raises(SourceError, match="are free there; the decoded pictures need"):
        store("key", iter(()), row_shape=(4, 4, 3), most_rows=50, document=dict)


def test_a_cache_that_may_not_be_written_is_said_in_words(cache):
    (cache / "pictures").write_text("a file where the folder should be")
    with pytest.raises(SourceError, match="give it leave to write, or set RANVIER_CACHE"):
        put()


def test_of_two_that_make_the_same_at_once_both_have_it():
    def rows():
        put(said="first")
        yield ROWS

    found = store(
        "key", rows(), row_shape=(4, 4, 3), most_rows=50, document=lambda: {"said": "second"}
    )
    np.testing.assert_array_equal(found.pixels, ROWS)
    np.testing.assert_array_equal(open_stored("key").pixels, ROWS)


def test_a_mapped_file_stays_readable_after_it_was_replaced():
    before = put()
    shutil.rmtree(folder_of("key"))
    np.testing.assert_array_equal(before.pixels, ROWS)


def used_at(key, seconds):
    for path in folder_of(key).iterdir():
        os.utime(path, (seconds, seconds))


def test_above_the_limit_what_was_unused_for_longest_goes(monkeypatch):
    for number, key in enumerate(("oldest", "older", "newer")):
        put(key)
        used_at(key, time.time() - 9000 + number)
    monkeypatch.setenv(LIMIT_VARIABLE, str(3.5 * 2600 / 2**30))
    assert open_stored("oldest") is not None  # which counts as a use
    put("newest")
    there = {key for key in ("oldest", "older", "newer", "newest") if folder_of(key).exists()}
    assert there == {"oldest", "newer", "newest"}


def test_what_a_crash_left_long_ago_is_swept_and_what_is_being_written_is_not(cache):
    for name, age in ((".a.tmp-1-x", 9000), (".b.tmp-2-y", 10)):
        folder = cache / "pictures" / name
        folder.mkdir(parents=True)
        (folder / "pixels").write_bytes(b"half")
        os.utime(folder / "pixels", (time.time() - age,) * 2)
    put()
    assert litter(cache) == [".b.tmp-2-y"]


@pytest.mark.parametrize("text", ["much", "-1", "nan"])
def test_a_limit_that_is_none_is_refused(monkeypatch, text):
    put("other")
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    with pytest.raises(ConfigError, match="expected how many GiB of decoded pictures are kept"):
        put()


def test_the_manifest_is_plain_json():
    put(said="so")
    sealed = json.loads((folder_of("key") / "manifest.json").read_text())
    assert sealed["manifest"]["shape"] == [50, 4, 4, 3]
