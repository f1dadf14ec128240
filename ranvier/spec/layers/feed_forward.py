"""The part of a transformer that works on each place by itself: wide, then narrow again."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.spec.fields import Count, Flag, Share
from ranvier.spec.graph import Join
from ranvier.spec.initializers import InitializerField
from ranvier.spec.layer import Family, Layer, Run
from ranvier.spec.layers.activation import Activation, ActivationField
from ranvier.spec.layers.attention import OptionalCount
from ranvier.spec.layers.dense import Dense
from ranvier.spec.layers.dropout import Dropout
from ranvier.spec.trace import Flowed, Misfit, Signal


def features_of(signal: Signal) -> int:
    """How many features a place has.

    Raises:
        Misfit: if there are none.
    """
    if not signal.shape:
        raise Misfit("at least one axis, the features last", "Put an Embedding before it.")
    return signal.shape[-1]


@dataclass(frozen=True)
class FeedForward(Layer):
    """Widens each place's features, bends them, and brings them back: two dense layers.

        a⁽ˡ⁾ = W₂ f(W₁ a⁽ˡ⁻¹⁾ + b₁) + b₂

    `dropout` stands between the two, `hidden` and `output`. `units` is the width that comes out,
    unless told the one that came in.

    >>> FeedForward(256).output_shape((10, 64))
    (10, 64)

    Shapes: [..., C] -> [..., units or C].

    Reference: Vaswani et al. 2017, arXiv:1706.03762.
    """

    family: ClassVar[Family] = "map"

    hidden: Count
    _: KW_ONLY
    activation: ActivationField = "gelu"
    dropout: Share = 0.0
    bias: Flag = True
    units: OptionalCount = None
    initializer: InitializerField = None

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        units = self.units or features_of(signals[0])
        signals = run("hidden", _dense(self, self.hidden, self.activation), *signals)
        if self.dropout:
            signals = run("dropout", Dropout(self.dropout), *signals)
        return run("output", _dense(self, units), *signals)


@dataclass(frozen=True)
class GatedFeedForward(Layer):
    """A feed-forward in which one half of the wide features decides how much of the other passes.

        a⁽ˡ⁾ = W₃ (f(W₁ a⁽ˡ⁻¹⁾) ⊙ W₂ a⁽ˡ⁻¹⁾)

    SwiGLU with f = "silu", GeGLU with "gelu", ReGLU with "relu". The dense layers are `gate` (W₁),
    `hidden` (W₂) and `output` (W₃). For the cost of a `FeedForward` of width h take 2h/3.

    >>> GatedFeedForward(172).output_shape((10, 64))
    (10, 64)

    Shapes: [..., C] -> [..., units or C].

    Reference: Shazeer 2020, arXiv:2002.05202.
    """

    family: ClassVar[Family] = "map"

    hidden: Count
    _: KW_ONLY
    activation: ActivationField = "silu"
    dropout: Share = 0.0
    bias: Flag = False
    units: OptionalCount = None
    initializer: InitializerField = None

    def flow(self, run: Run, *signals: Signal) -> Flowed:
        units = self.units or features_of(signals[0])
        gate = run("gate", _dense(self, self.hidden, self.activation), *signals)
        wide = run("hidden", _dense(self, self.hidden), *signals)
        passed = run("product", Join("multiply"), *gate, *wide)
        if self.dropout:
            passed = run("dropout", Dropout(self.dropout), *passed)
        return run("output", _dense(self, units), *passed)


def _dense(
    layer: FeedForward | GatedFeedForward, units: int, activation: Activation | str | None = None
) -> Dense:
    return Dense(units, activation=activation, bias=layer.bias, initializer=layer.initializer)
