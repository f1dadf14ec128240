"""Attention at work: masks, the fused kernel's fast path, and sequences that come in pieces."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ranvier.core.errors import NetworkError, ShapeError
from ranvier.nn import Split, build, load_weights, streaming
from ranvier.nn.layers.attention import DotProductAttention as Attention
from ranvier.nn.penalties import collected_penalties
from ranvier.spec import (
    AdditiveAttention,
    ClassToken,
    Dense,
    DotProductAttention,
    Embedding,
    LayerNorm,
    LuongAttention,
    MixtureOfExperts,
    MultiHeadAttention,
    Network,
    PatchEmbedding,
    PositionEmbedding,
    Repeat,
    SeriesPatches,
    SinusoidalPositions,
    Take,
    TiedDense,
    TransformerDecoder,
    TransformerEncoder,
)

B, T, S, C = 3, 5, 6, 8
REAL = torch.tensor([[1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1]])


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


ATTENTIONS = {
    "dot": (DotProductAttention(), ((T, C), (S, C))),
    "additive": (AdditiveAttention(4), ((T, C), (S, C))),
    "luong": (LuongAttention(), ((T, C), (S, C))),
    "multi-head": (MultiHeadAttention(2), ((T, C), (S, C))),
    "alibi": (DotProductAttention(2, positions="alibi"), ((T, C), (S, C))),
    "buckets": (DotProductAttention(2, positions="buckets"), ((T, C), (S, C))),
    "causal": (DotProductAttention(2, causal=True), ((S, C),)),
    "causal window": (DotProductAttention(2, causal=True, window=2), ((S, C),)),
}


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_a_place_to_which_nothing_is_left_gets_zeros_and_no_gradient(name, dtype):
    layer, shapes = ATTENTIONS[name]
    inner = layer if not isinstance(layer, MultiHeadAttention) else DotProductAttention(2)
    module = build(inner, (*shapes, (S,))).to(dtype)
    inputs = [draw(B, *shape, seed=i).to(dtype).requires_grad_() for i, shape in enumerate(shapes)]
    output = module(*inputs, REAL)
    output.float().pow(2).sum().backward()
    assert torch.equal(output[1], torch.zeros_like(output[1]))
    if name.startswith("causal"):
        # Before the first real place there is nothing earlier either.
        assert torch.equal(output[2, :2], torch.zeros_like(output[2, :2]))
    for each in (*inputs, *module.parameters()):
        assert each.grad.isfinite().all()
    assert torch.equal(inputs[-1].grad[1], torch.zeros_like(inputs[-1].grad[1]))


@pytest.mark.parametrize("name", ATTENTIONS)
def test_what_stands_in_a_masked_place_is_never_seen(name):
    layer, shapes = ATTENTIONS[name]
    module = build(layer, (*shapes, (S,))).double()
    inputs = [draw(B, *shape, seed=i) for i, shape in enumerate(shapes)]
    changed = inputs[-1].masked_fill((REAL == 0).unsqueeze(-1), 1e3)
    other = module(*inputs[:-1], changed, REAL)
    seen = REAL.bool() if len(shapes) == 1 else torch.ones(B, T, dtype=torch.bool)
    assert torch.equal(module(*inputs, REAL)[seen], other[seen])


@pytest.mark.parametrize("mask", [REAL, REAL.bool(), REAL.double()], ids=["int", "bool", "float"])
def test_a_mask_may_be_of_any_type(mask):
    module, x = build(MultiHeadAttention(2), ((S, C), (S,))).double(), draw(B, S, C)
    assert torch.equal(module(x, mask), module(x, REAL))


def sees(layer, length=7) -> torch.Tensor:
    """Which places each place's output depends on, by its gradient."""
    module, x = build(layer, (length, C)).double(), draw(1, length, C).requires_grad_()
    rows = [
        torch.autograd.grad(module(x)[0, t].pow(2).sum(), x)[0][0].abs().sum(-1) > 0
        for t in range(length)
    ]
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("fields", "reach"),
    [
        ({}, (-9, 9)),
        ({"causal": True}, (-9, 0)),
        ({"causal": True, "window": 3}, (-2, 0)),
        ({"window": 2}, (-1, 1)),
        ({"window": 1}, (0, 0)),
        ({"causal": True, "window": 99}, (-9, 0)),
    ],
)
@pytest.mark.parametrize("positions", [None, "rotary", "alibi"])
def test_order_and_window_leave_the_places_that_they_say(fields, reach, positions):
    distance = torch.arange(7) - torch.arange(7).unsqueeze(1)
    found = sees(MultiHeadAttention(2, positions=positions, **fields))
    # A place always sees itself: the gradient of its query goes there.
    assert torch.equal(found, (distance >= reach[0]) & (distance <= reach[1]))


