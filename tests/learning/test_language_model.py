"""A small language model learns to say again what it read, and generates it."""

from __future__ import annotations

import pytest
import torch

from ranvier.nn import build, generate
from ranvier.spec import (
    Embedding,
    Network,
    PositionEmbedding,
    Repeat,
    RMSNorm,
    TiedDense,
    TransformerEncoder,
)

CODES, HALF = 8, 5
AGAIN = CODES  # the code after which the text is to be said again


def texts(rows, generator):
    """Some codes, AGAIN, and the same codes."""
    said = torch.randint(0, CODES, (rows, HALF), generator=generator)
    return torch.cat([said, torch.full((rows, 1), AGAIN), said], dim=1)


BLOCKS = {
    "rotary, swiglu": {"positions": "rotary", "feed_forward": "swiglu", "normalisation": "rms"},
    "learnt positions": {},
    "post, few keys": {"order": "post", "kv_heads": 1},
}


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_it_says_again_what_it_read(name, seed):
    fields = BLOCKS[name]
    places = [] if "positions" in fields else [PositionEmbedding(2 * HALF + 1)]
    network = Network(
        Embedding(CODES + 1, 32, name="words", initializer="normal"),
        *places,
        Repeat(TransformerEncoder(4, 64, causal=True, **fields), times=2),
        RMSNorm(),
        TiedDense("words"),
    )
    module = build(network, 2 * HALF, seed=seed)
    optimizer = torch.optim.AdamW(module.parameters(), lr=5e-3, weight_decay=0.01)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(300):
        batch = texts(32, generator)
        logits = module(batch[:, :-1])[:, HALF:]
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), batch[:, HALF + 1 :].flatten()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    asked = texts(200, generator)
    answer = generate(module, asked[:, : HALF + 1], length=HALF, temperature=0)
    assert (answer == asked).all(dim=1).float().mean() > 0.95
