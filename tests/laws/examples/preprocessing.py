"""Data on the way in: numbers, codes, texts."""

import torch
from torch import Tensor

from ranvier.core.text import encode_text
from ranvier.spec import (
    CategoryEncoding,
    Discretization,
    FeatureCross,
    Hashing,
    IntegerLookup,
    Normalization,
    Rescaling,
    StringLookup,
    TextVectorization,
)
from tests.laws.examples.example import Example, codes

TEXTS = ["A cat, a dog.", "the dog", "", "caté Dog!", "a  the a the", "the cat"]


def texts(shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(encode_text(TEXTS, shape[-1])).float()


def words(shape: tuple[int, ...]) -> Tensor:
    rows = ["cat", "dog", "", "mouse", "dog", "cats"]
    codes = torch.from_numpy(encode_text(rows, shape[-1])).float()
    return torch.stack([codes, codes.flip(0)], dim=1)


EXAMPLES = [
    Example(Normalization((0.5, -1.0), (4.0, 0.25)), (3, 2)),
    Example(Rescaling(0.5, offset=-1), (3,)),
    Example(Discretization((-0.5, 0, 1)), (3,), is_smooth=False),
    Example(CategoryEncoding(3), (2,), codes),
    Example(CategoryEncoding(3, mode="multi_hot"), (2, 4), codes),
    Example(CategoryEncoding(2, mode="count"), (4,), codes),
    Example(Hashing(7), (3,), codes),
    Example(Hashing(5, salt=3, texts=True), (2, 6), words),
    Example(FeatureCross(((0, 1), (0, 1, 2)), bins=9), (3,), codes),
    Example(StringLookup(("dog", "cat")), (2, 6), words),
    Example(IntegerLookup((2, 0)), (3,), codes),
    Example(TextVectorization(("a", "the", "dog"), length=5), (16,), texts),
    Example(TextVectorization(("a", "c"), split="characters", mode="count"), (16,), texts),
    Example(TextVectorization(("a dog", "dog"), ngrams=2, mode="multi_hot"), (16,), texts),
    Example(TextVectorization(("a", "dog"), mode="tf_idf", idf=(0.5, 1.5)), (16,), texts),
]