@pytest.fixture
def kernel(monkeypatch):
    """The arguments of every call of the fused kernel."""
    calls = []

    def record(*tensors, real=F.scaled_dot_product_attention, **settings):
        calls.append(settings)
        return real(*tensors, **settings)

    monkeypatch.setattr(F, "scaled_dot_product_attention", record)
    return calls


@pytest.mark.parametrize(
    ("fields", "triangle", "masked"),
    [
        ({}, False, False),
        ({"causal": True}, True, False),
        ({"causal": True, "positions": "rotary", "kv_heads": 1}, True, False),
        ({"causal": True, "window": S}, True, False),
        ({"causal": True, "window": 2}, False, True),
        ({"window": 2}, False, True),
        ({"causal": True, "positions": "alibi"}, False, True),
    ],
)
def test_no_mask_is_made_where_the_kernel_needs_none(kernel, fields, triangle, masked):
    build(MultiHeadAttention(2, **fields), (S, C)).double()(draw(B, S, C))
    (call,) = kernel
    assert (call["is_causal"], call["attn_mask"] is not None) == (triangle, masked)


def test_a_padding_mask_alone_is_a_row_for_each_sample(kernel):
    build(MultiHeadAttention(2), ((S, C), (S,))).double()(draw(B, S, C), REAL)
    assert kernel[0]["attn_mask"].shape == (B, 1, 1, S)


@pytest.mark.parametrize("window", [None, 3])
def test_one_place_that_comes_last_needs_no_mask(kernel, window):
    module = build(MultiHeadAttention(2, causal=True, window=window), (S, C)).double()
    x = draw(B, S, C)
    with streaming(module):
        for t in range(S):
            module(x[:, t : t + 1])
    assert all(call["attn_mask"] is None for call in kernel)
    assert [call["is_causal"] for call in kernel] == [True] + [False] * (S - 1)


@pytest.mark.parametrize(
    "fields", [{}, {"window": 4}, {"positions": "rotary", "kv_heads": 1}, {"positions": "buckets"}]
)
def test_an_exported_language_model_takes_any_length(fields):
    layer = Network(Embedding(9, C), TransformerEncoder(2, causal=True, **fields), Dense(9))
    module = build(layer, 6).eval()
    codes = torch.arange(12).remainder(9).reshape(2, 6)
    lengths = {0: torch.export.Dim("rows", max=64), 1: torch.export.Dim("places", max=64)}
    program = torch.export.export(module, (codes,), dynamic_shapes=(lengths,)).module()
    for length in (3, 11):
        text = torch.arange(3 * length).remainder(9).reshape(3, length)
        torch.testing.assert_close(program(text), module(text), rtol=0, atol=1e-5)


def state(module):
    (attention,) = (each for each in module.modules() if isinstance(each, Attention))
    return attention.carry.state


def test_a_window_remembers_the_places_that_it_still_reaches_and_no_more():
    module, x = build(MultiHeadAttention(2, causal=True, window=3), (9, C)).double(), draw(B, 9, C)
    with streaming(module):
        kept = []
        for start, stop in ((0, 1), (1, 2), (2, 6), (6, 9)):
            module(x[:, start:stop])
            kept.append((state(module).keys_BGSD.shape[2], state(module).places))
    assert kept == [(1, 1), (2, 2), (2, 6), (2, 9)]


