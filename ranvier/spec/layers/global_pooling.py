"""Pooling over all places at once: a sample of any extent becomes one row of features."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import Flag, Name
from ranvier.spec.initializers import Initializer, InitializerField, initializer
from ranvier.spec.layer import Layer, Parameter
from ranvier.spec.trace import Misfit


class OverAllPlaces:
    """Mixed into a layer that takes places and, by name, a mask of those that are real."""

    mask: str | None

    def takes(self) -> tuple[str, ...]:
        """The mask's name, if there is one."""
        return (self.mask,) if self.mask else ()

    def features(self, *inputs: Shape) -> int:
        """Features of the input.

        Raises:
            Misfit: if there is no place, or the mask is not one number per place.
        """
        shape, *masks = inputs
        if len(shape) < 2:
            raise Misfit(
                "(length, features), (height, width, features) or more axes, the features last",
                "Take it away: there are no places to pool over.",
            )
        if any(mask != shape[:-1] for mask in masks):
            raise Misfit(
                f"a mask of shape {shape[:-1]}, a number for each place",
                "Make the mask of what has as many places, such as the codes or Masking().",
                came=f"got {shape} and a mask of shape {masks[0]}",
                output=shape[-1:],
            )
        return shape[-1]


class GlobalPool(OverAllPlaces):
    """Mixed into a layer that makes one number of all places, feature by feature."""

    keep_axes: bool
    sign: ClassVar[str] = ""

    def infer(self, *inputs: Shape) -> Shape:
        """The features, after axes of one place if they are kept."""
        features = self.features(*inputs)
        kept = len(inputs[0]) - 1 if self.keep_axes else 0
        return (*(1,) * kept, features)

    def flops(self, *inputs: Shape) -> int:
        """An operation for each number."""
        return size(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        """What is made of the numbers at all places t."""
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        where = f", t where a{sources[1]}ₜ ≠ 0" if self.mask and len(sources) > 1 else ""
        return f"a{here} = {self.sign}ₜ a{source}ₜ{where}"


@dataclass(frozen=True)
class GlobalMaxPool(
    GlobalPool,
    Layer,
    other_spellings=(
        "global_max_pooling", "global_max_pooling1d", "global_max_pooling2d",
        "global_max_pooling3d", "global_max_pool1d", "global_max_pool2d", "global_max_pool3d",
    ),
):  # fmt: skip
    """Keeps the largest number of all places, feature by feature.

        a⁽ˡ⁾ = maxₜ a⁽ˡ⁻¹⁾ₜ

    `mask` names a signal that is not zero where a place is real; the other places are left out, and
    where none is real the result is zero. `keep_axes` keeps every axis, with one place.

    >>> GlobalMaxPool().output_shape((7, 7, 512))
    (512,)

    Shapes: [*places, features] -> [features].

    Reference: Collobert et al. 2011, JMLR 12 (max over time).
    """

    _: KW_ONLY
    keep_axes: Flag = False
    mask: Name = None
    sign: ClassVar[str] = "max"


@dataclass(frozen=True)
class GlobalAveragePool(
    GlobalPool,
    Layer,
    other_spellings=(
        "global_average_pooling", "global_average_pooling1d", "global_average_pooling2d",
        "global_average_pooling3d", "global_avg_pool", "global_mean_pool",
    ),
):  # fmt: skip
    """Averages all places, feature by feature.

        a⁽ˡ⁾ = (1 / T) Σₜ a⁽ˡ⁻¹⁾ₜ

    `mask` names a signal that is not zero where a place is real; the others are left out, of the
    sum and of T, and where none is real the result is zero. `keep_axes` keeps every axis, with one
    place.

    >>> GlobalAveragePool().output_shape((7, 7, 512))
    (512,)

    Shapes: [*places, features] -> [features].

    Reference: Lin, Chen & Yan 2014, arXiv:1312.4400.
    """

    _: KW_ONLY
    keep_axes: Flag = False
    mask: Name = None
    sign: ClassVar[str] = "mean"


@dataclass(frozen=True)
class AttentionPool(OverAllPlaces, Layer, other_spellings=("attention_pooling",)):
    """Averages all places, each as much as it answers a learnt question.

        a⁽ˡ⁾ = Σₜ αₜ a⁽ˡ⁻¹⁾ₜ,  α = softmaxₜ(q · a⁽ˡ⁻¹⁾ₜ / √features)

    The query q starts at zero, so that training begins with the plain average. `mask` names a
    signal that is not zero where a place is real; the others get no weight.

    >>> AttentionPool().output_shape((12, 64))
    (64,)

    Shapes: [*places, features] -> [features].

    Reference: Lin et al. 2017, arXiv:1703.03130; Yang et al. 2016 (NAACL).
    """

    _: KW_ONLY
    mask: Name = None
    initializer: InitializerField = Initializer("zeros")

    @property
    def start(self) -> Initializer:
        """How the query starts."""
        return initializer(self.initializer or "zeros")

    def infer(self, *inputs: Shape) -> Shape:
        return (self.features(*inputs),)

    def parameters(self, *inputs: Shape) -> dict[str, Parameter]:
        features = inputs[0][-1]
        return {"query": Parameter((features,), self.start, fan_in=features)}

    def flops(self, *inputs: Shape) -> int:
        # The question to every place, the softmax, the average.
        places = size(inputs[0][:-1])
        return 4 * size(inputs[0]) + 5 * places

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        where = f", t where a{sources[1]}ₜ ≠ 0" if self.mask and len(sources) > 1 else ""
        return f"a{here} = Σₜ αₜ a{source}ₜ, α = softmaxₜ(q{here} · a{source}ₜ / √C){where}"

    def initialisation(self) -> str:
        return f"{self.start.function}: {self.start.meaning}"
