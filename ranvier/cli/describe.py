"""`ranvier describe NETWORK --input SHAPE`: a network on paper, before any weight exists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ranvier.cli.networks import read_network
from ranvier.cli.output import Output
from ranvier.core.errors import ConfigError
from ranvier.core.shapes import Shape, shape_of


def describe(
    network: Path,
    /,
    *,
    input: Annotated[
        list[str] | None, Parameter(metavar="SHAPE", negative_iterable=(), consume_multiple=False)
    ] = None,
    svg: Path | None = None,
    output: Output = Output(),
) -> None:
    """Show NETWORK for an input of SHAPE: layers, shapes, parameters, FLOPs and equations.

    Parameters
    ----------
    network
        JSON file of a network, the folder of a run, or the name of a ready architecture (resnet50)
    input
        shape of one input without the batch axis, features last: 16 or 28,28,1; needed unless the
        network's first layer implies it; once for each of several inputs, in order
    svg
        file to write the drawing to
    """
    shapes = None if not input else [read_shape(text) for text in input]
    shape = shapes[0] if shapes and len(shapes) == 1 else shapes
    described = read_network(network)
    description = described.describe(input=shape)
    if svg is not None:
        try:
            svg.write_text(described.draw(input=shape), encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"--svg {svg}: cannot be written ({error.strerror or error}). "
                "Name a file in a folder that exists and that you may write to."
            ) from error
    output.document(description.to_json())
    words = output.words()
    output.result(description.text(width=words.width if words.is_terminal else None))


def read_shape(text: str) -> Shape:
    """The shape that `text` spells: whole numbers with commas, or × or x, between them.

    >>> read_shape("28,28,1"), read_shape("(16,)"), read_shape("28x28x1"), read_shape("()")
    ((28, 28, 1), (16,), (28, 28, 1), ())
    """
    if text.strip() == "()":
        return ()
    separated = text.strip().strip("()[]").replace("x", ",").replace("×", ",")
    try:
        return shape_of([int(part) for part in separated.rstrip(", ").split(",")])
    except ValueError:
        raise ConfigError(
            f"--input {text}: expected the shape of one input, without the batch axis, as in "
            "--input 16 or --input 28,28,1."
        ) from None