def test_few_key_value_heads_are_remembered_as_few():
    module = build(MultiHeadAttention(4, kv_heads=2, causal=True), (S, C)).double()
    with streaming(module):
        module(draw(B, S, C))
        assert state(module).keys_BGSD.shape == (B, 2, S, 2)


def test_no_gradient_reaches_back_beyond_a_piece_but_within_it():
    module, x = build(MultiHeadAttention(2, causal=True), (S, C)).double(), draw(B, S, C)
    first, second = (part.clone().requires_grad_() for part in (x[:, :3], x[:, 3:]))
    with streaming(module):
        module(first)
        module(second).sum().backward()
    assert first.grad is None
    assert second.grad.abs().sum() > 0


PIECES = ((0, 1), (1, 2), (2, 5), (5, 9), (9, 10))


@pytest.mark.parametrize(
    "layer",
    [
        MultiHeadAttention(2, causal=True),
        MultiHeadAttention(4, causal=True, kv_heads=2, window=4, positions="rotary"),
        MultiHeadAttention(2, causal=True, window=2, positions="buckets"),
        MultiHeadAttention(2, causal=True, positions="distances", normalise="rms"),
        TransformerEncoder(2, causal=True, window=3, positions="alibi", parallel=True),
    ],
    ids=str,
)
@pytest.mark.parametrize("masked", [False, True])
def test_pieces_of_any_length_give_what_the_whole_gives(layer, masked):
    module = build(layer, ((10, C), (10,)) if masked else (10, C)).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * draw(*parameter.shape, seed=3))
    x, real = draw(B, 10, C), torch.ones(B, 10)
    real[0, 7:], real[1, :4], real[2, 3:6] = 0, 0, 0
    inputs = (x, real) if masked else (x,)
    with streaming(module):
        pieces = [module(*(each[:, start:stop] for each in inputs)) for start, stop in PIECES]
    torch.testing.assert_close(torch.cat(pieces, 1), module(*inputs), rtol=0, atol=1e-12)


def test_positions_count_on_in_a_stream_and_start_anew_in_the_next():
    for layer in (SinusoidalPositions(), PositionEmbedding(10), ClassToken()):
        module, x = build(layer, (10, C)).double(), draw(B, 10, C)
        for _ in range(2):
            with streaming(module):
                pieces = [module(x[:, start:stop]) for start, stop in PIECES]
            torch.testing.assert_close(torch.cat(pieces, 1), module(x), rtol=0, atol=1e-12)


def test_learnt_positions_end_where_they_said():
    module = build(PositionEmbedding(4), (4, C))
    message = r"got a sequence of 5 places; expected at most 4, its max_length"
    with pytest.raises(ShapeError, match=message):
        module(torch.zeros(1, 5, C))
    with streaming(module), pytest.raises(ShapeError, match=message):
        for _ in range(5):
            module(torch.zeros(1, 1, C))


@pytest.mark.parametrize(
    "layer", [MultiHeadAttention(2), TransformerEncoder(2), SeriesPatches(2)], ids=str
)
def test_what_reads_later_places_is_not_fed_in_pieces(layer):
    with pytest.raises(NetworkError, match="reads later places of the sequence"):
        with streaming(build(layer, (S, C))):
            pass


def test_attention_to_a_memory_gets_it_whole_at_each_piece():
    module = build(TransformerDecoder(2), ((T, C), (S, 4))).double()
    x, memory = draw(B, T, C), draw(B, S, 4, seed=1)
    with streaming(module):
        pieces = [module(x[:, t : t + 1], memory) for t in range(T)]
    torch.testing.assert_close(torch.cat(pieces, 1), module(x, memory), rtol=0, atol=1e-12)


