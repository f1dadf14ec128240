"""Data on the way in, at work: against plain Python on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.core.text import GOLDEN, encode_text, hash_bytes, mix
from ranvier.nn import build
from ranvier.spec import (
    CategoryEncoding,
    Discretization,
    FeatureCross,
    Hashing,
    IntegerLookup,
    Network,
    Normalization,
    Rescaling,
    StringLookup,
    TextVectorization,
)
from ranvier.spec.layers.lookup import ngrams_of, tokens_of


def encoded(texts, length=24):
    return torch.from_numpy(encode_text(texts, length))


def vectorized(layer, texts, length=24):
    return build(layer, length)(encoded(texts, length))


def test_fitted_data_has_mean_zero_and_variance_one():
    data = np.random.default_rng(0).normal(size=(50, 4, 3)) * [1, 10, 100] + [5, 0, -3]
    module = build(Normalization.fit(data), (4, 3)).double()
    normal = module(torch.from_numpy(data)).reshape(-1, 3)
    torch.testing.assert_close(normal.mean(0), torch.zeros(3).double(), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        normal.var(0, correction=0), torch.ones(3).double(), rtol=1e-5, atol=0
    )


def test_a_constant_feature_stays_finite():
    module = build(Normalization.fit([[3.0], [3.0]]), 1)
    assert module(torch.tensor([[3.0]])).item() == 0.0


def test_whole_numbers_become_floating_point():
    pictures = torch.tensor([[0, 255]], dtype=torch.uint8)
    scaled = build(Rescaling(1 / 255), 2)(pictures)
    assert scaled.dtype == torch.float32
    torch.testing.assert_close(scaled, torch.tensor([[0.0, 1.0]]))


def test_a_number_on_an_edge_belongs_to_the_bin_on_its_right():
    module = build(Discretization((0.0, 1.0)), 5)
    assert module(torch.tensor([[-1.0, 0.0, 0.5, 1.0, 7.0]])).tolist() == [[0, 1, 1, 2, 2]]


def test_fitted_bins_hold_equally_many():
    data = np.random.default_rng(0).exponential(size=1000)
    layer = Discretization.fit(data, bins=8)
    codes = build(layer, 1000)(torch.from_numpy(data).float()[None])
    assert torch.bincount(codes[0], minlength=8).tolist() == [125] * 8
    assert len(Discretization.fit([1.0] * 9 + [2.0], bins=4).edges) == 1


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("one_hot", [[[0, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]]]),
        ("multi_hot", [[1, 1, 0]]),
        ("count", [[1, 2, 0]]),
    ],
)
def test_codes_out_of_range_give_no_one(mode, expected):
    codes = torch.tensor([[1, 3, 1, -1, 0]])
    assert build(CategoryEncoding(3, mode=mode), 5)(codes).tolist() == expected


def test_hashes_in_tensors_are_those_in_python():
    numbers = [0, 1, 2, 12345, -7, 2**40]
    module = build(Hashing(1000, salt=5), len(numbers))
    expected = [mix(number + 6 * GOLDEN) for number in numbers]
    signed = [value - 2**64 if value >> 63 else value for value in expected]
    assert module(torch.tensor([numbers]))[0].tolist() == [value % 1000 for value in signed]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_a_text_is_found_wherever_it_stands(texts):
    texts = [text.replace("\0", "").encode("utf-8", "replace").decode() for text in texts]
    known = sorted({text for text in texts if text})
    if not known:
        return
    places = build(StringLookup(tuple(known)), 32)(encoded(texts, 32))
    assert places.tolist() == [known.index(text) + 1 if text else 0 for text in texts]


def test_hashed_texts_fill_the_bins_and_the_salt_moves_them():
    texts = encoded([f"user {i}" for i in range(5000)])
    first, second = (build(Hashing(10, salt=s, texts=True), 24)(texts) for s in (0, 1))
    counts = torch.bincount(first, minlength=10)
    # χ² with 9 degrees of freedom lies below 40 but for one time in a hundred thousand.
    assert ((counts - 500) ** 2 / 500).sum() < 40
    assert (first == second).float().mean().item() == pytest.approx(0.1, abs=0.03)


def test_a_hash_does_not_depend_on_the_room_that_a_text_has():
    short, long = (
        build(Hashing(10**6, texts=True), n)(encoded(["cat"], n)).item() for n in (3, 40)
    )
    assert short == long


def test_a_cross_tells_every_pair_of_values_apart_and_their_order():
    pairs = torch.cartesian_prod(torch.arange(30), torch.arange(30))
    both = build(FeatureCross(((0, 1), (1, 0)), bins=2**40), 2)(pairs)
    assert both[:, 0].unique().numel() == 900
    assert not torch.equal(both[:, 0], both[:, 1])


def test_a_code_s_place_is_that_in_the_vocabulary():
    layer = IntegerLookup((-5, 2**50, 7))
    codes = torch.tensor([[7, -5, 0, 2**50]])
    assert build(layer, 4)(codes).tolist() == [[3, 1, 0, 2]]


def test_the_most_frequent_come_first_and_equals_in_order():
    assert StringLookup.fit(["b", "c", "a", "c", ""]).vocabulary == ("c", "a", "b")
    assert IntegerLookup.fit([3, 9, 9, 1], size=2).vocabulary == (9, 1)


TEXTS = ["The cat sat.", "the DOG sat, the cat ran!", "", "  Naïve   café \t cat-dog", "?!", "a"]


@pytest.mark.parametrize("split", ["words", "characters"])
@pytest.mark.parametrize("ngrams", [1, 2, 3])
@pytest.mark.parametrize("plain", [True, False])
def test_tokens_in_tensors_are_those_of_python(split, ngrams, plain):
    layer = TextVectorization.fit(TEXTS, split=split, ngrams=ngrams, plain=plain)
    rows = vectorized(layer, TEXTS, 40)
    joint = b" " if split == "words" else b""
    for text, row in zip(TEXTS, rows.tolist(), strict=True):
        runs = ngrams_of(tokens_of(text, split, plain), ngrams)
        expected = [2 + layer.vocabulary.index(joint.join(run).decode()) for run in runs]
        assert row == expected + [0] * (len(row) - len(expected))


@given(
    st.lists(st.text(max_size=20), min_size=1, max_size=4), st.sampled_from(["words", "characters"])
)
@settings(max_examples=60, deadline=None)
def test_any_text_is_split_as_in_python(texts, split):
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    layer = TextVectorization.fit(texts + ["x"], split=split)
    rows = vectorized(layer, texts, 80)
    for text, row in zip(texts, rows.tolist(), strict=True):
        tokens = [token.decode() for token in tokens_of(text, split, True)]
        assert [code for code in row if code] == [2 + layer.vocabulary.index(t) for t in tokens]


def test_tokens_that_are_not_known_are_ones_and_rows_are_cut_and_filled():
    layer = TextVectorization(("cat", "the"), length=3)
    assert vectorized(layer, ["The big cat sat", "cat"]).tolist() == [[3, 1, 2], [2, 0, 0]]


def test_counts_and_multi_hot_have_unknown_tokens_in_front():
    words = ("cat", "the")
    texts = ["the the cat ran off", ""]
    counts = vectorized(TextVectorization(words, mode="count"), texts)
    assert counts.tolist() == [[2, 1, 2], [0, 0, 0]]
    present = vectorized(TextVectorization(words, mode="multi_hot"), texts)
    assert present.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_tf_idf_weighs_by_how_rare_a_word_is():
    texts = ["cat dog", "cat", "cat cat bird"]
    layer = TextVectorization.fit(texts, mode="tf_idf")
    idf = {"cat": np.log(1 + 3 / 4), "dog": np.log(1 + 3 / 2), "bird": np.log(1 + 3 / 2)}
    rows = vectorized(layer, ["cat cat dog zebra"])
    expected = [sum(idf.values()) / 3] + [
        {"cat": 2, "dog": 1}.get(word, 0) * idf[word] for word in layer.vocabulary
    ]
    torch.testing.assert_close(rows, torch.tensor([expected]).float())


def test_texts_go_through_a_network_and_come_back_from_json():
    layer = TextVectorization.fit(TEXTS, mode="count")
    network = Network(layer, name="texts")
    again = Network.from_json(network.to_json())
    assert torch.equal(vectorized(network, TEXTS), vectorized(again, TEXTS))


def test_a_vocabulary_s_keys_are_hashes_of_its_words():
    assert StringLookup(("cat",)).keys() == (hash_bytes(b"cat"),)
