"""Dropout: units are silenced at random while training, so that none is relied on alone."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

from ranvier.core.shapes import Shape
from ranvier.spec.fields import Rule, Share, many, optional, whole
from ranvier.spec.layer import Family, Layer, TorchModule, elementwise
from ranvier.spec.trace import Misfit

_SEVERAL = many(whole(-64, 64), "axes")


def _accept_axes(value: Any) -> tuple[int, ...]:
    axes: tuple[int, ...] = _SEVERAL.accept((value,) if isinstance(value, int) else value)
    return axes


_Axes = Annotated[
    tuple[int, ...] | int | None,
    optional(Rule("an axis or several, the batch not counted, such as -1", _accept_axes)),
]


class _Silences:
    """What the kinds share: the shape stays, and m is 1 with probability 1 − rate, else 0."""

    family: ClassVar[Family] = "regularisation"
    mask: ClassVar[str] = "m{here}"

    rate: Share

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 2)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        keep, mask = f"{1 - self.rate:.4g}", self.mask.format(here=here)
        return f"a{here} = {mask} ⊙ a{source} / {keep}, {mask} ~ Bernoulli({keep})"


@dataclass(frozen=True)
class Dropout(
    _Silences, Layer, other_spellings=("spatial_dropout", "dropout1d", "dropout2d", "dropout3d")
):
    """Sets each number to zero with probability `rate` in training; does nothing in evaluation.

        a⁽ˡ⁾ = m⁽ˡ⁾ ⊙ a⁽ˡ⁻¹⁾ / (1 − rate),  m ~ Bernoulli(1 − rate)

    The division keeps the expectation, so that evaluation needs no correction. With `axes` m is
    drawn along those alone and holds along the others: `axes=-1` silences whole feature maps
    (spatial dropout), `axes=0` whole places. Every sample has draws of its own.

    Shapes: any -> the same.

    Reference: Srivastava et al. 2014, JMLR 15; feature maps: Tompson et al. 2015, arXiv:1411.4280.
    """

    rate: Share
    _: KW_ONLY
    axes: _Axes = None

    def infer(self, *inputs: Shape) -> Shape:
        self.mask_shape(inputs[0])
        return inputs[0]

    def mask_shape(self, input: Shape) -> Shape:
        """The shape of m for one sample: 1 along the axes where one draw holds for all.

        Raises:
            Misfit: for an axis that the input has not.
        """
        if self.axes is None:
            return input
        axes = (self.axes,) if isinstance(self.axes, int) else self.axes
        rank = len(input)
        beyond = [axis for axis in axes if not -rank <= axis < rank]
        if beyond:
            raise Misfit(
                f"an input with axis {', '.join(map(str, beyond))}",
                f"Give axes from {-rank} to {rank - 1}." if rank else "Leave out axes=….",
            )
        drawn = {axis % rank for axis in axes}
        return tuple(size if axis in drawn else 1 for axis, size in enumerate(input))

    def torch_module(self, *inputs: Shape) -> TorchModule | None:
        return TorchModule("Dropout", {"p": self.rate}) if self.axes is None else None


@dataclass(frozen=True)
class DropPath(_Silences, Layer, other_spellings=("stochastic_depth",)):
    """Silences whole samples with probability `rate` in training: a branch is left out for them.

        a⁽ˡ⁾ = m_b a⁽ˡ⁻¹⁾ / (1 − rate),  m_b ~ Bernoulli(1 − rate) for each sample b

    At the end of a `Residual` it makes the depth of a network random (stochastic depth).

    Shapes: any -> the same.

    Reference: Huang et al. 2016, arXiv:1603.09382.
    """

    mask: ClassVar[str] = "m{here}_b"

    rate: Share


class _SilencesToAlpha(_Silences):
    """What sets numbers to −α′ and then scales and shifts all, so that selu stays normal."""

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0], 4)

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        keep, mask = f"{1 - self.rate:.4g}", self.mask.format(here=here)
        drawn = f"{mask} ~ Bernoulli({keep})"
        return f"a{here} = c ({mask} ⊙ a{source} + (1 − {mask}) α′) + d, {drawn}"


@dataclass(frozen=True)
class AlphaDropout(_SilencesToAlpha, Layer):
    """Dropout for selu networks: keeps mean 0 and variance 1, not only the mean.

        a⁽ˡ⁾ = c (m ⊙ a⁽ˡ⁻¹⁾ + (1 − m) α′) + d,  m ~ Bernoulli(1 − rate), α′ = −1.7581
        c = ((1 − rate) (1 + rate α′²))^−½,  d = −c rate α′

    A silenced number is set to α′, the value that selu gives far on the left.

    Shapes: any -> the same.

    Reference: Klambauer et al. 2017, arXiv:1706.02515.
    """

    rate: Share

    def torch_module(self, *inputs: Shape) -> TorchModule:
        return TorchModule("AlphaDropout", {"p": self.rate})


@dataclass(frozen=True)
class FeatureAlphaDropout(_SilencesToAlpha, Layer):
    """Alpha dropout of whole feature maps: one draw holds for all places of a feature.

        a⁽ˡ⁾ = c (m_f ⊙ a⁽ˡ⁻¹⁾ + (1 − m_f) α′) + d,  m_f ~ Bernoulli(1 − rate)

    c, d and α′ are those of `AlphaDropout`.

    Shapes: [..., features] -> the same.

    Reference: Klambauer et al. 2017, arXiv:1706.02515.
    """

    mask: ClassVar[str] = "m{here}_f"

    rate: Share

    def infer(self, *inputs: Shape) -> Shape:
        if not inputs[0]:
            raise Misfit("(..., features)", "Put it after a layer that gives features.")
        return inputs[0]


@dataclass(frozen=True)
class CodeDropout(Layer, other_spellings=("label_dropout",)):
    """Puts one code in the place of others with probability `rate` in training, as for "unknown".

        a⁽ˡ⁾ = m ⊙ code + (1 − m) ⊙ a⁽ˡ⁻¹⁾,  m ~ Bernoulli(rate) for each number

    So a network learns both what holds for a label and what holds without one, which guidance
    without a classifier needs.

    Shapes: any -> the same.

    Reference: Ho & Salimans 2022, arXiv:2207.12598.
    """

    family: ClassVar[Family] = "regularisation"

    rate: Share
    _: KW_ONLY
    code: Annotated[int, whole(0)] = 0

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def flops(self, *inputs: Shape) -> int:
        return elementwise(inputs[0])

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        source = (sources or ("⁽ˡ⁻¹⁾",))[0]
        drawn = f"m{here} ~ Bernoulli({self.rate:g})"
        return f"a{here} = m{here} ⊙ {self.code} + (1 − m{here}) ⊙ a{source}, {drawn}"