@torch.no_grad()
def test_a_memory_is_mapped_once_in_a_stream_unless_it_changes():
    module = build(MultiHeadAttention(2), ((T, C), (S, 4), (S,))).double()
    x, memory, other = draw(B, T, C), draw(B, S, 4, seed=1), draw(B, S, 4, seed=2)
    calls = []
    module.get_submodule("key").register_forward_hook(lambda *_: calls.append(1))
    with streaming(module):
        for t in range(T):
            piece = module(x[:, t : t + 1], memory, REAL)
        assert len(calls) == 1
        late = module(x[:, :1], other, REAL)
        memory.mul_(2)
        changed = module(x[:, :1], memory, REAL)
        assert len(calls) == 3
    assert torch.equal(late, module(x[:, :1], other, REAL))
    assert torch.equal(changed, module(x[:, :1], memory, REAL))
    torch.testing.assert_close(piece, module(x, memory.div(2), REAL)[:, -1:], rtol=0, atol=1e-12)


def test_rotary_scores_depend_on_the_distance_alone():
    """Two equal sequences, one of which begins later, score alike."""
    module = build(MultiHeadAttention(2, causal=True, positions="rotary"), (12, C)).double()
    x = draw(1, 4, C).repeat(1, 3, 1)
    x[:, :4] = 0
    with streaming(module):
        module(x[:, :4])
        attention = module.get_submodule("attention")
        attention.carry.state = type(state(module))(
            *(t[:, :, :0] for t in (state(module).keys_BGSD, state(module).values_BGSD)), None, 4
        )
        late = module(x[:, 4:8])
    torch.testing.assert_close(late, module(x[:, 4:8]), rtol=0, atol=1e-12)


def test_dropout_silences_weights_in_training_alone_and_keeps_the_mean():
    module = build(DotProductAttention(dropout=0.4), ((1, 2), (5, 2)))
    query, memory = torch.zeros(20_000, 1, 2), torch.ones(20_000, 5, 2)
    torch.manual_seed(0)
    output = module.train()(query, memory)[:, 0, 0]
    shares = (output * 0.6 * 5).round()
    torch.testing.assert_close(output, shares / 3, rtol=0, atol=1e-6)
    deviation = (0.4 / 0.6 / 5 / 20_000) ** 0.5
    assert abs(output.mean().item() - 1) < 5 * deviation
    assert torch.allclose(module.eval()(query, memory), torch.ones(()))


def test_weights_fused_as_in_a_gpt_are_split_by_name():
    layer = Repeat(TransformerEncoder(2, causal=True), times=2)
    module = build(Network(layer, LayerNorm()), (S, C))
    theirs = {}
    for i in range(2):
        theirs |= {
            f"h.{i}.ln_1.weight": torch.ones(C),
            f"h.{i}.ln_1.bias": torch.zeros(C),
            f"h.{i}.attn.c_attn.weight": torch.arange(3 * C * C).reshape(3 * C, C).float() + i,
            f"h.{i}.attn.c_attn.bias": torch.arange(3 * C).float(),
            f"h.{i}.attn.c_proj.weight": torch.ones(C, C),
            f"h.{i}.attn.c_proj.bias": torch.ones(C),
            f"h.{i}.ln_2.weight": torch.ones(C),
            f"h.{i}.ln_2.bias": torch.zeros(C),
            f"h.{i}.mlp.c_fc.weight": torch.ones(4 * C, C),
            f"h.{i}.mlp.c_fc.bias": torch.ones(4 * C),
            f"h.{i}.mlp.c_proj.weight": torch.ones(C, 4 * C),
            f"h.{i}.mlp.c_proj.bias": torch.ones(C),
        }
    theirs |= {"ln_f.weight": torch.ones(C), "ln_f.bias": torch.zeros(C)}
    block = "repeat_0.{i}.transformer_encoder_0."
    parts = [f"{block}attention.{part}.{{what}}" for part in ("query", "key", "value")]
    names = {
        "h.{i}.ln_1.{what}": f"{block}attention_norm.{{what}}",
        "h.{i}.attn.c_attn.{what}": Split(*parts),
        "h.{i}.attn.c_proj.{what}": f"{block}attention.output.{{what}}",
        "h.{i}.ln_2.{what}": f"{block}feed_forward_norm.{{what}}",
        "h.{i}.mlp.c_fc.{what}": f"{block}feed_forward.hidden.{{what}}",
        "h.{i}.mlp.c_proj.{what}": f"{block}feed_forward.output.{{what}}",
        "ln_f.{what}": "layer_norm_1.{what}",
    }
    report = load_weights(module, theirs, names=names)
    assert not report.unused and not report.unfilled
    key = module.get_parameter("repeat_0.1.transformer_encoder_0.attention.key.weight")
    assert torch.equal(key, theirs["h.1.attn.c_attn.weight"][C : 2 * C])


