"""Every layer of the vocabulary trains to the same bits when its update is captured."""

from __future__ import annotations

import pytest

from tests.laws.examples import EXAMPLES
from tests.laws.examples.example import Example
from tests.parity.updates import differing, update_of_layer


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_layer_trains_to_the_bits_of_eager(example: Example) -> None:
    update = update_of_layer(example)
    _, wanted = update.run("eager")
    replayed, came = update.run("replay")
    assert replayed.remarks == []
    assert differing(came, wanted) == []
