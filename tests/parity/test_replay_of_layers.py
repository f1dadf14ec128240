"""Every layer of the vocabulary trains to the same bits when its update is captured."""

from __future__ import annotations

import pytest
import torch

from ranvier.step import Batch
from tests.laws.examples import EXAMPLES
from tests.laws.examples.example import Example
from tests.parity.updates import Update, columns, differing, fed


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_layer_trains_to_the_bits_of_eager(example: Example) -> None:
    inputs = example.inputs()
    rows = torch.cat([columns(each) for each in inputs], 1)
    targets = torch.randn(len(rows), generator=torch.Generator().manual_seed(2))
    batches = [Batch(rows, targets), Batch(rows.flip(0), targets), Batch(rows, -targets)]
    update = Update(lambda: fed(example.layer, example.shapes, inputs), batches)
    _, wanted = update.run("eager")
    replayed, came = update.run("replay")
    assert replayed.remarks == []
    assert differing(came, wanted) == []
