"""What every layer is: frozen data that knows its shapes, weights, cost and equation.

A leaf layer says `infer` (its output shape), `parameters`, `equation` and, where torch has it,
`torch_module`. A layer made of others says `flow` instead of `infer`: how signals go through the
layers inside. Nothing else, here or elsewhere, needs to know a kind of layer by name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, MISSING, Field, dataclass, fields
from typing import Any, ClassVar, Literal

from ranvier.core.errors import ShapeError
from ranvier.core.registry import Registry
from ranvier.core.shapes import Shape, shape_of, size
from ranvier.spec.fields import Name, Rule, check_fields, rules_of
from ranvier.spec.initializers import Initializer
from ranvier.spec.trace import Flowed, Joined, Signal
from ranvier.spec.walk import Place, trace

LAYERS: Registry[type[Layer]] = Registry("layer")

Run = Place
"""`run(name, layer, *signals)`: what a layer made of others calls for each layer inside; the
signals that go on come back as a tuple."""

Inputs = int | Shape | list[int] | tuple[Shape, ...] | list[Shape] | Mapping[str, Shape]
"""The shape of the input as people write it, or several: in a row or by name."""

Form = Literal["box", "chain", "aside", "repeat", "bypass", "fork"]
"""How it is drawn: alone; what is inside in a row, beside the row, folded, with a way around, or
abreast."""


Family = Literal[
    "map", "activation", "normalisation", "regularisation", "embedding", "shape", "join"
]
"""What a layer is for, which gives it a colour in a drawing."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A trainable tensor: its shape, how it starts, and how many numbers go in and out of it."""

    shape: Shape
    initializer: Initializer
    fan_in: int = 1
    fan_out: int = 1


@dataclass(frozen=True)
class TorchModule:
    """A class of `torch.nn` and its arguments, as plain data."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Layer:
    """A description of one layer: compared by value, hashable, made without torch.

    A subclass is a frozen dataclass; being defined enters it in the registry under its name in
    snake case. `other_spellings` are names that people bring from elsewhere, answered with a hint.
    """

    kind: ClassVar[str] = "layer"
    form: ClassVar[Form] = "box"
    family: ClassVar[Family] = "shape"
    most_inputs: ClassVar[int | None] = 1
    """How many signals it takes at most, those taken by name left out; None for any number."""

    _: KW_ONLY
    name: Name = None

    def __init_subclass__(
        cls, kind: str | None = None, other_spellings: tuple[str, ...] = ()
    ) -> None:
        cls.kind = kind or snake_case(cls.__name__)
        LAYERS.add(cls.kind, cls, other_spellings=other_spellings)
        # `@dataclass` would give every subclass a repr that spells out all the defaults.
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        check_fields(self, self.name or type(self).__name__)

    def __repr__(self) -> str:
        written = []
        for field in sorted(fields(self), key=_writing_order):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            write = rules_of(type(self))[field.name].write
            plain = write(value) if write else value
            shown = repr(plain if isinstance(plain, str) else value)
            written.append(shown if not field.kw_only else f"{field.name}={shown}")
        return f"{type(self).__name__}({', '.join(written)})"

    # What a kind of layer says of itself.

    def infer(self, *inputs: Shape) -> Shape:
        """The output's shape for inputs of these shapes; raises `Misfit` for what cannot be."""
        raise NotImplementedError

    def takes(self) -> tuple[str, ...]:
        """Names of further signals, of layers before this one, that come after its inputs."""
        return ()

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        """How signals go through; a leaf makes one signal of its inputs."""
        return Joined(self.infer(*(signal.shape for signal in signals)), signals)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        """The trainable tensors of this layer itself, by name."""
        return {}

    def flops(self, *inputs: Shape) -> int:
        """Floating-point operations for one sample, forward; a multiply–add counts as two."""
        return 0

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        """What the layer computes, with the superscripts of its output and of its inputs."""
        return ""

    def torch_module(self, *inputs: Shape) -> TorchModule | None:
        """The class of `torch.nn` that does this layer's work, or None where ours does."""
        return None

    def members_after(self, members: int | None) -> int | None:
        """Members of the ensemble on the axis before the last, after this layer, or None."""
        return members

    def implied_inputs(self) -> tuple[Shape, ...] | None:
        """The only shape of each input that fits, for a layer that knows them."""
        return None

    def applies(self) -> str | None:
        """The activation that this layer is, by name; None for every other layer."""
        return None

    def before(self, function: str) -> Layer:
        """This layer as it is where the activation `function` comes next in its container."""
        return self

    def initialisation(self) -> str:
        """How the weights start, in words; empty for a layer without a choice."""
        return ""

    def label(self) -> str:
        """A few words for a drawing: the kind and what must be said of it."""
        values = [getattr(self, name) for name in self.required_fields()]
        said = [f"{value:.4g}" if isinstance(value, float) else f"{value}" for value in values]
        return " ".join([type(self).__name__, *said])

    def joins(self) -> str:
        """The sign or word for how a layer of the form `fork` joins its branches."""
        return ""

    @classmethod
    def meaning(cls) -> str:
        """What this kind of layer does, in a sentence: the first of its docstring."""
        first = (inspect.getdoc(cls) or "").partition("\n\n")[0]
        return " ".join(first.split())

    # How it is written down.

    def document(self) -> dict[str, Any]:
        """Every field by name, but those that are None by default; layers inside stay layers."""
        written = {}
        for name, rule in rules_of(type(self)).items():
            value = getattr(self, name)
            # A class has its fields' defaults as attributes of its own.
            if value is not None or getattr(type(self), name, None) is not None:
                written[name] = rule.write(value) if rule.write else value
        return written

    @classmethod
    def known_fields(cls, given: Mapping[str, Any]) -> list[str]:
        """The fields that a document of this kind may have."""
        return list(rules_of(cls))

    @classmethod
    def required_fields(cls) -> list[str]:
        """The fields without a default."""
        return [
            field.name
            for field in fields(cls)
            if field.default is MISSING and field.default_factory is MISSING
        ]

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Layer:
        """The layer that has these fields; those left out take their defaults."""
        return cls(**given)

    # What every layer can do.

    def output_shape(self, input: Inputs) -> Shape:
        """The output's shape for an input of this shape, the batch axis left out.

        Of several outputs the first; `output_shapes` gives all.

        Raises:
            ShapeError: for all layers inside that do not fit what they get.
        """
        return self.output_shapes(input)[0]

    def output_shapes(self, input: Inputs) -> tuple[Shape, ...]:
        """The shape of every output for inputs of these shapes, the batch axis left out.

        Raises:
            ShapeError: for all layers inside that do not fit what they get.
        """
        return trace(self, *input_shapes(input, self.input_names())).outputs

    def input_names(self) -> tuple[str, ...] | None:
        """What the inputs are called, for a network that names them."""
        return None


