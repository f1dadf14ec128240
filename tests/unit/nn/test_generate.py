"""Text code by code: the same with and without memory of the past, and pure in the seed."""

from __future__ import annotations

import pytest
import torch

from ranvier.core.errors import ConfigError, NetworkError, ShapeError
from ranvier.nn import build, generate
from ranvier.spec import (
    Dense,
    Dropout,
    Embedding,
    Network,
    PositionEmbedding,
    Repeat,
    RMSNorm,
    SinusoidalPositions,
    Take,
    TiedDense,
    TransformerDecoder,
    TransformerEncoder,
)

PROMPT = torch.tensor([[1, 4, 2], [3, 3, 0]])


def language_model(*positions, seed=0, **fields):
    """Weights far from their start, so that the likeliest code is not a toss-up."""
    network = Network(
        Embedding(11, 8, name="words"),
        *positions,
        Repeat(TransformerEncoder(2, 16, causal=True, dropout=0.5, **fields), times=2),
        RMSNorm(),
        TiedDense("words"),
    )
    module = build(network, 32, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))
    return module


MODELS = {
    "learnt positions": ((PositionEmbedding(32),), {}),
    "sinusoidal": ((SinusoidalPositions(),), {"window": 4}),
    "rotary, few keys": ((), {"positions": "rotary", "kv_heads": 1}),
    "alibi, window": ((), {"positions": "alibi", "window": 3}),
    "buckets": ((), {"positions": "buckets", "normalise": "rms"}),
    "parallel": ((), {"positions": "distances", "parallel": True}),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("temperature", [0, 0.8])
def test_a_text_is_the_same_with_and_without_memory_of_the_past(name, temperature):
    positions, fields = MODELS[name]
    module = language_model(*positions, **fields).double()
    texts = [
        generate(module, PROMPT, length=20, temperature=temperature, seed=5, cache=cache)
        for cache in (True, False)
    ]
    assert texts[0].shape == (2, 23)
    assert torch.equal(*texts)
    assert torch.equal(texts[0][:, :3], PROMPT)


def test_temperature_zero_takes_the_likeliest_code_each_time():
    module = language_model(PositionEmbedding(32))
    text = generate(module, PROMPT, length=6, temperature=0)
    module.eval()
    for length in range(3, 9):
        assert torch.equal(text[:, length], module(text[:, :length])[:, -1].argmax(-1))


def test_the_draw_is_pure_in_the_seed_and_leaves_the_global_state():
    module = language_model(SinusoidalPositions())
    state = torch.random.get_rng_state()
    texts = [generate(module, PROMPT, length=12, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(texts[0], texts[1])
    assert not torch.equal(texts[0], texts[2])
    assert torch.equal(torch.random.get_rng_state(), state)


def drawn(logits, **settings) -> torch.Tensor:
    """How often each code is drawn from these logits, of 4,000."""

    class Fixed(torch.nn.Module):
        def forward(self, codes):
            return torch.tensor(logits).expand(*codes.shape, -1)

    text = generate(Fixed(), torch.zeros(4_000, 1), length=1, **settings)
    return torch.bincount(text[:, 1], minlength=len(logits)) / 4_000


CHANCES = torch.tensor([0.1, 0.4, 0.2, 0.3])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, CHANCES),
        ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_k": 9}, CHANCES),
        ({"top_p": 0.35}, [0, 1, 0, 0]),
        ({"top_p": 0.65}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_p": 0.75}, [0, 4 / 9, 2 / 9, 3 / 9]),
        ({"top_p": 1.0}, CHANCES),
        ({"temperature": 0.5}, CHANCES**2 / (CHANCES**2).sum()),
        ({"top_k": 3, "top_p": 0.7}, [0, 4 / 7, 0, 3 / 7]),
    ],
)
def test_codes_come_as_often_as_the_settings_say(settings, expected):
    found = drawn(CHANCES.log().tolist(), **settings)
    expected = torch.as_tensor(expected)
    assert torch.equal(found > 0, expected > 0)
    deviation = (expected * (1 - expected) / 4_000).sqrt()
    assert torch.all((found - expected).abs() <= 5 * deviation)


def test_a_row_ends_at_a_stop_code_and_the_text_where_all_have_ended():
    class Count(torch.nn.Module):
        """The next code is the last one plus one."""

        def forward(self, codes):
            return torch.nn.functional.one_hot(codes + 1, 12).float()

    text = generate(Count(), torch.tensor([[2], [5]]), length=9, temperature=0, stop=7)
    assert text.tolist() == [[2, 3, 4, 5, 6, 7], [5, 6, 7, 7, 7, 7]]
    text = generate(Count(), torch.tensor([[2], [5]]), length=9, temperature=0, stop=(4, 6))
    assert text.tolist() == [[2, 3, 4], [5, 6, 6]]


def test_dropout_is_off_while_generating_and_every_module_is_in_its_old_mode_after():
    module = language_model(PositionEmbedding(32)).train()
    frozen = next(each for each in module.modules() if isinstance(each, torch.nn.Dropout))
    frozen.eval()
    modes = [each.training for each in module.modules()]
    texts = [generate(module, PROMPT, length=8, temperature=0) for _ in range(2)]
    assert torch.equal(*texts)
    assert [each.training for each in module.modules()] == modes


def test_a_decoder_asks_the_same_memory_at_every_step():
    block = TransformerDecoder(2, 16, memory="memory")
    network = Network(Take("text"), Embedding(11, 8), block, Dense(11), inputs=("text", "memory"))
    module = build(network, [(5,), (4, 6)], seed=2).double()
    memory = torch.randn(2, 4, 6, dtype=torch.float64)
    texts = [
        generate(module, PROMPT, length=9, seed=3, others=[memory], cache=cache)
        for cache in (True, False)
    ]
    assert torch.equal(*texts)


def test_a_module_that_looks_ahead_is_refused_but_without_the_cache():
    network = Network(Embedding(11, 8), TransformerEncoder(2), Dropout(0.1), Dense(11))
    module = build(network, 5)
    with pytest.raises(NetworkError, match=r"transformer_encoder_1\.attention\.attention: got a"):
        generate(module, PROMPT, length=1)
    assert generate(module, PROMPT, length=1, cache=False).shape == (2, 4)


def test_all_settings_that_cannot_be_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        generate(torch.nn.Identity(), PROMPT, length=-1, temperature=-0.5, top_k=0, top_p=1.5)
    assert str(caught.value).splitlines() == [
        "generate.length: got -1; expected a whole number of at least 0.",
        "generate.temperature: got -0.5; expected a number of at least 0.",
        "generate.top_k: got 0; expected a whole number of at least 1.",
        "generate.top_p: got 1.5; expected a number above 0 and at most 1.",
    ]


def test_a_prompt_or_logits_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"got a prompt of shape \(3,\); expected \[B, T\]"):
        generate(torch.nn.Identity(), torch.zeros(3), length=1)
    with pytest.raises(ShapeError, match=r"the module gave \(2, 3\); expected logits \[B, T, V\]"):
        generate(torch.nn.Identity(), PROMPT, length=1)
