"""A mixture of experts: many feed-forwards, of which each place asks a few."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Annotated, ClassVar

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Count, Flag, Name, real
from ranvier.spec.initializers import ZEROS, Initializer
from ranvier.spec.layer import Family, Layer, Parameter
from ranvier.spec.layers.activation import ActivationField, activation
from ranvier.spec.layers.attention import OptionalCount
from ranvier.spec.trace import Misfit

_AtLeastZero = Annotated[float, real("a number of at least 0", lambda value: value >= 0)]


@dataclass(frozen=True)
class MixtureOfExperts(Layer, other_spellings=("moe", "switch", "sparse_mixture")):
    """Sends each place to the few experts that its gate likes best, and adds up what they say.

        a⁽ˡ⁾ = Σ_{e ∈ top k} g_e Expert_e(x),  g = softmax of the k largest of W_g x
        Expert_e(x) = V_e f(U_e x + b_e) + c_e,  gated: V_e (f(G_e x) ⊙ U_e x), with biases if any

    The gate's weights add up to one over the experts that are asked; for `top_k=1` that would
    leave the gate without a gradient, so there g is its probability among all (Switch). In training
    two penalties go to the objective: `balance` · E Σ_e f_e p_e, f_e the share of the choices that
    fell on expert e and p_e its mean probability, which is least where all are asked alike; and
    `router_z` · mean (ln Σ_e e^{z_e})², which keeps the gate's logits small. `mask` names a signal
    that is true where a place is real, so that padding asks for no balance.

    Every expert works on every place and those not asked count zero: no shape depends on the data.

    >>> MixtureOfExperts(8, hidden=128).output_shape((10, 64))
    (10, 64)

    Shapes: [..., C] -> the same; mask [...].

    Reference: Shazeer et al. 2017, arXiv:1701.06538; Fedus, Zoph & Shazeer 2022, arXiv:2101.03961
        (balance); Zoph et al. 2022, arXiv:2202.08906 (router z).
    """

    family: ClassVar[Family] = "map"
    most_inputs: ClassVar[int | None] = 2

    experts: Count
    _: KW_ONLY
    top_k: Count = 2
    hidden: OptionalCount = None
    activation: ActivationField = "gelu"
    gated: Flag = False
    bias: Flag = True
    balance: _AtLeastZero = 0.01
    router_z: _AtLeastZero = 0.001
    mask: Name = None

    def takes(self) -> tuple[str, ...]:
        return (self.mask,) if self.mask else ()

    def width(self, features: int) -> int:
        """How wide an expert is inside."""
        return self.hidden or 4 * features

    def infer(self, *inputs: Shape) -> Shape:
        shape, *masks = inputs
        if not shape:
            raise Misfit("at least one axis, the features last", "Put an Embedding before it.")
        if self.top_k > self.experts:
            raise Misfit(
                f"at most {self.experts} of them",
                "Give a smaller top_k or more experts.",
                came=f"has a top_k of {self.top_k} for {self.experts} experts",
            )
        if any(mask != shape[:-1] for mask in masks) or len(masks) > 1:
            raise Misfit(
                f"a mask of shape {shape[:-1]}, one number for each place",
                "Name the mask of the sequence that comes.",
            )
        return shape

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        experts, features = self.experts, inputs[0][-1]
        hidden = self.width(features)
        function = activation(self.activation)
        inner = Initializer(function.record.initializer if function else "glorot_uniform")
        outer = Initializer("glorot_uniform")
        wide, narrow = (experts, hidden, features), (experts, features, hidden)
        found = {
            "gate": Parameter((experts, features), outer, fan_in=features, fan_out=experts),
            "hidden_weight": Parameter(wide, inner, fan_in=features, fan_out=hidden),
            "output_weight": Parameter(narrow, outer, fan_in=hidden, fan_out=features),
        }
        if self.gated:
            found["gate_weight"] = found["hidden_weight"]
            found["hidden_weight"] = replace(found["hidden_weight"], initializer=outer)
        if self.bias:
            found["hidden_bias"] = Parameter((experts, hidden), ZEROS)
            found["output_bias"] = Parameter((experts, features), ZEROS)
        if self.bias and self.gated:
            found["gate_bias"] = Parameter((experts, hidden), ZEROS)
        return found

    def flops(self, *inputs: Shape) -> int:
        features = inputs[0][-1]
        each = 2 * (2 + self.gated) * features * self.width(features)
        return size(inputs[0][:-1]) * self.experts * (each + 2 * features)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        return f"a{here} = Σ g_e Expert_e(a{source}), over the {self.top_k} largest g_e"

    def label(self) -> str:
        return f"MixtureOfExperts · {self.top_k} of {self.experts}"
