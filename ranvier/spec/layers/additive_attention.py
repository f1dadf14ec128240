"""Attention of sequence-to-sequence networks: scores from a small network, or from a product."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar, Literal

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag, Name, Share, word
from ranvier.spec.initializers import ZEROS, Initializer
from ranvier.spec.layer import Family, Layer, Parameter, Run
from ranvier.spec.layers.attention import DotProductAttention, Sources
from ranvier.spec.layers.dense import Dense
from ranvier.spec.trace import Flowed, Misfit, Signal

_GLOROT = Initializer("glorot_uniform")


def _memory_needed(came: Sources, inputs: tuple[Shape, ...]) -> None:
    if len(inputs) == 1 or len(inputs[1]) != 2:
        raise Misfit(
            "a query [T, C] and a memory [S, M], then perhaps the memory's mask [S]",
            "Name the memory with memory=, such as an encoder's name.",
            output=came.query,
        )


@dataclass(frozen=True)
class AdditiveAttention(Layer, other_spellings=("bahdanau_attention",)):
    """Gives each place the mean of a memory, weighted by a small network's opinion of each pair.

        a⁽ˡ⁾ = softmax(scores) m,  scores[t, s] = wᵀ tanh(W_q x[t] + W_k m[s] + b)

    It takes a query and a memory, then perhaps the memory's mask, true where a place is real. A
    query to which nothing is left gets zeros.

    >>> AdditiveAttention(32).output_shapes([(10, 64), (7, 48)])
    ((10, 48),)

    Shapes: [T, C], [S, M], [S] -> [T, M].

    Reference: Bahdanau, Cho & Bengio 2015, arXiv:1409.0473.
    """

    family: ClassVar[Family] = "map"
    most_inputs: ClassVar[int | None] = 3

    units: Count
    _: KW_ONLY
    bias: Flag = True
    dropout: Share = 0.0
    memory: Name = None
    mask: Name = None

    def takes(self) -> tuple[str, ...]:
        return tuple(name for name in (self.memory, self.mask) if name)

    def infer(self, *inputs: Shape) -> Shape:
        came = Sources.of(inputs, most=2)
        _memory_needed(came, inputs)
        return (came.query[0], came.values[1])

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        units, features, memory = self.units, inputs[0][1], inputs[1][1]
        found = {
            "query_weight": Parameter((units, features), _GLOROT, fan_in=features, fan_out=units),
            "key_weight": Parameter((units, memory), _GLOROT, fan_in=memory, fan_out=units),
            "score_weight": Parameter((units,), _GLOROT, fan_in=units, fan_out=1),
        }
        return {**found, "bias": Parameter((units,), ZEROS)} if self.bias else found

    def flops(self, *inputs: Shape) -> int:
        (places, features), (memory, width) = inputs[:2]
        maps = 2 * self.units * (places * features + memory * width)
        return maps + places * memory * (4 * self.units + 2 * width + 5)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        query, memory = (sources or ("⁽ⁱ⁾", "⁽ʲ⁾"))[:2]
        bias = " + b" if self.bias else ""
        return f"a{here} = softmax(wᵀ tanh(W_q a{query} + W_k a{memory}{bias})) a{memory}"


@dataclass(frozen=True)
class LuongAttention(Layer, other_spellings=("multiplicative_attention", "general_attention")):
    """Gives each place the mean of a memory, weighted by how its features meet the query's.

        dot:      a⁽ˡ⁾ = softmax(x mᵀ) m
        general:  a⁽ˡ⁾ = softmax(x (W m)ᵀ) m,  so that their widths may differ

    Unlike `DotProductAttention` it does not divide by √d. W is the weight of the Dense layer `key`
    inside.

    >>> LuongAttention().output_shapes([(10, 64), (7, 48)])
    ((10, 48),)

    Shapes: [T, C], [S, M], [S] -> [T, M].

    Reference: Luong, Pham & Manning 2015, arXiv:1508.04025.
    """

    family: ClassVar[Family] = "map"
    most_inputs: ClassVar[int | None] = 3

    score: Annotated[Literal["dot", "general"], word("dot", "general")] = "general"
    _: KW_ONLY
    dropout: Share = 0.0
    memory: Name = None
    mask: Name = None

    def takes(self) -> tuple[str, ...]:
        return tuple(name for name in (self.memory, self.mask) if name)

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        inputs = tuple(signal.shape for signal in signals)
        came = Sources.of(inputs, most=2)
        _memory_needed(came, inputs)
        query, memory, *masks = signals
        keys = memory
        if self.score == "general":
            (keys,) = run("key", Dense(came.query[1], bias=False), memory)
        attention = DotProductAttention(scale=1.0, dropout=self.dropout)
        return run("attention", attention, query, keys, memory, *masks)
