"""A captured update under a variant gives the bits of eager execution under the same variant."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ranvier.nn import build
from ranvier.spec import Conv, Dense, Dropout, Embedding, Flatten, Layer, MultiHeadAttention, Network
from ranvier.step import Batch
from ranvier.step.variants import Variant
from tests.laws.examples import EXAMPLES
from tests.laws.examples.example import Example
from tests.laws.test_architectures import SMALL, Small
from tests.laws.test_sequence_architectures import CASES, Case
from tests.parity.updates import Update, columns, differing, fed

BFLOAT16 = Variant(number_format="bfloat16")
STEPS = 4


def assert_replay_equals_eager(update: Update, *, steps: int = STEPS) -> None:
    _, wanted = update.run("eager", steps=steps)
    replayed, came = update.run("replay", steps=steps)
    assert replayed.remarks == []
    assert differing(came, wanted) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_layer_in_bfloat16_trains_to_the_bits_of_eager(example: Example) -> None:
    inputs = example.inputs()
    rows = torch.cat([columns(each) for each in inputs], 1)
    targets = torch.randn(len(rows), generator=torch.Generator().manual_seed(2))
    batches = [Batch(rows, targets), Batch(rows.flip(0), targets), Batch(rows, -targets)]
    options = {"variant": BFLOAT16}
    assert_replay_equals_eager(
        Update(lambda: fed(example.layer, example.shapes, inputs), batches, options=options)
    )


@pytest.mark.parametrize("case", [*SMALL, *CASES], ids=str)
def test_an_architecture_under_every_change_trains_to_the_bits_of_eager(case: Small | Case) -> None:
    network, inputs = case.network, case.rows() if isinstance(case, Small) else case.inputs
    inputs = tuple(each.float() for each in inputs)
    rows = torch.cat([columns(each) for each in inputs], 1)
    targets = torch.randn(len(rows), generator=torch.Generator().manual_seed(2))
    shapes = tuple(tuple(each.shape[1:]) for each in inputs)
    variant = Variant(number_format="bfloat16", attention="plain", layout="channels_first")
    assert_replay_equals_eager(
        Update(
            lambda: fed(network, shapes, inputs),
            [Batch(rows, targets), Batch(rows.flip(0), -targets)],
            options={"variant": variant},
        )
    )
