"""A captured update under a variant gives the bits of eager execution under the same variant."""

from __future__ import annotations

import pytest
import torch

from ranvier.nn import build
from ranvier.spec import (
    GRU,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    MultiHeadAttention,
    Network,
    Residual,
)
from ranvier.step import Batch
from ranvier.step.variants import Variant
from tests.laws.examples import EXAMPLES
from tests.laws.examples.example import Example
from tests.laws.test_architectures import SMALL, Small
from tests.laws.test_sequence_architectures import CASES, Case
from tests.parity.updates import Update, columns, differing, fed

VARIANTS = (
    Variant(number_format="bfloat16"),
    Variant(attention="plain"),
    Variant(number_format="bfloat16", attention="plain", layout="channels_first"),
)
NETWORKS = {
    "dense": (Network(Dense(16, activation="gelu"), BatchNorm(), Dropout(0.3), Dense(3)), (5,)),
    "pictures": (Network(Conv(6, kernel=3, activation="relu"), Flatten(), Dense(3)), (7, 7, 2)),
    "codes": (
        Network(
            Embedding(300, 8),
            Residual(LayerNorm(), MultiHeadAttention(heads=2, causal=True, dropout=0.1)),
            Flatten(),
            Dense(3),
        ),
        (6,),
    ),
    "recurrent": (Network(GRU(8, sequence=False, recurrent_dropout=0.2), Dense(3)), (5, 4)),
}


def assert_replay_equals_eager(update: Update, *, steps: int = 5) -> None:
    _, wanted = update.run("eager", steps=steps)
    replayed, came = update.run("replay", steps=steps)
    assert replayed.remarks == []
    assert differing(came, wanted) == []


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.words)
def test_a_variant_replays_to_the_bits_that_it_has_eagerly(variant: Variant, name: str) -> None:
    network, shape = NETWORKS[name]
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(8, *shape, generator=draw)
    if name == "codes":
        rows = torch.randint(300, (8, *shape), generator=draw).float()
    batch = Batch(rows, torch.randint(3, (8,), generator=draw))
    options = {"variant": variant, "clip_norm": 0.5, "average_decay": 0.9}
    assert_replay_equals_eager(Update(lambda: build(network, shape), [batch], options=options))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_layer_in_bfloat16_trains_to_the_bits_of_eager(example: Example) -> None:
    assert_trains_alike(example.layer, example.shapes, example.inputs(), VARIANTS[0])


@pytest.mark.slow
@pytest.mark.parametrize("case", [*SMALL, *CASES], ids=str)
def test_an_architecture_with_all_changed_trains_to_the_bits_of_eager(case: Small | Case) -> None:
    inputs = case.rows() if isinstance(case, Small) else case.inputs
    inputs = tuple(each.float() for each in inputs)
    shapes = tuple(tuple(each.shape[1:]) for each in inputs)
    assert_trains_alike(case.network, shapes, inputs, VARIANTS[-1])


def assert_trains_alike(
    layer: Layer | Network,
    shapes: tuple[tuple[int, ...], ...],
    inputs: tuple[torch.Tensor, ...],
    variant: Variant,
) -> None:
    rows = torch.cat([columns(each) for each in inputs], 1)
    targets = torch.randn(len(rows), generator=torch.Generator().manual_seed(2))
    batches = [Batch(rows, targets), Batch(rows.flip(0), -targets)]
    options = {"variant": variant}
    update = Update(lambda: fed(layer, shapes, inputs), batches, options=options)
    assert_replay_equals_eager(update, steps=4)
