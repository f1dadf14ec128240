"""Normalisation: mean 0 and variance 1, then a scale and a shift that are learnt.

The kinds differ in what a mean is taken over:

    BatchNorm     the batch and all places, for each feature
    InstanceNorm  the places of a sample, for each feature
    GroupNorm     the places of a sample and a group of its features
    LayerNorm     the features of a place, or more of the last axes
    RMSNorm       the same, where only the size is set to 1 and the mean left as it is
    UnitNorm      the same again, so that the features have length 1; nothing is learnt
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag, Positive, real
from ranvier.spec.initializers import ONES, ZEROS, Initializer, InitializerField, initializer
from ranvier.spec.layer import Family, Layer, Parameter, TorchModule, elementwise
from ranvier.spec.trace import Misfit

_Momentum = Annotated[float, real("a number above 0 and at most 1", lambda value: 0 < value <= 1)]


class _Normalises:
    """What the kinds share: the shape stays, and γ and β, where they are learnt, go by feature.

    `normal` is what is scaled and shifted, `operations` its cost per number; `initializer` says how
    γ starts, with ones unless told.
    """

    family: ClassVar[Family] = "normalisation"
    normal: ClassVar[str] = "(a{source} − mean) / √(var + ε)"
    operations: ClassVar[int] = 6
    learnt: ClassVar[Mapping[str, Initializer]] = {"weight": ONES, "bias": ZEROS}

    affine: Flag = True
    initializer: InitializerField = None

    def learnt_shape(self, input: Shape) -> Shape:
        """The shape of the scale and of the shift."""
        return input[-1:]

    def infer(self, *inputs: Shape) -> Shape:
        if not inputs[0]:
            raise Misfit(
                "at least one axis, the features last", "Put it after a layer that gives features."
            )
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        if not self.affine:
            return {}
        shape = self.learnt_shape(inputs[0])
        starts = dict(self.learnt)
        if self.initializer is not None:
            starts["weight"] = initializer(self.initializer)
        return {name: Parameter(shape, start) for name, start in starts.items()}

    def initialisation(self) -> str:
        """How γ starts, in words, where it is told."""
        if self.initializer is None:
            return ""
        start = initializer(self.initializer)
        return f"{start.function}: {start.meaning}"

    def flops(self, *inputs: Shape) -> int:
        learnt = len(self.learnt) if self.affine else 0
        return elementwise(inputs[0], self.operations + learnt)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        normal = self.normal.format(source=source, here=here)
        if not (self.affine and self.learnt):
            return f"a{here} = {normal}"
        shift = f" + β{here}" if "bias" in self.learnt else ""
        return f"a{here} = γ{here} ⊙ {normal}{shift}"


@dataclass(frozen=True)
class BatchNorm(_Normalises, Layer, other_spellings=("batch_normalization",)):
    """Normalises each feature over the batch, and over all places of a sample.

        a⁽ˡ⁾ = γ ⊙ (a⁽ˡ⁻¹⁾ − μ) / √(σ² + ε) + β

    In training μ and σ² are the batch's, and running means of them are kept:
    running ← (1 − momentum) · running + momentum · batch (σ² there with n − 1 below). Evaluation
    uses the running ones, so that a sample's output does not depend on its company.

    Shapes: [..., features] -> the same.

    Reference: Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    normal: ClassVar[str] = "(a{source} − μ{here}) / √(σ²{here} + ε)"
    operations: ClassVar[int] = 2

    _: KW_ONLY
    momentum: _Momentum = 0.1
    epsilon: Positive = 1e-5
    affine: Flag = True
    initializer: InitializerField = None


@dataclass(frozen=True)
class InstanceNorm(_Normalises, Layer, other_spellings=("instance_normalization",)):
    """Normalises each feature of a sample over all its places, which takes its contrast away.

        a⁽ˡ⁾ = γ ⊙ (a⁽ˡ⁻¹⁾ − mean) / √(var + ε) + β

    Mean and variance are a sample's own, in training and in evaluation.

    Shapes: [..., features], at least one axis before the features -> the same.

    Reference: Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022.
    """

    _: KW_ONLY
    epsilon: Positive = 1e-5
    affine: Flag = True
    initializer: InitializerField = None

    def infer(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) < 2:
            raise Misfit(
                "(..., features) with at least one axis of places before the features",
                "Use LayerNorm() for samples without places.",
            )
        return inputs[0]


