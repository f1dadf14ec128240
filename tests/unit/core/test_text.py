"""Texts as bytes, and their hashes."""

from __future__ import annotations

import numpy as np
import pytest

from ranvier.core.errors import DataError
from ranvier.core.text import encode_text, hash_bytes, join_hashes, mix, signed


def test_texts_are_cut_between_characters_and_filled_with_zeros():
    codes = encode_text(["ab", "aé", "", "日本"], 2)
    assert codes.dtype == np.uint8
    assert [bytes(row) for row in codes] == [b"ab", b"a\0", b"\0\0", b"\0\0"]
    assert bytes(encode_text(["日本"], 5)[0]) == "日".encode() + b"\0\0"


def test_what_is_no_string_is_refused_with_its_row():
    with pytest.raises(DataError) as caught:
        encode_text(["a", None], 3)
    assert str(caught.value) == (
        "row 1: got None; expected a string. Turn it into one, or leave it out."
    )


def test_the_mixing_is_splitmix64():
    # The first outputs of the generator seeded with 0, as its authors publish them.
    golden = 0x9E3779B97F4A7C15
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [mix(golden * (i + 1)) for i in range(3)] == published


def test_padding_does_not_change_a_hash_but_order_does():
    assert hash_bytes(b"cat") == hash_bytes(b"cat\0\0")
    assert len({hash_bytes(text) for text in (b"cat", b"act", b"tac", b"", b"c", b"ca")}) == 6


def test_hashes_of_a_hundred_thousand_words_do_not_meet_and_fill_bins_evenly():
    hashes = {hash_bytes(str(number).encode()) for number in range(100_000)}
    assert len(hashes) == 100_000
    counts = np.bincount([each % 100 for each in hashes], minlength=100)
    # χ² with 99 degrees of freedom lies below 170 but for one time in a hundred thousand.
    assert ((counts - 1000) ** 2 / 1000).sum() < 170


def test_joined_hashes_tell_the_order_and_one_alone_stays():
    one, two = hash_bytes(b"new"), hash_bytes(b"york")
    assert join_hashes([one]) == one
    assert join_hashes([one, two]) != join_hashes([two, one])


def test_the_sign_is_the_highest_bit():
    assert [signed(value) for value in (0, 2**63 - 1, 2**63, 2**64 + 1)] == [
        0,
        2**63 - 1,
        -(2**63),
        1,
    ]
