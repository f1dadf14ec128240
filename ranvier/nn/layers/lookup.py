"""Texts and codes looked up in a vocabulary, in tensor operations alone.

B texts (all axes before the last), L bytes of a text, T tokens, V words of the vocabulary.
"""

from __future__ import annotations

import string

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.text import signed
from ranvier.nn.layers import hashing
from ranvier.nn.layers.preprocessing import as_numbers, counted
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import IntegerLookup as IntegerLookupLayer
from ranvier.spec import Node
from ranvier.spec import StringLookup as StringLookupLayer
from ranvier.spec import TextVectorization as TextVectorizationLayer


class Vocabulary(nn.Module):
    """Sorted 64-bit keys, searched by halves; 0 for a key that is not there, else place + 1."""

    keys_V: Tensor
    places_V: Tensor

    def __init__(self, keys: tuple[int, ...]) -> None:
        super().__init__()
        found = torch.tensor([signed(key) for key in keys], dtype=torch.int64)
        keys_V, order_V = found.sort()
        self.register_buffer("keys_V", keys_V, persistent=False)
        self.register_buffer("places_V", order_V + 1, persistent=False)

    def forward(self, keys: Tensor) -> Tensor:
        at = torch.searchsorted(self.keys_V, keys.contiguous()).clamp_max(len(self.keys_V) - 1)
        return torch.where(self.keys_V[at] == keys, self.places_V[at], 0)


class StringLookup(nn.Module):
    """The place of each text.

    Shapes: [..., L] -> [...].
    """

    weights_L: Tensor

    def __init__(self, layer: StringLookupLayer, bytes_: int) -> None:
        super().__init__()
        self.vocabulary = Vocabulary(layer.keys())
        self.register_buffer("weights_L", hashing.place_weights(bytes_), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        places: Tensor = self.vocabulary(hashing.hash_texts(input, self.weights_L))
        return places


class IntegerLookup(nn.Module):
    """The place of each code."""

    def __init__(self, layer: IntegerLookupLayer) -> None:
        super().__init__()
        self.vocabulary = Vocabulary(layer.keys())

    def forward(self, input: Tensor) -> Tensor:
        places: Tensor = self.vocabulary(input.long())
        return places


def _table(characters: str) -> Tensor:
    """Which of the 256 bytes are among these."""
    return torch.tensor([chr(byte) in characters for byte in range(256)])


class TextVectorization(nn.Module):
    """Bytes become tokens, tokens hashes, hashes places in the vocabulary.

    Shapes: [..., L] -> int: [..., length]; else [..., 1 + V].
    """

    weights_L: Tensor
    is_space: Tensor
    is_dropped: Tensor
    idf: Tensor | None

    def __init__(self, layer: TextVectorizationLayer, bytes_: int, length: int) -> None:
        super().__init__()
        self.layer = layer
        self.length = length
        self.tokens = layer.tokens_in(bytes_)
        self.vocabulary = Vocabulary(layer.keys())
        weights_L = hashing.place_weights(bytes_)
        self.register_buffer("weights_L", weights_L, persistent=False)
        self.register_buffer("is_space", _table("\0" + string.whitespace), persistent=False)
        dropped = "\0" + string.punctuation if layer.plain else "\0"
        self.register_buffer("is_dropped", _table(dropped), persistent=False)
        idf = None
        if layer.idf is not None:
            idf = torch.tensor([sum(layer.idf) / len(layer.idf), *layer.idf])
        self.register_buffer("idf", idf, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        hashes_BT, is_token_BT = self._tokens(input.long())
        hashes_BN, is_token_BN = self._runs(hashes_BT, is_token_BT)
        places_BN = self.vocabulary(hashes_BN)
        if self.layer.mode == "int":
            return self._row(torch.where(is_token_BN, places_BN + 1, 0), is_token_BN)
        codes_BN = torch.where(is_token_BN, places_BN, -1)
        words = 1 + len(self.layer.vocabulary)
        counts = counted(codes_BN, words, as_numbers(input).dtype)
        if self.layer.mode == "multi_hot":
            return counts.clamp_max(1)
        return counts if self.idf is None else counts * self.idf

    def _tokens(self, bytes_BL: Tensor) -> tuple[Tensor, Tensor]:
        """The hash of every token, [B, T], and which of the T there are."""
        if self.layer.plain:
            is_capital = (bytes_BL >= ord("A")) & (bytes_BL <= ord("Z"))
            bytes_BL = bytes_BL + 32 * is_capital
        bytes_BL = to_the_left(bytes_BL, ~self.is_dropped[bytes_BL])
        if self.layer.split == "words":
            is_inside = ~self.is_space[bytes_BL]
            is_start = is_inside & ~F.pad(is_inside, (1, 0))[..., :-1]
        else:
            is_inside = bytes_BL > 0
            # All bytes of a character but its first are 10xxxxxx in UTF-8.
            is_start = is_inside & ((bytes_BL & 0xC0) != 0x80)
        places = torch.arange(bytes_BL.shape[-1], device=bytes_BL.device)
        place_in_token = places - torch.where(is_start, places, 0).cummax(-1).values
        token_BL = torch.where(is_inside, is_start.cumsum(-1) - 1, self.tokens).clamp_min(0)
        terms_BL = bytes_BL * self.weights_L[place_in_token]
        sums = terms_BL.new_zeros((*bytes_BL.shape[:-1], self.tokens + 1))
        hashes = hashing.mix(sums.scatter_add(-1, token_BL, terms_BL)[..., :-1])
        count = is_start.sum(-1, keepdim=True)
        return hashes, torch.arange(self.tokens, device=count.device) < count

    def _runs(self, hashes_BT: Tensor, is_token_BT: Tensor) -> tuple[Tensor, Tensor]:
        """The hashes of all runs of 1, …, n tokens, and which of them there are."""
        hashes, exist = [hashes_BT], [is_token_BT]
        for count in range(1, self.layer.ngrams):
            following = hashes_BT[..., count:]
            hashes.append(hashing.join(hashes[-1][..., : following.shape[-1]], following))
            exist.append(is_token_BT[..., count:])
        return torch.cat(hashes, -1), torch.cat(exist, -1)

    def _row(self, codes_BN: Tensor, is_token_BN: Tensor) -> Tensor:
        """Tokens and then runs without gaps, cut or filled with zeros."""
        row = to_the_left(codes_BN, is_token_BN)
        return F.pad(row, (0, max(0, self.length - row.shape[-1])))[..., : self.length]

    def extra_repr(self) -> str:
        return f"words={len(self.layer.vocabulary)}, mode={self.layer.mode!r}"


def to_the_left(values_L: Tensor, is_kept_L: Tensor) -> Tensor:
    """What is kept of the last axis, moved together, zeros behind."""
    length = values_L.shape[-1]
    places = torch.where(is_kept_L, is_kept_L.cumsum(-1) - 1, length)
    room = values_L.new_zeros((*values_L.shape[:-1], length + 1))
    return room.scatter(-1, places, values_L)[..., :length]


@MODULES.register("string_lookup")
def _string_lookup(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, StringLookupLayer)
    return StringLookup(node.layer, node.inputs[0][-1])


@MODULES.register("integer_lookup")
def _integer_lookup(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, IntegerLookupLayer)
    return IntegerLookup(node.layer)


@MODULES.register("text_vectorization")
def _text_vectorization(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, TextVectorizationLayer)
    return TextVectorization(node.layer, node.inputs[0][-1], node.output[-1])
