"""A network: a value that says what is computed, without a weight or a tensor in sight."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Annotated

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec import document
from ranvier.spec.describe import Description
from ranvier.spec.draw import draw
from ranvier.spec.fields import Name, many, optional
from ranvier.spec.graph import NAMED
from ranvier.spec.joining import Sequence, one_layer
from ranvier.spec.layer import Inputs, Layer, Run, input_shapes
from ranvier.spec.trace import Flowed, Misfit, Node, Signal
from ranvier.spec.walk import trace

_InputNames = Annotated[
    tuple[str, ...] | None, optional(many(NAMED, "names of the inputs", minimum=1))
]


@dataclass(frozen=True, init=False, repr=False)
class Network(Sequence):
    """Layers from first to last: frozen, comparable, hashable; the same again from its JSON.

    >>> from ranvier.spec import Dense, Dropout
    >>> network = Network(Dense(64, activation="relu"), Dropout(0.1), Dense(10))
    >>> network.output_shape(20)
    (10,)
    >>> Network.from_json(network.to_json()) == network
    True

    A network with several inputs names them, and takes them by name where it wants them (`Take`);
    it gives several outputs where its last layer does.

    >>> from ranvier.spec import Join, Take
    >>> both = Network(Take("left", "right"), Join("concat"), inputs=("left", "right"))
    >>> both.output_shape({"left": 3, "right": 4})
    (7,)

    Raises:
        NetworkError: for a member that is not a layer.
    """

    inputs: _InputNames

    def __init__(
        self, *layers: Layer, inputs: tuple[str, ...] | None = None, name: Name = None
    ) -> None:
        self._set(layers=tuple(one_layer(layer) for layer in layers), inputs=inputs, name=name)

    def __repr__(self) -> str:
        named = f", inputs={self.inputs!r})" if self.inputs else ")"
        return super().__repr__()[:-1] + named

    def input_names(self) -> tuple[str, ...] | None:
        return self.inputs

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        if self.inputs is None:
            run.call("input", *signals)
        else:
            if len(signals) != len(self.inputs):
                raise Misfit(
                    f"{len(self.inputs)} inputs: {', '.join(self.inputs)}",
                    "Give one shape for each, as in input=[(5,), (7,)], or by name.",
                    came=f"got {len(signals)}",
                )
            for name, signal in zip(self.inputs, signals, strict=True):
                run.call(name, signal)
        return super().flow(run, *signals)

    def to_json(self) -> str:
        """The network as JSON text: pretty, stable, with the version of its format."""
        return document.write(self)

    @classmethod
    def from_json(cls, text: str) -> Network:
        """The network that `to_json` wrote, or that somebody wrote by hand.

        Raises:
            NetworkError: for all unknown kinds and fields and all wrong values at once.
            FormatError: for a text that a newer Ranvier wrote.
        """
        layer = document.read(text)
        if not isinstance(layer, cls):
            raise NetworkError(
                f"network.kind: got {layer.kind!r}; expected 'network' at the top. "
                'Put the layer into {"kind": "network", "layers": [...]}.'
            )
        return layer

    @property
    def members(self) -> int | None:
        """K where the output is [K, outputs], one per member of an ensemble inside; else None."""
        return self.members_after(None)

    def trace(self, *, input: Inputs | None = None) -> Node:
        """The network laid out for this input: every layer with path, shapes, weights and cost.

        Raises:
            ShapeError: for all layers that do not fit what they get, at once.
        """
        return trace(self, *self.shapes_or_implied(input))

    def describe(self, *, input: Inputs | None = None) -> Description:
        """The table of every layer for this input; printing it is the use.

        Raises:
            ShapeError: for all layers that do not fit what they get, at once.
        """
        return Description.of(self.trace(input=input))

    def draw(self, *, input: Inputs | None = None) -> str:
        """The network as a self-contained SVG, readable from a phone's width up.

        Raises:
            ShapeError: for all layers that do not fit what they get, at once.
        """
        return draw(self.trace(input=input))

    def _repr_html_(self) -> str:
        if self.implied_inputs() is None:
            return f"<code>{html.escape(repr(self))}</code>"
        return self.draw() + self.describe()._repr_html_()

    def shapes_or_implied(self, input: Inputs | None) -> tuple[Shape, ...]:
        """The given shape of every input, or the one that the first layer implies."""
        implied = self.implied_inputs()
        if input is not None:
            return input_shapes(input, self.inputs)
        if implied is None:
            raise NetworkError(
                "input: no shape was given and the first layer fits many; expected a shape without "
                "the batch axis. Give one, such as input=16 or input=(28, 28, 1)."
            )
        return implied
