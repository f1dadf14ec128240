"""Weights under their published names and in their layout give the published architectures' numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.core.errors import NetworkError
from ranvier.nn import build, load_weights
from ranvier.nn.published import BERT, GPT2, LLAMA, MAMBA
from ranvier.spec.architectures import bert, gpt, mamba
from tests.parity import published_oracle

UNITS, WIDE, WORDS, PLACES = 8, 32, 13, 9


def random_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=draw, dtype=torch.float64) * 0.3
        for name, shape in shapes.items()
    }


def gpt2_shapes() -> dict[str, tuple[int, ...]]:
    shapes = {"wte.weight": (WORDS, UNITS), "wpe.weight": (PLACES, UNITS)}
    maps = {
        "attn.c_attn": (UNITS, 3 * UNITS),
        "attn.c_proj": (UNITS, UNITS),
        "mlp.c_fc": (UNITS, WIDE),
        "mlp.c_proj": (WIDE, UNITS),
    }
    for layer in range(2):
        for name, (wide, given) in maps.items():
            shapes[f"h.{layer}.{name}.weight"] = (wide, given)
            shapes[f"h.{layer}.{name}.bias"] = (given,)
        for name in ("ln_1", "ln_2"):
            shapes |= {f"h.{layer}.{name}.{what}": (UNITS,) for what in ("weight", "bias")}
    return shapes | {"ln_f.weight": (UNITS,), "ln_f.bias": (UNITS,)}


def codes(length: int) -> torch.Tensor:
    return torch.randint(1, WORDS, (3, length), generator=torch.Generator().manual_seed(1))


def plain(weights: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in weights.items()}


@pytest.mark.parametrize("has_triangle", [True, False])
def test_gpt2_s_fused_and_transposed_weights_give_gpt2_s_numbers(has_triangle):
    weights = random_weights(gpt2_shapes())
    if has_triangle:
        weights |= {f"h.{i}.attn.bias": torch.ones(1, 1, PLACES, PLACES) for i in range(2)}
    network = gpt(vocabulary=WORDS, length=PLACES, layers=2, units=UNITS, heads=2)
    module = build(network, PLACES).double().eval()
    report = load_weights(module, weights, names=GPT2)
    assert report.unfilled == ()
    assert report.unused == tuple(f"h.{i}.attn.bias" for i in range(2) if has_triangle)
    expected = published_oracle.gpt2(plain(weights), codes(7).numpy(), heads=2)
    given = module(codes(7)).detach().numpy()
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-10)


def bert_shapes() -> dict[str, tuple[int, ...]]:
    embedded = {"word": WORDS, "position": PLACES, "token_type": 2}
    shapes = {f"embeddings.{name}_embeddings.weight": (n, UNITS) for name, n in embedded.items()}
    maps = {
        "encoder.layer.0.attention.self.query": (UNITS, UNITS),
        "encoder.layer.0.attention.self.key": (UNITS, UNITS),
        "encoder.layer.0.attention.self.value": (UNITS, UNITS),
        "encoder.layer.0.attention.output.dense": (UNITS, UNITS),
        "encoder.layer.0.intermediate.dense": (WIDE, UNITS),
        "encoder.layer.0.output.dense": (UNITS, WIDE),
        "pooler.dense": (UNITS, UNITS),
    }
    for name, (given, wide) in maps.items():
        shapes |= {f"{name}.weight": (given, wide), f"{name}.bias": (given,)}
    norms = ("embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output")
    for name in norms:
        shapes |= {f"{name}.LayerNorm.{what}": (UNITS,) for what in ("weight", "bias")}
    return shapes


def test_bert_s_weights_give_bert_s_numbers_with_two_segments_and_padding():
    weights = random_weights(bert_shapes())
    outputs = ("places", "pooled")
    network = bert(vocabulary=WORDS, length=PLACES, layers=1, units=UNITS, heads=2, outputs=outputs)
    module = build(network, ((7,), (7,))).double().eval()
    report = load_weights(module, weights, names=BERT)
    assert (report.unused, report.unfilled) == ((), ())
    words, segments = codes(7), (torch.arange(7) > 3).long().expand(3, 7)
    words[0, 5:] = 0
    places, pooled = published_oracle.bert(plain(weights), words.numpy(), segments.numpy(), heads=2)
    given = [each.detach().numpy() for each in module(words, segments)]
    np.testing.assert_allclose(given[0][words != 0], places[words != 0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(given[1], pooled, rtol=0, atol=1e-10)


def test_without_a_pooler_its_weights_are_left_out_by_name():
    weights = random_weights(bert_shapes())
    network = bert(vocabulary=WORDS, length=PLACES, layers=1, units=UNITS, heads=2)
    module = build(network, ((7,), (7,)))
    with pytest.raises(NetworkError, match=r"the module has no 'pooled.weight'"):
        load_weights(module, weights, names=BERT)
    report = load_weights(module, weights, names={**BERT, "pooler.dense.{what}": None})
    assert report.unused == ("pooler.dense.weight", "pooler.dense.bias")


def test_every_weight_of_llama_and_mamba_has_a_published_name():
    llama = gpt(
        vocabulary=WORDS, layers=2, units=UNITS, heads=4, kv_heads=2, hidden=12, bias=False,
        positions="rotary", normalisation="rms", feed_forward="swiglu", tied=False,
    )  # fmt: skip
    block = "model.layers.{}."
    weights = {
        "model.embed_tokens.weight": (WORDS, UNITS),
        "model.norm.weight": (UNITS,),
        "lm_head.weight": (WORDS, UNITS),
    }
    for layer in range(2):
        weights |= {
            block.format(layer) + name: shape
            for name, shape in {
                "input_layernorm.weight": (UNITS,),
                "post_attention_layernorm.weight": (UNITS,),
                "self_attn.q_proj.weight": (UNITS, UNITS),
                "self_attn.k_proj.weight": (UNITS // 2, UNITS),
                "self_attn.v_proj.weight": (UNITS // 2, UNITS),
                "self_attn.o_proj.weight": (UNITS, UNITS),
                "mlp.gate_proj.weight": (12, UNITS),
                "mlp.up_proj.weight": (12, UNITS),
                "mlp.down_proj.weight": (UNITS, 12),
            }.items()
        }
    report = load_weights(build(llama, 5), random_weights(weights), names=LLAMA)
    assert (report.unused, report.unfilled) == ((), ())

    module = build(mamba(vocabulary=WORDS, layers=2, units=UNITS, state=4), 5)
    theirs = {
        "backbone." + _mamba_name(name): torch.ones_like(value)
        for name, value in module.state_dict().items()
    }
    theirs["lm_head.weight"] = theirs["backbone.embeddings.weight"]
    report = load_weights(module, theirs, names=MAMBA)
    assert (report.unused, report.unfilled) == (("lm_head.weight",), ())


def _mamba_name(ours: str) -> str:
    """The published name, for names inside a block differ in their path alone."""
    if ours.startswith("blocks."):
        _, layer, _, *rest = ours.split(".")
        return ".".join(["layers", layer, *rest])
    return {"words.weight": "embeddings.weight", "norm.weight": "norm_f.weight"}[ours]
