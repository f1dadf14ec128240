"""Every ready architecture trains to the same bits when its update is captured."""

from __future__ import annotations

import pytest
import torch

from ranvier.step import Batch
from tests.laws.test_architectures import SMALL, Small
from tests.laws.test_sequence_architectures import CASES, Case
from tests.parity.updates import Update, columns, differing, fed

STEPS = 6


@pytest.mark.parametrize("case", [*SMALL, *CASES], ids=str)
def test_an_architecture_trains_to_the_bits_of_eager(case: Small | Case) -> None:
    network, inputs = case.network, case.rows() if isinstance(case, Small) else case.inputs
    inputs = tuple(each.float() for each in inputs)
    rows = torch.cat([columns(each) for each in inputs], 1)
    targets = torch.randn(len(rows), generator=torch.Generator().manual_seed(2))
    batches = [Batch(rows, targets), Batch(rows.flip(0), -targets)]
    shapes = tuple(tuple(each.shape[1:]) for each in inputs)
    update = Update(lambda: fed(network, shapes, inputs), batches)
    _, wanted = update.run("eager", steps=STEPS)
    replayed, came = update.run("replay", steps=STEPS)
    assert replayed.remarks == []
    assert differing(came, wanted) == []