def _writing_order(field: Field[Any]) -> tuple[bool, bool]:
    return field.kw_only is True, field.name == "name"


def input_shapes(value: Inputs, names: tuple[str, ...] | None = None) -> tuple[Shape, ...]:
    """The shapes that the caller means: 16, [28, 28, 1], [(28, 28, 1), 5], {"picture": …}.

    >>> input_shapes(16), input_shapes([(28, 28, 1), (5,)])
    (((16,),), ((28, 28, 1), (5,)))
    """
    if isinstance(value, Mapping):
        if names is None or set(value) != set(names):
            listed = ", ".join(names or ()) or "inputs without names"
            raise ShapeError(
                f"input: got shapes for {', '.join(map(str, value))}; expected one for each of "
                f"{listed}. Give a shape per input by its name."
            )
        return tuple(_one_shape(value[name]) for name in names)
    if isinstance(value, list | tuple) and any(isinstance(each, list | tuple) for each in value):
        return tuple(_one_shape(each) for each in value)
    return (_one_shape(value),)


def _one_shape(value: Any) -> Shape:
    try:
        return shape_of(value)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"input: got {value!r}; expected positive whole numbers without the batch axis, "
            "such as 16 or (28, 28, 1)."
        ) from error


def snake_case(name: str) -> str:
    """`BatchNorm` -> `batch_norm`.

    >>> snake_case("GRUCell"), snake_case("Conv")
    ('gru_cell', 'conv')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def place_names(layers: tuple[Layer, ...]) -> list[str]:
    """The name of each layer in its container: its own, or its kind and position."""
    return [layer.name or f"{layer.kind}_{i}" for i, layer in enumerate(layers)]


def _accept_layer(value: Any) -> Layer:
    if isinstance(value, Layer):
        return value
    raise TypeError


A_LAYER = Rule("a layer, such as Dense(64)", _accept_layer, layers=True)


def elementwise(shape: Shape, operations: int = 1) -> int:
    """The cost of `operations` per number of a tensor of this shape."""
    return operations * size(shape)
