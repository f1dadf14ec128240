"""What makes a row of layers a graph: names stand for signals, and for weights.

The name of a layer is the name of its output. It is known to the layers after it in the same row
and in the rows inside those, like a variable in a block of code; the inputs of a network have
names as well (`Network(…, inputs=("left", "right"))`; a single one is `input`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Flag, Rule, many, whole
from ranvier.spec.initializers import ZEROS
from ranvier.spec.join import (
    JOIN_RULE,
    JoinKind,
    join_equation,
    join_flops,
    join_sign,
    joined_shape,
)
from ranvier.spec.joining import Sequence
from ranvier.spec.layer import Family, Form, Layer, Parameter, Run
from ranvier.spec.trace import Flowed, Joined, Kept, Misfit, Signal


def _accept_path(value: Any) -> str:
    if isinstance(value, str) and value and len(value) < 1_000:
        return value
    raise TypeError


NAMED = Rule("the name of a layer or of an input", _accept_path)
Named = Annotated[str, NAMED]


_Also = Annotated[
    tuple[str, ...],
    Rule(
        "a name or names of layers before this one",
        lambda value: many(NAMED, "").accept((value,) if isinstance(value, str) else value),
    ),
]


@dataclass(frozen=True, init=False, repr=False)
class Take(Layer):
    """Goes on with signals named earlier instead of what comes: one or several.

        a⁽ˡ⁾ = a⁽ⁿᵃᵐᵉ⁾

    >>> from ranvier.spec import Dense, Join, Network
    >>> network = Network(Dense(8, name="stem"), Dense(4), Take("stem", "input"), Join("concat"))
    >>> network.output_shape(3)
    (11,)

    Shapes: any -> the shapes of the signals named.
    """

    names: Annotated[tuple[str, ...], many(NAMED, "one or more names", minimum=1)]
    most_inputs: ClassVar[int | None] = None
    family: ClassVar[Family] = "join"

    def __init__(self, *names: str, name: str | None = None) -> None:
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "name", name)
        self.__post_init__()

    def __repr__(self) -> str:
        named = [f"name={self.name!r}"] if self.name else []
        return f"Take({', '.join([*map(repr, self.names), *named])})"

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Layer:
        names = given.get("names", ())
        rest = {key: value for key, value in given.items() if key != "names"}
        return cls(*(names if isinstance(names, list | tuple) else [names]), **rest)

    def takes(self) -> tuple[str, ...]:
        return self.names

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        # What comes stands first; each name may stand for several signals.
        taken = run.outside.taken(self.names) if run.outside else ()
        return signals[len(signals) - len(taken) :]

    def label(self) -> str:
        return f"Take {', '.join(self.names)}"


@dataclass(frozen=True)
class Pick(Layer):
    """Goes on with one of several signals that come, by its number.

        a⁽ˡ⁾ = a⁽ⁱ⁾, the signal `number` of those that come, from 0

    >>> from ranvier.spec import LSTM, Network
    >>> Network(LSTM(8, states=True), Pick(2)).output_shape((12, 3))    # the state of the cell
    (8,)

    Shapes: several -> that of one of them.
    """

    family: ClassVar[Family] = "join"
    most_inputs: ClassVar[int | None] = None

    number: Annotated[int, whole(0, 1_000)]

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        if self.number >= len(signals):
            raise Misfit(
                f"at least {self.number + 1} signals, as they are counted from 0",
                "Pick an earlier one, or Take what is meant by its name.",
            )
        return (signals[self.number],)


class Aside(Sequence):
    """Computes something of what comes, keeps it under its name, and lets what came go on.

    The way to a mask, or to a second answer on the way, without leaving the row.

    >>> from ranvier.spec import Dense, Network
    >>> network = Network(Aside(Dense(2), name="early"), Dense(4), Take("input", "early"))
    >>> network.output_shapes(3)
    ((3,), (2,))

    Shapes: any -> the same.
    """

    form: ClassVar[Form] = "aside"

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        kept = super().flow(run, *signals)
        assert isinstance(kept, tuple)
        return Kept(kept)

    def members_after(self, members: int | None) -> int | None:
        return members


@dataclass(frozen=True)
class Again(Layer, other_spellings=("shared",)):
    """Uses an earlier layer once more, with the same weights.

        a⁽ˡ⁾ = f(a⁽ˡ⁻¹⁾; θ⁽ᵒᶠ⁾)

    >>> from ranvier.spec import Dense, Join, Network
    >>> twins = Network(
    ...     Take("left"), Dense(8, name="tower"), Take("right"), Again("tower", name="other"),
    ...     Take("tower", "other"), Join("dot"), inputs=("left", "right"))
    >>> twins.describe(input=[(5,), (5,)]).parameters   # 5·8 + 8, once
    48

    Shapes: what the layer `of` that name takes -> what it gives.
    """

    most_inputs: ClassVar[int | None] = None
    family: ClassVar[Family] = "join"

    of: Named

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        return run.again(self.of, *signals)

    def label(self) -> str:
        return f"Again {self.of}"


@dataclass(frozen=True)
class Join(Layer, other_spellings=("concatenate", "add", "merge")):
    """Makes one signal of several: end to end, or number by number.

        concat: a⁽ˡ⁾ = [a⁽ⁱ⁾; a⁽ʲ⁾; …]    sum, average, multiply, maximum, minimum: each number
        dot:    a⁽ˡ⁾ = Σ_d a⁽ⁱ⁾_d a⁽ʲ⁾_d, over the features

    `also` names signals to be joined with what comes: skips. `axis` is where concat puts them end
    to end: the features, unless told; no batch axis counts.

    >>> from ranvier.spec import Dense, Network
    >>> network = Network(Dense(8, name="fine"), Dense(4), Dense(8), Join("concat", also="fine"))
    >>> network.output_shape(3)
    (16,)

    Shapes: several of one shape -> that shape; concat: the axis adds up; dot: one feature.
    """

    most_inputs: ClassVar[int | None] = None
    family: ClassVar[Family] = "join"

    join: Annotated[JoinKind, JOIN_RULE] = "concat"
    _: KW_ONLY
    also: _Also = ()
    axis: Annotated[int, whole(-64, 64)] = -1

    def takes(self) -> tuple[str, ...]:
        return self.also

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        shapes = [signal.shape for signal in signals]
        came = f"got inputs of shape {' and '.join(map(str, shapes))}"
        return Joined(joined_shape(self.join, shapes, came=came, axis=self.axis), signals)

    def flops(self, *inputs: Shape) -> int:
        return join_flops(self.join, list(inputs))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return join_equation(self.join, here, sources or ("⁽ⁱ⁾", "⁽ʲ⁾"))

    def label(self) -> str:
        names = f" {', '.join(self.also)}" if self.also else ""
        return f"Join {join_sign(self.join)}{names}"


@dataclass(frozen=True)
class TiedDense(Layer, other_spellings=("reversible_embedding", "tied_embedding")):
    """Maps features back to an embedding's entries, with the embedding's own weights.

        z⁽ˡ⁾ = E a⁽ˡ⁻¹⁾ + b⁽ˡ⁾,  E: the weight [categories, units] of the embedding `of` that name

    One matrix reads words and writes them, which saves a vocabulary's worth of weights.

    >>> from ranvier.spec import Embedding, Network
    >>> network = Network(Embedding(1000, 16, name="words"), TiedDense("words"))
    >>> network.output_shape(12), network.describe(input=12).parameters
    ((12, 1000), 16000)

    Shapes: [..., units] -> [..., categories].

    Reference: Press & Wolf 2017, arXiv:1608.05859.
    """

    family: ClassVar[Family] = "map"

    of: Named
    _: KW_ONLY
    bias: Flag = False

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        (signal,) = signals
        embedding = run.weights_of(self.of).node
        weight = embedding.parameters.get("weight")
        if weight is None or len(weight.shape) != 2:
            raise Misfit(
                "a layer with one weight [categories, units], such as an Embedding",
                "Name the embedding whose weights are to be used.",
                came=f"got the name {self.of!r}, of {type(embedding.layer).__name__}",
            )
        categories, units = weight.shape
        if not signal.shape or signal.shape[-1] != units:
            raise Misfit(
                f"(..., {units}), the units of {self.of}",
                f"Put a Dense({units}) before it.",
                output=(*signal.shape[:-1], categories),
            )
        bias = {"bias": Parameter((categories,), ZEROS)} if self.bias else {}
        flops = size(signal.shape[:-1]) * categories * (2 * units + self.bias)
        return Joined((*signal.shape[:-1], categories), signals, parameters=bias, flops=flops)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = E a{source}" + (f" + b{here}" if self.bias else "")

    def label(self) -> str:
        return f"TiedDense {self.of}"