@dataclass(frozen=True)
class GroupNorm(_Normalises, Layer, other_spellings=("group_normalization",)):
    """Normalises groups of neighbouring features, each over all places of a sample.

        a⁽ˡ⁾ = γ ⊙ (a⁽ˡ⁻¹⁾ − mean_group) / √(var_group + ε) + β

    One group takes a whole sample together; as many groups as features is `InstanceNorm`. It does
    for small batches what `BatchNorm` does for large ones.

    Shapes: [..., features], the features a multiple of `groups` -> the same.

    Reference: Wu & He 2018, arXiv:1803.08494.
    """

    normal: ClassVar[str] = "(a{source} − mean_group) / √(var_group + ε)"

    groups: Count
    _: KW_ONLY
    epsilon: Positive = 1e-5
    affine: Flag = True
    initializer: InitializerField = None

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if not shape or shape[-1] % self.groups:
            raise Misfit(
                f"(..., features) with a multiple of {self.groups} features, one share per group",
                "Choose groups that divide the features, or other features.",
            )
        return shape


class _OverLastAxes(_Normalises):
    """What takes its means over the last `axes` axes, and learns a number for each place there."""

    epsilon: Positive
    axes: Count

    def learnt_shape(self, input: Shape) -> Shape:
        """The last axes."""
        return input[-self.axes :]

    def infer(self, *inputs: Shape) -> Shape:
        shape = super().infer(*inputs)
        if len(shape) < self.axes:
            raise Misfit(
                f"at least {self.axes} axes, which are normalised together",
                f"Give axes=… at most {len(shape)}.",
            )
        return shape

    def torch_arguments(self, input: Shape) -> dict[str, Any]:
        """torch's names for what these layers hold."""
        return {
            "normalized_shape": self.learnt_shape(input),
            "eps": self.epsilon,
            "elementwise_affine": self.affine,
        }


@dataclass(frozen=True)
class LayerNorm(_OverLastAxes, Layer, other_spellings=("layer_normalization",)):
    """Normalises the features of each place by their own mean and variance.

        a⁽ˡ⁾ = γ ⊙ (a⁽ˡ⁻¹⁾ − mean) / √(var + ε) + β

    `axes` counts how many of the last axes are taken together; 1 is the features alone.

    Shapes: [..., features] -> the same.

    Reference: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """

    _: KW_ONLY
    epsilon: Positive = 1e-5
    affine: Flag = True
    axes: Count = 1
    initializer: InitializerField = None

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("LayerNorm", self.torch_arguments(inputs[0]))


@dataclass(frozen=True)
class RMSNorm(_OverLastAxes, Layer, other_spellings=("rms_normalization",)):
    """Sets the root mean square of the features of each place to 1; their mean stays.

        a⁽ˡ⁾ = γ ⊙ a⁽ˡ⁻¹⁾ / √(mean(a⁽ˡ⁻¹⁾²) + ε)

    Cheaper than `LayerNorm` and as good in transformers. `axes` counts how many of the last axes
    are taken together.

    Shapes: [..., features] -> the same.

    Reference: Zhang & Sennrich 2019, arXiv:1910.07467.
    """

    normal: ClassVar[str] = "a{source} / √(mean(a{source}²) + ε)"
    operations: ClassVar[int] = 3
    learnt: ClassVar[Mapping[str, Initializer]] = {"weight": ONES}

    _: KW_ONLY
    epsilon: Positive = 1e-6
    affine: Flag = True
    axes: Count = 1
    initializer: InitializerField = None

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("RMSNorm", self.torch_arguments(inputs[0]))


@dataclass(frozen=True)
class UnitNorm(_OverLastAxes, Layer, other_spellings=("unit_normalization", "normalize")):
    """Sets the Euclidean length of the features of each place to 1; only the direction stays.

        a⁽ˡ⁾ = a⁽ˡ⁻¹⁾ / max(‖a⁽ˡ⁻¹⁾‖, ε)

    `axes` counts how many of the last axes are taken together. A zero stays a zero.

    Shapes: [..., features] -> the same.
    """

    normal: ClassVar[str] = "a{source} / max(‖a{source}‖, ε)"
    operations: ClassVar[int] = 3
    learnt: ClassVar[Mapping[str, Initializer]] = {}

    _: KW_ONLY
    epsilon: Positive = 1e-12
    axes: Count = 1
