"""Attention and blocks of transformers against torch's own modules on the same weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ranvier.nn import Split, build, load_weights
from ranvier.spec import MultiHeadAttention, TransformerDecoder, TransformerEncoder

B, T, S, C = 3, 5, 7, 8
CLOSE = {"rtol": 0, "atol": 1e-12}
REAL = torch.tensor([[1, 1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]])


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)


def shaken(module):
    """Other weights than the start, among which biases are zero and scales one."""
    for i, parameter in enumerate(module.parameters()):
        parameter.data = draw(*parameter.shape, seed=i).detach() * 0.5
    return module.double()


def attention_names(theirs, ours):
    parts = [f"{ours}{part}." for part in ("query", "key", "value")]
    return {
        f"{theirs}in_proj_weight": Split(*(f"{part}weight" for part in parts)),
        f"{theirs}in_proj_bias": Split(*(f"{part}bias" for part in parts)),
        f"{theirs}out_proj.{{what}}": f"{ours}output.{{what}}",
    }


def agree(theirs, ours, inputs):
    torch.testing.assert_close(ours, theirs, **CLOSE)
    g = draw(*theirs.shape, seed=9).detach()
    found, wanted = (torch.autograd.grad((a * g).sum(), inputs) for a in (ours, theirs))
    for mine, its in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, its, **CLOSE)


CAUSAL = torch.ones(S, S, dtype=torch.bool).triu(1)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_multi_head_attention_to_oneself(bias, causal, masked):
    theirs = shaken(nn.MultiheadAttention(C, 2, bias=bias, batch_first=True))
    layer = MultiHeadAttention(2, causal=causal, bias=bias)
    ours = build(layer, ((S, C), (S,)) if masked else (S, C)).double()
    names = attention_names("", "")
    if not bias:
        del names["in_proj_bias"]
    load_weights(ours, theirs.state_dict(), names=names)
    x = draw(B, S, C)
    # A causal row of theirs that has no place left is NaN: here every first place is real.
    real = REAL.roll(1, 0).clone()
    real[:, 0] = 1
    padding = real == 0 if masked else None
    expected, _ = theirs(
        x, x, x, key_padding_mask=padding, attn_mask=CAUSAL if causal else None, need_weights=False
    )
    agree(expected, ours(x, real) if masked else ours(x), (x,))


def test_multi_head_attention_to_a_memory_of_another_width():
    theirs = shaken(nn.MultiheadAttention(C, 4, kdim=6, vdim=6, batch_first=True))
    ours = build(MultiHeadAttention(4), ((T, C), (S, 6), (S,))).double()
    names = attention_names("", "")
    del names["in_proj_weight"]
    parts = {"q": "query", "k": "key", "v": "value"}
    names |= {f"{theirs}_proj_weight": f"{ours}.weight" for theirs, ours in parts.items()}
    load_weights(ours, theirs.state_dict(), names=names)
    x, m = draw(B, T, C), draw(B, S, 6, seed=1)
    expected, _ = theirs(x, m, m, key_padding_mask=REAL == 0)
    agree(expected, ours(x, m, REAL), (x, m))


def block_names(*norms):
    blocks = {"self_attn": "attention", "multihead_attn": "memory_attention"}
    names = {}
    for theirs, ours in list(blocks.items())[: len(norms) - 1]:
        names |= attention_names(f"{theirs}.", f"{ours}.")
    names |= {f"linear{i}.{{what}}": f"feed_forward.{n}.{{what}}" for i, n in enumerate(
        ("hidden", "output"), start=1)}  # fmt: skip
    return names | {
        f"norm{i}.{{what}}": f"{name}_norm.{{what}}" for i, name in enumerate(norms, start=1)
    }


@pytest.mark.parametrize("order", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_encoder_block(order, activation):
    first = order == "pre"
    theirs = shaken(
        nn.TransformerEncoderLayer(C, 2, 12, 0.0, activation, batch_first=True, norm_first=first)
    )
    layer = TransformerEncoder(2, 12, order=order, feed_forward=activation)
    ours = build(layer, ((S, C), (S,))).double()
    names = block_names("attention", "feed_forward")
    load_weights(ours, theirs.state_dict(), names=names)
    x = draw(B, S, C)
    agree(theirs(x, src_key_padding_mask=REAL == 0), ours(x, REAL), (x,))


@pytest.mark.parametrize("order", ["pre", "post"])
def test_a_decoder_block(order):
    first = order == "pre"
    theirs = shaken(nn.TransformerDecoderLayer(C, 2, 12, 0.0, batch_first=True, norm_first=first))
    layer = TransformerDecoder(2, 12, order=order, feed_forward="relu")
    ours = build(layer, ((T, C), (S, C), (S,))).double()
    names = block_names("attention", "memory_attention", "feed_forward")
    load_weights(ours, theirs.state_dict(), names=names)
    x, m = draw(B, T, C), draw(B, S, C, seed=1)
    expected = theirs(
        x, m, tgt_mask=CAUSAL[:T, :T], tgt_is_causal=True, memory_key_padding_mask=REAL == 0
    )
    agree(expected, ours(x, m, REAL), (x, m))


@pytest.mark.parametrize("order", ["pre", "post"])
def test_dropout_stands_where_torch_s_block_has_it(monkeypatch, order):
    """What is silenced depends on the place alone, so that both silence the same."""
    rates = []

    def silence(values, p, training, inplace=False):
        rates.append(p)
        kept = torch.arange(values.numel()).reshape(values.shape).remainder(5) > 1
        return values * kept if training else values

    attention = F.scaled_dot_product_attention

    def attend(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, **more):
        rates.append(dropout_p)
        return attention(query, key, value, attn_mask, 0.0, is_causal, **more)

    monkeypatch.setattr(F, "dropout", silence)
    monkeypatch.setattr(F, "scaled_dot_product_attention", attend)
    theirs = nn.TransformerEncoderLayer(C, 2, 12, 0.4, batch_first=True, norm_first=order == "pre")
    layer = TransformerEncoder(2, 12, order=order, feed_forward="relu", dropout=0.4)
    ours = build(layer, (S, C)).double().train()
    names = block_names("attention", "feed_forward")
    load_weights(ours, shaken(theirs).train().state_dict(), names=names)
    x = draw(B, S, C)
    agree(theirs(x), ours(x), (x,))
    assert rates == [0.4] * 8
    rates.clear()
    ours.eval()(x)
    assert rates[0] == 0.0
