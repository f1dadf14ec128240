"""Layers around one layer, which change how its weights are treated and not what it computes."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Annotated, Any, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import real
from ranvier.spec.joining import one_layer
from ranvier.spec.layer import A_LAYER, Family, Form, Layer, Parameter, Run, elementwise
from ranvier.spec.trace import Flowed, Signal

Inside = Annotated[Layer, replace(A_LAYER, accept=lambda value: A_LAYER.accept(one_layer(value)))]
Strength = Annotated[float, real("a number of at least 0", lambda value: value >= 0)]


_SPARED = {"bias", "scale"}


def is_weight(name: str, parameter: Parameter) -> bool:
    """Whether a parameter multiplies what comes: two axes or more, and no bias nor scale.

    The number of axes alone would not tell, as the biases of an ensemble have two.
    """
    return len(parameter.shape) >= 2 and not _SPARED & set(name.split("_"))


class Around:
    """What the kinds share: signals go through the layer inside, which goes by the name `layer`."""

    form: ClassVar[Form] = "chain"
    family: ClassVar[Family] = "map"
    # However many the layer inside takes, which looks at them itself.
    most_inputs: ClassVar[int | None] = None

    layer: Layer

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        return run("layer", self.layer, *signals)

    def members_after(self, members: int | None) -> int | None:
        return self.layer.members_after(members)

    def implied_inputs(self) -> tuple[Shape, ...] | None:
        return self.layer.implied_inputs()

    def applies(self) -> str | None:
        return self.layer.applies()

    def before(self: Any, function: str) -> Any:
        return replace(self, layer=self.layer.before(function))

    def label(self) -> str:
        return type(self).__name__


@dataclass(frozen=True)
class Frozen(Around, Layer):
    """Keeps the weights of the layer inside as they are: training passes through it.

    What is inside runs as in evaluation, so that running statistics stay too and nothing in it is
    random. Gradients flow on to the layers before it.

    >>> from ranvier.spec import Dense, Network
    >>> Network(Frozen([Dense(8, activation="relu"), Dense(4)]), Dense(2)).output_shape(3)
    (2,)

    Shapes: what the layer inside takes -> what it gives.
    """

    layer: Inside


@dataclass(frozen=True)
class Penalized(Around, Layer, other_spellings=("regularized", "regularizer")):
    """Adds the size of the weights inside to what is minimised, in training.

        R = Σ_W l1·Σ|w| + ½ l2·Σw² + orthogonal·‖W Wᵀ − I‖²

    W are the weights with two axes or more, not biases nor scales, the units along the first; a
    filter is a row. Where W has more rows than columns it is Wᵀ W, which can be I.

    >>> from ranvier.spec import Dense
    >>> Penalized(Dense(4), l2=1e-3).output_shape(3)
    (4,)

    Shapes: what the layer inside takes -> what it gives.

    Reference: Goodfellow et al., Deep Learning (2016), 7.1; Brock et al. 2017, arXiv:1609.07093
    (orthogonal).
    """

    layer: Inside
    _: KW_ONLY
    l1: Strength = 0.0
    l2: Strength = 0.0
    orthogonal: Strength = 0.0


@dataclass(frozen=True)
class ActivityPenalty(Layer, other_spellings=("activity_regularization",)):
    """Passes on what comes, and adds its size to what is minimised, in training.

        a⁽ˡ⁾ = a⁽ˡ⁻¹⁾,  R = 1/B Σ_b (l1·Σ|a_b| + ½ l2·Σa_b²)

    With l1 few units stay active at a time.

    Shapes: any -> the same.

    Reference: Goodfellow et al., Deep Learning (2016), 7.10.
    """

    family: ClassVar[Family] = "regularisation"

    _: KW_ONLY
    l1: Strength = 0.0
    l2: Strength = 0.0

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 2 * (self.l1 > 0) + 2 * (self.l2 > 0))

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        terms = [f"{self.l1:g} Σ|a{here}|"] * (self.l1 > 0)
        terms += [f"½ {self.l2:g} Σa{here}²"] * (self.l2 > 0)
        return f"a{here} = a{source}, R = {' + '.join(terms) or '0'}"
