"""How attention learns how far apart two places are: members of the field `positions`.

rotary     turns queries and keys by an angle that grows with the place
alibi      takes a fixed slope times the distance off each score
buckets    adds a learnt number per bucket of distances, buckets growing with the distance
distances  adds a learnt number per distance
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Annotated, Any, ClassVar

from ranvier.core.errors import NetworkError, suggestion
from ranvier.core.registry import Registry
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag, Positive, Rule, check_fields, optional, real, whole
from ranvier.spec.trace import Misfit


@dataclass(frozen=True)
class Relative:
    """What attention does with the distance between two places; a value, no layer."""

    kind: ClassVar[str] = ""

    def __init_subclass__(cls, *, kind: str, other_spellings: tuple[str, ...] = ()) -> None:
        cls.kind = kind
        RELATIVE.add(kind, cls, other_spellings=other_spellings)

    def __post_init__(self) -> None:
        check_fields(self, type(self).__name__)

    def check(self, head_units: int) -> None:
        """Raise `Misfit` for heads of a width that this cannot work on."""

    def bias_shape(self, heads: int) -> Shape | None:
        """The shape of the table of numbers that are learnt, or None."""
        return None

    def to_document(self) -> str | dict[str, Any]:
        """The name alone where nothing differs from the defaults, else every field by name."""
        if self == type(self)():
            return self.kind
        return {"kind": self.kind, **{f.name: getattr(self, f.name) for f in fields(self)}}


RELATIVE: Registry[type[Relative]] = Registry("kind of relative positions")


@dataclass(frozen=True)
class Rotary(Relative, kind="rotary", other_spellings=("rope",)):
    """Turns pairs of a query's and a key's features by an angle that grows with the place.

        (u, v) at place t -> (u cos tθᵢ − v sin tθᵢ, u sin tθᵢ + v cos tθᵢ),  θᵢ = base^(−2i/R)

    Their product then depends on the distance alone. R features of each head turn: `share` of them,
    or all. Feature i pairs with i + R/2, as in Llama and GPT-NeoX, or with its neighbour
    (`interleaved`), as in the paper and GPT-J.

    Reference: Su et al. 2021, arXiv:2104.09864.
    """

    _: KW_ONLY
    base: Positive = 10_000.0
    share: Annotated[float, real("a number above 0 and at most 1", lambda x: 0 < x <= 1)] = 1.0
    interleaved: Flag = False

    def turned(self, head_units: int) -> int:
        """R: how many features of each head turn."""
        return round(head_units * self.share)

    def check(self, head_units: int) -> None:
        turned = self.turned(head_units)
        if turned % 2 or not turned:
            raise Misfit(
                "an even number of them, at least 2, for they turn in pairs",
                "Change the number of heads, their width, or the share that turns.",
                came=f"makes {turned} of the {head_units} features of each head turn",
            )


@dataclass(frozen=True)
class Alibi(Relative, kind="alibi"):
    """Takes the distance, times a slope of each head's own, off the score.

        score − mₕ |i − j|,  mₕ = 2^(−8h/H), h = 1 … H

    Where H is no power of two, the heads past the last power P have every other slope of 2P heads.

    Reference: Press, Smith & Lewis 2022, arXiv:2108.12409.
    """


@dataclass(frozen=True)
class BucketedBias(Relative, kind="buckets", other_spellings=("t5",)):
    """Adds a learnt number for the bucket that the distance falls in, per head.

        score + wₕ[bucket(j − i)]

    Half of the buckets are for one distance each, the others grow like logarithms up to
    `max_distance`, and the last takes all beyond. Without `causal`, half of all buckets are for
    places after the query's.

    Reference: Raffel et al. 2020, arXiv:1910.10683 (T5), which does not divide scores by √d:
        give `scale=1` for its weights.
    """

    _: KW_ONLY
    buckets: Annotated[int, whole(4, 1 << 20)] = 32
    max_distance: Annotated[int, whole(2, 1 << 30)] = 128

    def bias_shape(self, heads: int) -> Shape:
        return (self.buckets, heads)

    def check(self, head_units: int) -> None:
        if self.buckets % 2 or self.max_distance <= self.buckets // 2:
            raise Misfit(
                "an even number of buckets, below twice the greatest distance",
                "Give BucketedBias fewer buckets or a greater max_distance.",
                came=f"has {self.buckets} buckets for distances up to {self.max_distance}",
            )


@dataclass(frozen=True)
class DistanceBias(Relative, kind="distances", other_spellings=("shaw", "swin")):
    """Adds a learnt number for each distance j − i from −`max_distance` to it, per head.

        score + wₕ[max(−D, min(D, j − i))],  D: `max_distance`

    Distances beyond are taken as the greatest.

    Reference: Shaw, Uszkoreit & Vaswani 2018, arXiv:1803.02155 (the clipping; there vectors are
        learnt, here numbers as in Liu et al. 2021, arXiv:2103.14030).
    """

    _: KW_ONLY
    max_distance: Count = 64

    def bias_shape(self, heads: int) -> Shape:
        return (2 * self.max_distance + 1, heads)


def relative(value: Any) -> Relative:
    """Relative positions from what people write: themselves, their name, or a mapping."""
    if isinstance(value, Relative):
        return value
    if isinstance(value, str):
        return RELATIVE[value]()
    if isinstance(value, Mapping) and isinstance(value.get("kind"), str):
        found = RELATIVE[value["kind"]]
        given = {key: member for key, member in value.items() if key != "kind"}
        known = [field.name for field in fields(found)]
        unknown = [key for key in given if key not in known]
        if unknown:
            raise NetworkError(
                f"{found.kind} has no field {unknown[0]!r}. {suggestion(unknown[0], known)}"
            )
        return found(**given)
    raise TypeError


RelativeField = Annotated[
    Relative | str | None,
    Rule(
        optional(Rule("one of 'rotary', 'alibi', 'buckets', 'distances'", relative)).wanted,
        lambda value: None if value is None else relative(value),
        write=lambda value: None if value is None else value.to_document(),
    ),
]
