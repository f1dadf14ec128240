"""What published checkpoints call the weights of our architectures, for `load_weights`.

    module = build(gpt(), 1024)
    load_weights(module, "model.safetensors", names=GPT2)

Names are those of the files that Hugging Face's transformers writes of the bare model. Where a file
of a larger model has a word before each (`bert.`, `transformer.`), put it before the keys:
`{"bert." + theirs: ours for theirs, ours in BERT.items()}`. Nothing is downloaded here.
"""

from __future__ import annotations

from collections.abc import Mapping

from ranvier.nn.weights import Names, Split, Transposed


def inside(theirs: str, ours: str, names: Mapping[str, str | Split | Transposed]) -> Names:
    """The names inside each block, `theirs` and `ours` before them."""

    def put(target: str | Split | Transposed) -> str | Split | Transposed:
        if isinstance(target, str):
            return ours + target
        if isinstance(target, Split):
            return Split(*(ours + name for name in target.names), axis=target.axis)
        inner = put(target.of)
        assert not isinstance(inner, Transposed)
        return Transposed(inner)

    return {theirs + name: put(target) for name, target in names.items()}


GPT2: Names = {
    "wte.weight": "words.weight",
    "wpe.weight": "positions.weight",
    "ln_f.{what}": "norm.{what}",
    **inside(
        "h.{i}.",
        "blocks.{i}.block.",
        {
            "ln_1.{what}": "attention_norm.{what}",
            # One map [in, out] for all three, as in GPT-2's own code.
            "attn.c_attn.weight": Transposed(
                Split("attention.query.weight", "attention.key.weight", "attention.value.weight")
            ),
            "attn.c_attn.bias": Split(
                "attention.query.bias", "attention.key.bias", "attention.value.bias"
            ),
            "attn.c_proj.weight": Transposed("attention.output.weight"),
            "attn.c_proj.bias": "attention.output.bias",
            "ln_2.{what}": "feed_forward_norm.{what}",
            "mlp.c_fc.weight": Transposed("feed_forward.hidden.weight"),
            "mlp.c_fc.bias": "feed_forward.hidden.bias",
            "mlp.c_proj.weight": Transposed("feed_forward.output.weight"),
            "mlp.c_proj.bias": "feed_forward.output.bias",
        },
    ),
    # The causal triangle, which some files hold as a constant.
    "h.{i}.attn.bias": None,
    "h.{i}.attn.masked_bias": None,
}
"""Of `gpt()`: GPT-2 in all sizes, and what was made of it."""

LLAMA: Names = {
    "model.embed_tokens.weight": "words.weight",
    "model.norm.weight": "norm.weight",
    "lm_head.weight": "head.weight",
    **inside(
        "model.layers.{i}.",
        "blocks.{i}.block.",
        {
            "input_layernorm.weight": "attention_norm.weight",
            "self_attn.q_proj.weight": "attention.query.weight",
            "self_attn.k_proj.weight": "attention.key.weight",
            "self_attn.v_proj.weight": "attention.value.weight",
            "self_attn.o_proj.weight": "attention.output.weight",
            "post_attention_layernorm.weight": "feed_forward_norm.weight",
            "mlp.gate_proj.weight": "feed_forward.gate.weight",
            "mlp.up_proj.weight": "feed_forward.hidden.weight",
            "mlp.down_proj.weight": "feed_forward.output.weight",
        },
    ),
    "model.layers.{i}.self_attn.rotary_emb.inv_freq": None,
}
"""Of `gpt()` with rotary positions, RMS norm and SwiGLU: Llama and its kin. Where words are tied,
leave `lm_head.weight` out."""

BERT: Names = {
    "embeddings.word_embeddings.weight": "words.weight",
    "embeddings.position_embeddings.weight": "positions.weight",
    "embeddings.token_type_embeddings.weight": "segment.weight",
    "embeddings.LayerNorm.{what}": "norm.{what}",
    **inside(
        "encoder.layer.{i}.",
        "places.{i}.block.",
        {
            "attention.self.query.{what}": "attention.query.{what}",
            "attention.self.key.{what}": "attention.key.{what}",
            "attention.self.value.{what}": "attention.value.{what}",
            "attention.output.dense.{what}": "attention.output.{what}",
            "attention.output.LayerNorm.{what}": "attention_norm.{what}",
            "intermediate.dense.{what}": "feed_forward.hidden.{what}",
            "output.dense.{what}": "feed_forward.output.{what}",
            "output.LayerNorm.{what}": "feed_forward_norm.{what}",
        },
    ),
    "pooler.dense.{what}": "pooled.{what}",
    "embeddings.position_ids": None,
}
"""Of `bert(outputs=("places", "pooled"))`: BERT, MiniLM and their kin. Without "pooled", give the
pooler's names None."""

MAMBA: Names = {
    "backbone.embeddings.weight": "words.weight",
    "backbone.norm_f.weight": "norm.weight",
    **inside(
        "backbone.layers.{i}.",
        "blocks.{i}.block.",
        {
            "norm.weight": "norm.weight",
            "mixer.{what}": "mixer.{what}",
            "mixer.{map}.{what}": "mixer.{map}.{what}",
        },
    ),
    "lm_head.weight": None,
}
"""Of `mamba()`: the state-space checkpoints, whose words are tied."""
