"""How several signals become one: end to end, or number by number."""

from __future__ import annotations

from typing import Literal

from ranvier.core.shapes import Shape, size
from ranvier.spec.fields import word
from ranvier.spec.trace import Misfit

JoinKind = Literal["concat", "sum", "average", "multiply", "maximum", "minimum", "dot"]

JOIN_RULE = word("concat", "sum", "average", "multiply", "maximum", "minimum", "dot")

_SIGNS = {"sum": "+", "multiply": "×", "maximum": "max", "minimum": "min", "dot": "·"}


def joined_shape(join: JoinKind, shapes: list[Shape], *, came: str, axis: int = -1) -> Shape:
    """The shape of signals of these shapes, joined; `concat` goes along `axis`.

    Raises:
        Misfit: if the shapes do not go together.
    """
    concat = join == "concat"
    if concat and all(_has_axis(shape, axis) for shape in shapes):
        compared = {(*shape[:axis], *shape[axis:][1:]) for shape in shapes}
        if len(compared) == 1 and len({len(shape) for shape in shapes}) == 1:
            joined = list(shapes[0])
            joined[axis] = sum(shape[axis] for shape in shapes)
            return tuple(joined)
    if not concat and len(set(shapes)) == 1 and (shapes[0] or join != "dot"):
        return (*shapes[0][:-1], 1) if join == "dot" else shapes[0]
    along = "the features" if axis == -1 else f"axis {axis}"
    raise Misfit(
        f"shapes that differ in {along} alone" if concat else "one shape from all branches",
        "Let every branch end in the same shape"
        + ("." if concat else f", or join them with 'concat' instead of {join!r}."),
        came=came,
        output=shapes[0] if shapes else None,
    )


def _has_axis(shape: Shape, axis: int) -> bool:
    return -len(shape) <= axis < len(shape)


def join_flops(join: JoinKind, shapes: list[Shape]) -> int:
    """What joining costs: an operation per number that goes in."""
    return 0 if join == "concat" else sum(size(shape) for shape in shapes)


def join_equation(join: JoinKind, here: str, sources: tuple[str, ...]) -> str:
    """The equation, in the superscripts of the output and of what is joined."""
    ends = [f"a{source}" for source in sources]
    if join == "concat":
        return f"a{here} = [{'; '.join(ends)}]"
    if join == "average":
        return f"a{here} = ({' + '.join(ends)}) / {len(ends)}"
    if join in ("maximum", "minimum"):
        return f"a{here} = {join[:3]}({', '.join(ends)})"
    if join == "dot":
        return f"a{here} = Σ {' ⊙ '.join(ends)}"
    return f"a{here} = {(' + ' if join == 'sum' else ' ⊙ ').join(ends)}"


def join_sign(join: JoinKind) -> str:
    """The sign or word that stands for it in a drawing."""
    return _SIGNS.get(join, join)