def test_an_encoder_and_a_decoder_make_one_network():
    """A padded source gives what the source alone gives, whatever the padding holds."""
    network = Network(
        Take("source"),
        Embedding(9, C, name="words"),
        SinusoidalPositions(),
        Repeat(TransformerEncoder(2, mask="real"), times=2),
        LayerNorm(name="memory"),
        Take("target"),
        Embedding(9, C),
        SinusoidalPositions(),
        Repeat(TransformerDecoder(2, memory="memory", memory_mask="real"), times=2),
        TiedDense("words"),
        inputs=("source", "target", "real"),
    )
    module = build(network, {"source": S, "target": T, "real": S}).double()
    source = torch.arange(S).remainder(9).repeat(2, 1)
    target, real = torch.ones(2, T), torch.tensor([[1.0] * 4 + [0.0] * 2] * 2)
    other = source.clone()
    other[:, 4:] = 8
    logits = module(source, target, real)
    assert logits.shape == (2, T, 9)
    assert torch.equal(logits, module(other, target, real))
    short = module(source[:, :4], target, real[:, :4])
    torch.testing.assert_close(logits, short, rtol=0, atol=1e-12)


def penalties(module, x):
    with collected_penalties() as terms:
        module(x)
    return terms


def test_a_mixture_adds_its_penalties_in_training_alone():
    module, x = build(MixtureOfExperts(4, hidden=3), (T, C)).double(), draw(B, T, C)
    assert len(penalties(module.train(), x)) == 2
    assert penalties(module.eval(), x) == []
    without = build(MixtureOfExperts(4, hidden=3, balance=0, router_z=0), (T, C)).double()
    assert penalties(without.train(), x) == []


def test_the_balance_is_least_where_all_experts_are_asked_alike():
    """E Σ f p is 1 for an even gate, and E / K where K experts get everything."""
    module = build(MixtureOfExperts(4, hidden=3, balance=1.0, router_z=0), (4,)).double().train()
    with torch.no_grad():
        module.gate.copy_(10 * torch.eye(4, dtype=torch.float64))
    pairs = torch.eye(4, dtype=torch.float64)
    even = penalties(module, pairs + pairs.roll(1, 1))[0]
    greedy = penalties(module, (pairs[:1] + pairs[1:2]).expand(4, 4))[0]
    torch.testing.assert_close(even.item(), 1.0, rtol=0, atol=1e-3)
    torch.testing.assert_close(greedy.item(), 2.0, rtol=0, atol=1e-3)


def test_a_picture_s_patches_stand_row_by_row():
    module = build(PatchEmbedding(1, patch=2, bias=False), (4, 6, 1))
    torch.nn.init.ones_(module.weight)
    picture = torch.zeros(1, 4, 6, 1)
    picture[0, 2:, 2:4] = 1
    assert module(picture)[0, :, 0].tolist() == [0, 0, 0, 0, 4, 0]


def test_a_dense_layer_after_patches_embeds_them():
    module = build(Network(SeriesPatches(4, stride=2), Dense(C)), (10, 3))
    assert module(torch.zeros(2, 10, 3)).shape == (2, 4, C)
