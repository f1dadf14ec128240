"""Attention, positions, blocks of transformers, mixtures of experts, patches."""

from ranvier.spec import (
    AdditiveAttention,
    Aside,
    BucketedBias,
    ClassToken,
    Dense,
    DistanceBias,
    DotProductAttention,
    Embedding,
    FeedForward,
    GatedFeedForward,
    LuongAttention,
    MixtureOfExperts,
    MultiHeadAttention,
    Network,
    PatchEmbedding,
    PositionEmbedding,
    Repeat,
    RMSNorm,
    Rotary,
    SeriesPatches,
    SinusoidalPositions,
    TiedDense,
    TransformerDecoder,
    TransformerEncoder,
)
from tests.laws.examples.example import Example, codes, mask, numbers

ACROSS = ((3, 4), (5, 6))
MASKED = (numbers, numbers, mask)

EXAMPLES = [
    Example(DotProductAttention(2, positions="alibi"), (5, 4)),
    Example(DotProductAttention(2, causal=True, normalise="layer"), (5, 4)),
    Example(DotProductAttention(), ((3, 4), (5, 4)), whole=(1,)),
    Example(DotProductAttention(4, kv_heads=2), ((3, 8), (5, 4), (5, 6)), whole=(1, 2)),
    Example(AdditiveAttention(3), ((3, 4), (5, 6), (5,)), MASKED),
    Example(AdditiveAttention(3, bias=False), ACROSS),
    Example(LuongAttention("dot"), ((3, 4), (5, 4)), whole=(1,)),
    Example(LuongAttention(), (*ACROSS, (5,)), MASKED, whole=(1, 2)),
    Example(MultiHeadAttention(2), (5, 4)),
    Example(MultiHeadAttention(2, causal=True, window=2), (5, 4)),
    Example(MultiHeadAttention(4, kv_heads=2, causal=True, positions="rotary"), (5, 8)),
    Example(
        MultiHeadAttention(
            2, causal=True, positions=Rotary(base=100.0, share=0.5, interleaved=True)
        ),
        (5, 8),
    ),
    Example(MultiHeadAttention(3, causal=True, positions="alibi", head_units=2), (5, 4)),
    Example(
        MultiHeadAttention(2, causal=True, positions=BucketedBias(buckets=4, max_distance=4)),
        (5, 4),
    ),
    Example(MultiHeadAttention(2, positions=BucketedBias(buckets=4, max_distance=4)), (5, 4)),
    Example(MultiHeadAttention(2, positions=DistanceBias(max_distance=2), window=3), (5, 4)),
    Example(MultiHeadAttention(2, causal=True, normalise="rms"), ((5, 4), (5,)), (numbers, mask)),
    Example(MultiHeadAttention(2, units=3, bias=False), (*ACROSS, (5,)), MASKED, whole=(1, 2)),
    Example(MultiHeadAttention(1, causal=True, positions="alibi", window=3), (6, 4)),
    Example(SinusoidalPositions(), (5, 4)),
    Example(PositionEmbedding(7), (5, 4)),
    Example(ClassToken(), (5, 4)),
    Example(FeedForward(6, dropout=0.1), (4,)),
    Example(GatedFeedForward(6, units=3), (2, 4)),
    Example(TransformerEncoder(2), (4, 4)),
    Example(
        TransformerEncoder(2, order="post", feed_forward="relu", dropout=0.1, drop_path=0.1),
        ((4, 4), (4,)),
        (numbers, mask),
    ),
    Example(TransformerEncoder(2, 6, parallel=True, causal=True, dropout=0.1), (4, 4)),
    Example(
        TransformerEncoder(
            2, 6, kv_heads=1, causal=True, positions="rotary", normalisation="rms", bias=False,
            feed_forward="swiglu",
        ),
        (4, 4),
    ),
    Example(TransformerEncoder(2, feed_forward=MixtureOfExperts(3, hidden=4)), (3, 4)),
    Example(TransformerDecoder(2, 6), ((4, 4), (3, 6)), whole=(1,)),
    Example(
        TransformerDecoder(2, 6, order="post", feed_forward="geglu"),
        ((4, 4), (3, 4), (3,)),
        MASKED,
        whole=(1, 2),
    ),
    Example(MixtureOfExperts(3, hidden=5), (4,)),
    Example(MixtureOfExperts(3, top_k=1, hidden=5, bias=False), (2, 4)),
    Example(
        MixtureOfExperts(4, hidden=5, gated=True, activation="silu"),
        ((3, 4), (3,)),
        (numbers, mask),
    ),
    Example(PatchEmbedding(5, patch=2), (4, 6, 3)),
    Example(PatchEmbedding(5, patch=3, stride=2, bias=False), (5, 5, 1)),
    Example(SeriesPatches(3, stride=2), (7, 2)),
    Example(
        Network(
            Embedding(3, 4, name="words"),
            PositionEmbedding(8),
            Repeat(TransformerEncoder(2, 6, causal=True), times=2),
            RMSNorm(),
            TiedDense("words"),
        ),
        (6,),
        codes,
    ),
    Example(
        Network(
            Aside(Dense(6), name="remembered"),
            MultiHeadAttention(2, memory="remembered", causal=True),
        ),
        (5, 4),
    ),
]  # fmt: skip
