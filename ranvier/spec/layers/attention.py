"""Attention: each place gathers from others what its query asks for.

T places of the query, S of the memory, H heads, G heads of keys and values, D features per head.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar, Literal

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag, Name, Positive, Share, optional, real, whole, word
from ranvier.spec.initializers import ONES, ZEROS, InitializerField
from ranvier.spec.layer import Family, Layer, Parameter, Run
from ranvier.spec.layers.dense import Dense
from ranvier.spec.layers.relative import RelativeField, relative
from ranvier.spec.trace import Flowed, Misfit, Signal

OptionalCount = Annotated[int | None, optional(whole(1))]
Scale = Annotated[float | None, optional(real("a number above 0", lambda value: value > 0))]
HeadNorm = Annotated[Literal["layer", "rms"] | None, optional(word("layer", "rms"))]


@dataclass(frozen=True)
class Sources:
    """What comes to attention, told apart by shape: sequences first, then perhaps a mask."""

    query: Shape
    keys: Shape
    values: Shape
    mask: Shape | None

    @classmethod
    def of(cls, inputs: tuple[Shape, ...], *, most: int) -> Sources:
        """Sort `inputs`; one sequence alone is its own memory.

        Raises:
            Misfit: for inputs that are not up to `most` sequences and perhaps a mask.
        """
        sequences = [shape for shape in inputs if len(shape) == 2]
        masks = inputs[len(sequences) :]
        fits = (
            1 <= len(sequences) <= most
            and tuple(sequences) == inputs[: len(sequences)]
            and len(masks) <= 1
            and all(len(shape) == 1 for shape in masks)
        )
        if not fits:
            listed = {
                1: "one sequence [T, C]",
                2: "a query [T, C] and perhaps a memory [S, C]",
                3: "query, keys and values",
            }
            raise Misfit(
                f"sequences [places, features] ({listed[most]}), then perhaps a mask [places]",
                "Put an Embedding or a Dense layer before it, and name what it reads besides "
                "with memory= and mask=.",
                output=inputs[0] if inputs and len(inputs[0]) == 2 else None,
            )
        query, keys = sequences[0], sequences[min(1, len(sequences) - 1)]
        found = cls(query, keys, sequences[-1], masks[0] if masks else None)
        found._check_places()
        return found

    def _check_places(self) -> None:
        places = self.keys[0]
        if self.values[0] != places:
            raise Misfit(
                f"values at the {places} places of the keys",
                "Make keys and values of one sequence.",
                output=self.query,
            )
        if self.mask is not None and self.mask != (places,):
            raise Misfit(
                f"a mask of shape ({places},), one number for each place that is attended to",
                "Name the mask of the sequence that keys and values come from.",
                output=self.query,
            )


def check_order(came: Sources, *, causal: bool) -> None:
    """Raise `Misfit` where 'earlier' has no meaning between query and memory."""
    if causal and came.keys[0] != came.query[0]:
        raise Misfit(
            f"keys at the {came.query[0]} places of the query, to know which are earlier",
            "Drop causal=True where the memory is another sequence.",
            output=came.query,
        )


def _check_groups(heads: int, groups: int) -> None:
    if heads % groups:
        raise Misfit(
            f"a number of key-value heads that divides {heads}",
            f"Give kv_heads={math.gcd(heads, groups)}, or other heads.",
            came=f"has {heads} heads for {groups} key-value heads",
        )


@dataclass(frozen=True)
class DotProductAttention(Layer, other_spellings=("scaled_dot_product_attention",)):
    """Gives each place the mean of the values, weighted by how well their keys meet its query.

        a⁽ˡ⁾ = softmax(q kᵀ · scale + bias) v,  scale = 1/√D unless told

    It takes one sequence (its own memory), a query and a memory, or query, keys and values; then
    perhaps a mask of the memory, true where a place is real. It has no weights but those that
    `normalise` and `positions` bring. The features are those of `heads` side by side, each of which
    attends by itself; with fewer `kv_heads` several share keys and values. `causal` hides later
    places, `window` those `window` or more places away. A place to which nothing is left gets
    zeros.

    `scale=1` is Luong's dot. `normalise` brings each head's query and key to unit root mean square
    ("rms") or zero mean and unit variance ("layer") first, with a learnt scale.

    >>> DotProductAttention().output_shapes([(10, 64), (7, 64)])
    ((10, 64),)

    Shapes: [T, H D], [S, G D], [S, G V], [S] -> [T, H V].

    Reference: Vaswani et al. 2017, arXiv:1706.03762; Ainslie et al. 2023, arXiv:2305.13245
        (grouped queries); Beltagy et al. 2020, arXiv:2004.05150 (windows); Dehghani et al. 2023,
        arXiv:2302.05442 (normalised queries and keys).
    """

    family: ClassVar[Family] = "map"
    most_inputs: ClassVar[int | None] = 4

    heads: Count = 1
    _: KW_ONLY
    kv_heads: OptionalCount = None
    causal: Flag = False
    window: OptionalCount = None
    scale: Scale = None
    dropout: Share = 0.0
    normalise: HeadNorm = None
    epsilon: Positive = 1e-6
    positions: RelativeField = None
    memory: Name = None
    mask: Name = None

    def takes(self) -> tuple[str, ...]:
        return tuple(name for name in (self.memory, self.mask) if name)

    @property
    def groups(self) -> int:
        """How many heads of keys and values there are."""
        return self.kv_heads or self.heads

    def _head_units(self, query: Shape) -> int:
        return query[-1] // self.heads

    def infer(self, *inputs: Shape) -> Shape:
        came = Sources.of(inputs, most=3)
        check_order(came, causal=self.causal)
        _check_groups(self.heads, self.groups)
        self._check_widths(came)
        if self.positions is not None:
            relative(self.positions).check(self._head_units(came.query))
        return (came.query[0], self.heads * came.values[1] // self.groups)

    def _check_widths(self, came: Sources) -> None:
        query, keys, values = (shape[1] for shape in (came.query, came.keys, came.values))
        if query % self.heads:
            fitting = max(1, round(query / self.heads)) * self.heads
            raise Misfit(
                f"a query whose features {self.heads} heads divide",
                f"Give it {fitting} features, or other heads.",
                output=came.query,
            )
        wanted = query // self.heads * self.groups
        if keys != wanted:
            raise Misfit(
                f"keys of {wanted} features, {self.groups} heads of {query // self.heads}",
                f"Put a Dense({wanted}) before them, or take MultiHeadAttention.",
                output=came.query,
            )
        if values % self.groups:
            raise Misfit(
                f"values whose features {self.groups} heads divide",
                "Give them other features.",
                output=came.query,
            )

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        found = {}
        if self.normalise:
            each = (self._head_units(inputs[0]),)
            found = {"query_norm": Parameter(each, ONES), "key_norm": Parameter(each, ONES)}
        table = relative(self.positions).bias_shape(self.heads) if self.positions else None
        return found if table is None else {**found, "position_bias": Parameter(table, ZEROS)}

    def flops(self, *inputs: Shape) -> int:
        came = Sources.of(inputs, most=3)
        pairs = self.heads * came.query[0] * min(came.keys[0], self.window or came.keys[0])
        width = came.query[1] // self.heads + came.values[1] // self.groups
        return pairs * (2 * width + 5)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        sequences = (sources or ("⁽ˡ⁻¹⁾",))[:3]
        query, keys, values = sequences[0], sequences[min(1, len(sequences) - 1)], sequences[-1]
        scale = " / √d" if self.scale is None else "" if self.scale == 1 else f" · {self.scale:g}"
        bias = " + bias" if self.positions and relative(self.positions).kind != "rotary" else ""
        return f"a{here} = softmax(a{query} a{keys}ᵀ{scale}{bias}) a{values}"

    def label(self) -> str:
        said = ["causal"] * self.causal + [f"window {self.window}"] * bool(self.window)
        heads = [f"{self.heads} heads"] if self.heads > 1 else []
        return " · ".join(["DotProductAttention", *heads, *said])


@dataclass(frozen=True)
class MultiHeadAttention(
    Layer, other_spellings=("multihead_attention", "grouped_query_attention", "self_attention")
):
    """Lets every place ask several questions of all places, and maps what it finds back.

        q = W_q x + b_q,  k = W_k m + b_k,  v = W_v m + b_v
        a⁽ˡ⁾ = W_o [head₁; …; head_H] + b_o,  headₕ = softmax(qₕ kₕᵀ / √D) vₕ

    x is what comes, m the signal named `memory` or x itself. `mask` names a signal that is true
    where a place of m is real. Each head has `head_units` features, unless told the input's divided
    by `heads`; with `kv_heads` below `heads` several share keys and values (one: multi-query).
    `positions` is "rotary", "alibi", "buckets" (T5), "distances", or one of their descriptions,
    such as `Rotary(base=5e5)`. `causal`, `window`, `scale` and `normalise` are as in
    `DotProductAttention`, `dropout` silences weights of the softmax.

    The weights are those of the Dense layers `query`, `key`, `value` and `output` inside.

    >>> MultiHeadAttention(8, kv_heads=2, causal=True, positions="rotary").output_shape((10, 64))
    (10, 64)

    Shapes: [T, C], [S, M], [S] -> [T, C], or `units` features.

    Reference: Vaswani et al. 2017, arXiv:1706.03762; Shazeer 2019, arXiv:1911.02150 (multi-query).
    """

    family: ClassVar[Family] = "map"
    most_inputs: ClassVar[int | None] = 3

    heads: Count
    _: KW_ONLY
    kv_heads: OptionalCount = None
    head_units: OptionalCount = None
    units: OptionalCount = None
    causal: Flag = False
    window: OptionalCount = None
    scale: Scale = None
    dropout: Share = 0.0
    bias: Flag = True
    output_bias: Annotated[bool | None, optional(Flag.__metadata__[0])] = None
    normalise: HeadNorm = None
    epsilon: Positive = 1e-6
    positions: RelativeField = None
    initializer: InitializerField = None
    memory: Name = None
    mask: Name = None

    def takes(self) -> tuple[str, ...]:
        return tuple(name for name in (self.memory, self.mask) if name)

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        came = Sources.of(tuple(signal.shape for signal in signals), most=2)
        check_order(came, causal=self.causal)
        _check_groups(self.heads, self.kv_heads or self.heads)
        each = self.head_units or self._divided(came.query)
        sequences = 1 + (len(signals[1:]) - (came.mask is not None))
        query, memory, masks = signals[0], signals[sequences - 1], signals[sequences:]
        groups = self.kv_heads or self.heads
        (queries,) = run("query", self._map(self.heads * each), query)
        (keys,) = run("key", self._map(groups * each), memory)
        (values,) = run("value", self._map(groups * each), memory)
        mixed = run("attention", self._attention(), queries, keys, values, *masks)
        bias = self.bias if self.output_bias is None else self.output_bias
        units = self.units or came.query[-1]
        return run("output", Dense(units, bias=bias, initializer=self.initializer), *mixed)

    def _divided(self, query: Shape) -> int:
        features = query[-1]
        if features % self.heads:
            fitting = max(1, round(features / self.heads)) * self.heads
            raise Misfit(
                f"features that {self.heads} heads divide",
                f"Give it {fitting} features, other heads, or head_units, their width.",
                output=(query[0], self.units or features),
            )
        return features // self.heads

    def _map(self, units: int) -> Dense:
        return Dense(units, bias=self.bias, initializer=self.initializer)

    def _attention(self) -> DotProductAttention:
        return DotProductAttention(
            self.heads,
            kv_heads=self.kv_heads,
            causal=self.causal,
            window=self.window,
            scale=self.scale,
            dropout=self.dropout,
            normalise=self.normalise,
            epsilon=self.epsilon,
            positions=self.positions,
        )

    def label(self) -> str:
        groups = f" on {self.kv_heads}" if self.kv_heads else ""
        causal = " · causal" if self.causal else ""
        return f"MultiHeadAttention · {self.heads} heads{groups}{causal}"
