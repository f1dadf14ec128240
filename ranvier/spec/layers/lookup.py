"""Words and codes become places in a vocabulary that was collected from data."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar, Literal

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.core.text import hash_bytes, join_hashes
from ranvier.spec.fields import Flag, Rule, many, optional, real, whole, word
from ranvier.spec.layer import Family, Layer
from ranvier.spec.layers.preprocessing import texts_shape


def _accept_text(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise TypeError


def _without_twins(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(value)) < len(value):
        twin = next(each for each in value if value.count(each) > 1)
        raise NetworkError(f"{twin!r} stands in it twice.")
    return value


def _vocabulary(rule: Rule, of: str) -> Rule:
    members = many(rule, of, minimum=1)
    return Rule(of, lambda value: _without_twins(members.accept(value)))


Words = Annotated[
    tuple[str, ...], _vocabulary(Rule("a string", _accept_text), "one or more different strings")
]


def most_frequent(counts: Counter[Any], size: int | None) -> tuple[Any, ...]:
    """The `size` members that occur most, the first in order where they occur equally often."""
    ranked = sorted(counts, key=lambda member: (-counts[member], member))
    return tuple(ranked[:size])


@dataclass(frozen=True)
class StringLookup(Layer):
    """Gives each text its place in a vocabulary, from 1 on; 0 is for what is not in it.

        a⁽ˡ⁾ = 1 + position of a⁽ˡ⁻¹⁾ in the vocabulary, or 0

    >>> StringLookup.fit(["red", "blue", "red"])
    StringLookup(('red', 'blue'))

    Texts are compared by 64-bit hashes: two of a billion texts meet with a chance of 3 %, one in a
    vocabulary of a million with an unknown one once in 10¹³.

    Shapes: [..., bytes] -> [...], whole numbers.
    """

    family: ClassVar[Family] = "embedding"

    vocabulary: Words

    @classmethod
    def fit(
        cls, texts: Iterable[str], *, size: int | None = None, name: str | None = None
    ) -> StringLookup:
        """The layer for the `size` most frequent texts, or for all."""
        return cls(most_frequent(Counter(text for text in texts if text), size), name=name)

    def keys(self) -> tuple[int, ...]:
        """The hash of every word."""
        return tuple(hash_bytes(word.encode()) for word in self.vocabulary)

    def infer(self, *inputs: Shape) -> Shape:
        return texts_shape(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = 1 + place of a{(sources or ('⁽ˡ⁻¹⁾',))[0]} in the vocabulary, or 0"

    def label(self) -> str:
        return f"StringLookup {len(self.vocabulary)}"


@dataclass(frozen=True)
class IntegerLookup(Layer):
    """Gives each whole number its place in a vocabulary, from 1 on; 0 is for what is not in it.

        a⁽ˡ⁾ = 1 + position of a⁽ˡ⁻¹⁾ in the vocabulary, or 0

    >>> IntegerLookup.fit([90, 7, 90])
    IntegerLookup((90, 7))

    Shapes: any -> the same, whole numbers.
    """

    family: ClassVar[Family] = "embedding"

    vocabulary: Annotated[
        tuple[int, ...],
        _vocabulary(whole(-(2**63), 2**63 - 1), "one or more different whole numbers"),
    ]

    @classmethod
    def fit(
        cls, codes: Iterable[int], *, size: int | None = None, name: str | None = None
    ) -> IntegerLookup:
        """The layer for the `size` most frequent codes, or for all."""
        return cls(most_frequent(Counter(int(code) for code in codes), size), name=name)

    def keys(self) -> tuple[int, ...]:
        """The codes themselves."""
        return self.vocabulary

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = 1 + place of a{(sources or ('⁽ˡ⁻¹⁾',))[0]} in the vocabulary, or 0"

    def label(self) -> str:
        return f"IntegerLookup {len(self.vocabulary)}"


Split = Literal["words", "characters"]
TextMode = Literal["int", "multi_hot", "count", "tf_idf"]

_PUNCTUATION = string.punctuation.encode()


@dataclass(frozen=True)
class TextVectorization(Layer):
    """Splits texts into words or characters and looks them up in a vocabulary, all in the network.

        int         a⁽ˡ⁾_t = place of token t, from 2 on; 1: not in the vocabulary; 0: no token
        count       a⁽ˡ⁾_k = how often token k is there; k = 0: tokens not in the vocabulary
        multi_hot   a⁽ˡ⁾_k = 1 if token k is there, else 0
        tf_idf      a⁽ˡ⁾_k = count_k · idf_k,  idf_k = ln(1 + N / (1 + N_k))

    N_k of N texts hold token k; tokens not in the vocabulary weigh the mean of all. `plain` makes
    A–Z small and leaves ASCII punctuation out. With `ngrams` n the runs of 2, …, n tokens follow
    the single ones. `length` cuts or fills rows of the mode int; without it they are as long as
    any text of the given bytes may need.

    >>> layer = TextVectorization.fit(["The cat.", "the dog"], length=4)
    >>> layer
    TextVectorization(('the', 'cat', 'dog'), length=4)
    >>> layer.output_shape(20)
    (4,)

    Shapes: [..., bytes] -> int: [..., length], whole numbers; else [..., 1 + vocabulary].
    """

    family: ClassVar[Family] = "embedding"

    vocabulary: Words
    _: KW_ONLY
    mode: Annotated[TextMode, word("int", "multi_hot", "count", "tf_idf")] = "int"
    length: Annotated[int | None, optional(whole(1))] = None
    split: Annotated[Split, word("words", "characters")] = "words"
    ngrams: Annotated[int, whole(1, 16)] = 1
    plain: Flag = True
    idf: Annotated[
        tuple[float, ...] | None,
        optional(many(real("a number of at least 0", lambda v: v >= 0), "a weight per word")),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self.name or "TextVectorization"
        weights = None if self.idf is None else len(self.idf)
        if (self.mode == "tf_idf") != (weights == len(self.vocabulary)):
            raise NetworkError(
                f"{where}.idf: got {weights or 'no'} weights for {len(self.vocabulary)} words in "
                f"the mode {self.mode!r}; expected one per word in the mode 'tf_idf' and none "
                "else. TextVectorization.fit finds them."
            )
        if self.length is not None and self.mode != "int":
            raise NetworkError(
                f"{where}.length: got {self.length} in the mode {self.mode!r}, whose rows have a "
                "place per word; expected None. Leave it out, or use the mode 'int'."
            )

    @classmethod
    def fit(cls, texts: Iterable[str], *, size: int | None = None, **fields: Any) -> Any:
        """The layer for the `size` most frequent tokens of the texts, or for all.

        `fields` are the layer's own but the vocabulary.
        """
        split, ngrams = fields.get("split", "words"), fields.get("ngrams", 1)
        rows = [tokens_of(text, split, fields.get("plain", True)) for text in texts]
        runs = [list(ngrams_of(row, ngrams)) for row in rows]
        joint = b" " if split == "words" else b""
        named = [[joint.join(run).decode("utf-8", "replace") for run in row] for row in runs]
        vocabulary = most_frequent(Counter(token for row in named for token in row), size)
        if fields.get("mode") == "tf_idf":
            holding = Counter(token for row in named for token in set(row))
            idf = tuple(math.log(1 + len(rows) / (1 + holding[word])) for word in vocabulary)
            fields = {**fields, "idf": idf}
        return cls(vocabulary, **fields)

    def keys(self) -> tuple[int, ...]:
        """The hash of every word: that of its tokens, joined."""
        return tuple(
            join_hashes(map(hash_bytes, tokens_of(word, self.split, False)))
            for word in self.vocabulary
        )

    def tokens_in(self, bytes_: int) -> int:
        """How many single tokens a text of so many bytes may have."""
        return bytes_ if self.split == "characters" else (bytes_ + 1) // 2

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        before = texts_shape(shape)
        if self.mode != "int":
            return (*before, 1 + len(self.vocabulary))
        if self.length is not None:
            return (*before, self.length)
        tokens = self.tokens_in(shape[-1])
        return (*before, sum(max(0, tokens - n) for n in range(self.ngrams)))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        tokens = f"tokens of a{(sources or ('⁽ˡ⁻¹⁾',))[0]}"
        meant = {
            "int": "ₜ = place of t",
            "multi_hot": "ₖ = [k among t]",
            "count": "ₖ = #{t = k}",
            "tf_idf": "ₖ = #{t = k} · idfₖ",
        }
        return f"a{here}{meant[self.mode]}, t = {tokens}"

    def label(self) -> str:
        return f"TextVectorization {len(self.vocabulary)}"


def tokens_of(text: str, split: Split, plain: bool) -> list[bytes]:
    """The tokens of a text, as the module finds them in tensors.

    >>> tokens_of("It's  é!", "words", True), tokens_of("aé", "characters", True)
    ([b'its', b'\\xc3\\xa9'], [b'a', b'\\xc3\\xa9'])
    """
    found = text.encode("utf-8", "replace").replace(b"\0", b"")
    if plain:
        found = found.lower().translate(None, _PUNCTUATION)
    if split == "words":
        return found.split()
    return [character.encode() for character in found.decode("utf-8", "replace")]


def ngrams_of(tokens: list[bytes], longest: int) -> Iterable[list[bytes]]:
    """All runs of one token, then all of two, up to `longest`."""
    for count in range(1, longest + 1):
        for start in range(len(tokens) - count + 1):
            yield tokens[start : start + count]
