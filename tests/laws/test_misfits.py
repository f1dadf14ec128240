"""What does not fit is refused on paper: path, shape that came, shape that fits, and a mend."""

from __future__ import annotations

import re

import pytest

from ranvier.core.errors import RanvierError, ShapeError
from ranvier.spec import LAYERS, Conv, Dense, Flatten, Network, Reshape, Take, trace
from ranvier.spec.graph import Join
from tests.laws.examples import EXAMPLES
from tests.laws.examples.example import Example

# Number by number, or all of a sample at once: any shape will do.
TAKES_ANYTHING = {
    "activation", "again", "alpha_dropout", "dropout", "flatten", "foreign", "gaussian_dropout",
    "gaussian_noise", "identity", "take", "drop_path", "activity_penalty", "aside",
}  # fmt: skip
WORDS = re.compile(
    r"(?P<path>[\w.]+): (?P<kind>\w+) (?P<came>(got|takes|has|makes|gives) .*?); "
    r"expected (?P<wanted>.+?)\. (?P<mend>[A-Z].*\.)",
    re.DOTALL,
)


def wrong_shapes(example: Example) -> list[tuple[tuple[int, ...], ...]]:
    """The example's shapes with one of them put wrong: ranks and sizes that mean something else."""
    wrong = []
    for place, shape in enumerate(example.shapes):
        others = [(), (1,), (7,), (7, 11), (7, 11, 13), (7, 11, 13, 17), (*shape, 5), shape[1:]]
        others += [(*shape[:-1], shape[-1] + 1)] if shape else []
        for other in others:
            if other != shape:
                wrong.append((*example.shapes[:place], other, *example.shapes[place + 1 :]))
    wrong.append((*example.shapes, (3, 3)))
    return wrong


def refusals(example: Example) -> list[str]:
    found = []
    for shapes in wrong_shapes(example):
        try:
            trace(Network(example.layer), *shapes)
        except ShapeError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_any_shape_is_taken_or_refused_in_words_that_help(example):
    for message in refusals(example):
        for line in message.split("\n"):
            assert WORDS.fullmatch(line), line


def test_every_kind_that_does_not_take_anything_refuses_something():
    refusing = {
        node.layer.kind
        for example in EXAMPLES
        if refusals(example)
        for node in trace(example.layer, *example.shapes).walk()
    }
    assert refusing | TAKES_ANYTHING == set(LAYERS)


def test_five_misfits_of_one_network_are_told_at_once():
    network = Network(
        Conv(8, 9, name="eyes"),
        Reshape((5, 5), name="shaped"),
        Take("nowhere", name="lost"),
        Join("sum", also="input", name="met"),
        Flatten(),
        Conv(3, 3, name="late"),
        Dense(2),
    )
    with pytest.raises(ShapeError) as caught:
        network.describe(input=(6, 6, 1))
    lines = str(caught.value).split("\n")
    assert [line.partition(":")[0] for line in lines] == ["eyes", "shaped", "lost", "met", "late"]
    assert all(WORDS.fullmatch(line) for line in lines)
    assert isinstance(caught.value, RanvierError)
