"""What attention, blocks of transformers and patches say of themselves, and what they refuse."""

from __future__ import annotations

import json

import pytest

from ranvier.core.errors import NetworkError, ShapeError
from ranvier.spec import (
    AdditiveAttention,
    Alibi,
    BucketedBias,
    ClassToken,
    Dense,
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
    Rotary,
    SeriesPatches,
    SinusoidalPositions,
    Take,
    TransformerDecoder,
    TransformerEncoder,
)
from ranvier.spec.layers.relative import RELATIVE


def refused(layer, *shapes) -> str:
    with pytest.raises(ShapeError) as caught:
        layer.output_shapes(shapes if len(shapes) > 1 else shapes[0])
    return str(caught.value)


SEQUENCES = "expected sequences [places, features] "
PUT = (
    "Put an Embedding or a Dense layer before it, and name what it reads besides with memory= "
    "and mask=."
)

REFUSED = {
    "heads that do not divide": (
        (MultiHeadAttention(5), (7, 12)),
        "network: MultiHeadAttention got an input of shape (7, 12); expected features that 5 heads "
        "divide. Give it 10 features, other heads, or head_units, their width.",
    ),
    "heads that do not divide the query": (
        (DotProductAttention(5), (7, 12)),
        "network: DotProductAttention got an input of shape (7, 12); expected a query whose "
        "features 5 heads divide. Give it 10 features, or other heads.",
    ),
    "key-value heads that do not divide": (
        (MultiHeadAttention(6, kv_heads=4), (7, 12)),
        "network: MultiHeadAttention has 6 heads for 4 key-value heads; expected a number of "
        "key-value heads that divides 6. Give kv_heads=2, or other heads.",
    ),
    "no sequence": (
        (MultiHeadAttention(2), (12,)),
        f"network: MultiHeadAttention got an input of shape (12,); {SEQUENCES}(a query [T, C] and "
        f"perhaps a memory [S, C]), then perhaps a mask [places]. {PUT}",
    ),
    "a memory of another width": (
        (DotProductAttention(), (7, 12), (5, 8)),
        "network: DotProductAttention got an input of shape (7, 12) and (5, 8); expected keys of "
        "12 features, 1 heads of 12. Put a Dense(12) before them, or take MultiHeadAttention.",
    ),
    "keys and values of other lengths": (
        (DotProductAttention(), (7, 12), (5, 12), (6, 12)),
        "network: DotProductAttention got an input of shape (7, 12) and (5, 12) and (6, 12); "
        "expected values at the 5 places of the keys. Make keys and values of one sequence.",
    ),
    "values that the heads do not divide": (
        (DotProductAttention(2), (7, 12), (5, 12), (5, 3)),
        "network: DotProductAttention got an input of shape (7, 12) and (5, 12) and (5, 3); "
        "expected values whose features 2 heads divide. Give them other features.",
    ),
    "a mask of another length": (
        (MultiHeadAttention(2), (7, 12), (5, 12), (7,)),
        "network: MultiHeadAttention got an input of shape (7, 12) and (5, 12) and (7,); expected "
        "a mask of shape (5,), one number for each place that is attended to. Name the mask of the "
        "sequence that keys and values come from.",
    ),
    "an order between two sequences": (
        (MultiHeadAttention(2, causal=True), (7, 12), (5, 12)),
        "network: MultiHeadAttention got an input of shape (7, 12) and (5, 12); expected keys at "
        "the 7 places of the query, to know which are earlier. Drop causal=True where the memory "
        "is another sequence.",
    ),
    "an odd number that turns": (
        (DotProductAttention(2, positions="rotary"), (7, 6)),
        "network: DotProductAttention makes 3 of the 3 features of each head turn; expected an even "
        "number of them, at least 2, for they turn in pairs. Change the number of heads, their "
        "width, or the share that turns.",
    ),
    "buckets that cannot be": (
        (DotProductAttention(positions=BucketedBias(buckets=8, max_distance=4)), (7, 6)),
        "network: DotProductAttention has 8 buckets for distances up to 4; expected an even number "
        "of buckets, below twice the greatest distance. Give BucketedBias fewer buckets or a "
        "greater max_distance.",
    ),
    "no memory": (
        (AdditiveAttention(4), (7, 12)),
        "network: AdditiveAttention got an input of shape (7, 12); expected a query [T, C] and a "
        "memory [S, M], then perhaps the memory's mask [S]. Name the memory with memory=, such as "
        "an encoder's name.",
    ),
    "no memory but a mask": (
        (LuongAttention(), (7, 12), (7,)),
        "network: LuongAttention got an input of shape (7, 12) and (7,); expected a query [T, C] "
        "and a memory [S, M], then perhaps the memory's mask [S]. Name the memory with memory=, "
        "such as an encoder's name.",
    ),
    "a memory of another width for Luong's dot": (
        (LuongAttention("dot"), (7, 12), (5, 8)),
        "attention: DotProductAttention got an input of shape (7, 12) and (5, 8) and (5, 8); "
        "expected keys of 12 features, 1 heads of 12. Put a Dense(12) before them, or take "
        "MultiHeadAttention.",
    ),
    "a block on a row": (
        (TransformerEncoder(2), (12,)),
        f"network: TransformerEncoder got an input of shape (12,); {SEQUENCES}(one sequence "
        f"[T, C]), then perhaps a mask [places]. {PUT}",
    ),
    "a decoder without a memory": (
        (TransformerDecoder(2), (7, 12)),
        "network: TransformerDecoder got an input of shape (7, 12); expected a sequence [T, C] and "
        "a memory [S, M], then perhaps their masks. Name the memory with memory=, such as an "
        "encoder's name.",
    ),
    "a block that keeps no shape": (
        (TransformerEncoder(2, feed_forward=FeedForward(8, units=5)), (7, 12)),
        "feed_forward_sum: Join got inputs of shape (7, 12) and (7, 5); expected one shape from "
        "all branches. Let every branch end in the same shape, or join them with 'concat' instead "
        "of 'sum'.",
    ),
    "a feed-forward on nothing": (
        (FeedForward(8), ()),
        "network: FeedForward got an input of shape (); expected at least one axis, the features "
        "last. Put an Embedding before it.",
    ),
    "an odd number of waves": (
        (SinusoidalPositions(), (7, 5)),
        "network: SinusoidalPositions got an input of shape (7, 5); expected an even number of "
        "features, for waves come in pairs. Give the layer before it 6 features.",
    ),
    "a sequence too long": (
        (PositionEmbedding(5), (7, 12)),
        "network: PositionEmbedding got an input of shape (7, 12); expected at most 5 places. Give "
        "max_length=7, or shorter sequences.",
    ),
    "a class token on a row": (
        (ClassToken(), (7,)),
        "network: ClassToken got an input of shape (7,); expected a sequence [places, features]. "
        "Put an Embedding or a Dense layer before it.",
    ),
    "more experts asked than there are": (
        (MixtureOfExperts(2, top_k=3), (7, 12)),
        "network: MixtureOfExperts has a top_k of 3 for 2 experts; expected at most 2 of them. Give a smaller "
        "top_k or more experts.",
    ),
    "a mask of other places for a mixture": (
        (MixtureOfExperts(2), (7, 12), (5,)),
        "network: MixtureOfExperts got an input of shape (7, 12) and (5,); expected a mask of "
        "shape (7,), one number for each place. Name the mask of the sequence that comes.",
    ),
    "patches that do not fill": (
        (PatchEmbedding(8, patch=4), (30, 28, 3)),
        "network: PatchEmbedding got an input of shape (30, 28, 3); expected sides that patches of "
        "4 every 4 fill, such as 28 × 28. Resize the picture or take another patch.",
    ),
    "patches of a row": (
        (PatchEmbedding(8, patch=4), (28, 3)),
        "network: PatchEmbedding got an input of shape (28, 3); expected a picture [height, width, "
        "channels]. Give it pictures.",
    ),
    "a series too short": (
        (SeriesPatches(8), (7, 2)),
        "network: SeriesPatches got an input of shape (7, 2); expected a series [places, features] "
        "of at least 8 places. Give longer series or take smaller patches.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_with_a_mend(name):
    (layer, *shapes), message = REFUSED[name]
    assert refused(layer, *shapes) == message


def test_misfits_of_several_layers_are_found_in_one_walk():
    network = Network(
        Embedding(9, 10),
        PositionEmbedding(4),
        TransformerEncoder(3, name="first"),
        MultiHeadAttention(4, memory="frist"),
        Dense(2),
    )
    assert refused(network, 6).splitlines() == [
        "position_embedding_1: PositionEmbedding got an input of shape (6, 10); expected at most 4 "
        "places. Give max_length=6, or shorter sequences.",
        "first.attention: MultiHeadAttention got an input of shape (6, 10); expected features that "
        "3 heads divide. Give it 9 features, other heads, or head_units, their width.",
        "multi_head_attention_3: MultiHeadAttention takes 'frist'; expected the name of an earlier "
        "layer or an input: input, embedding_0, position_embedding_1, first. Did you mean "
        "'first'?",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MultiHeadAttention(0),
            "MultiHeadAttention.heads: got 0; expected a whole number of at least 1.",
        ),
        (
            lambda: MultiHeadAttention(2, positions="rope"),
            "MultiHeadAttention.positions: got 'rope'; expected one of 'rotary', 'alibi', "
            "'buckets', 'distances', or None. unknown kind of relative positions 'rope'. Here it "
            "is called 'rotary'.",
        ),
        (
            lambda: MultiHeadAttention(2, positions={"kind": "rotary", "bse": 3}),
            "MultiHeadAttention.positions: got {'kind': 'rotary', 'bse': 3}; expected one of "
            "'rotary', 'alibi', 'buckets', 'distances', or None. rotary has no field 'bse'. Did "
            "you mean 'base'?",
        ),
        (lambda: Rotary(share=0), "Rotary.share: got 0; expected a number above 0 and at most 1."),
        (
            lambda: TransformerEncoder(2, feed_forward="swiglo"),
            "TransformerEncoder.feed_forward: got 'swiglo'; expected one of 'relu', 'gelu', 'gelu_tanh', "
            "'silu', 'glu', 'reglu', 'geglu', 'swiglu', or a layer, such as MixtureOfExperts(8). "
            "Did you mean 'swiglu'?",
        ),
        (
            lambda: TransformerEncoder(2, parallel=True, order="post"),
            "TransformerEncoder.parallel: got True with order='post'; expected order='pre', whose "
            "sublayers start from one norm. Leave one of them out.",
        ),
        (
            lambda: TransformerDecoder(2, parallel=True),
            "TransformerDecoder.parallel: got True; expected False, for what is asked of the "
            "memory depends on the attention before. Leave it out.",
        ),
    ],
)
def test_a_field_that_cannot_be_is_refused(make, message):
    with pytest.raises(NetworkError) as caught:
        make()
    assert str(caught.value) == message


def test_relative_positions_are_written_by_name_or_with_all_their_fields():
    assert MultiHeadAttention(2, positions="rotary").positions == Rotary()
    written = {
        "alibi": Alibi(),
        "rotary": Rotary(),
    }
    for name, positions in written.items():
        layer = MultiHeadAttention(2, positions=positions)
        assert layer.document()["positions"] == name
    network = Network(MultiHeadAttention(2, positions=Rotary(base=5e5, interleaved=True)))
    document = json.loads(network.to_json())["layers"][0]["positions"]
    assert document == {"kind": "rotary", "base": 5e5, "share": 1.0, "interleaved": True}
    assert Network.from_json(network.to_json()) == network
    assert set(RELATIVE) == {"alibi", "buckets", "distances", "rotary"}


def test_names_in_a_network_reach_attention_inside_a_block():
    network = Network(
        Take("text"),
        Embedding(9, 8),
        TransformerEncoder(2, mask="real", name="encoded"),
        Take("answer"),
        Embedding(9, 8),
        TransformerDecoder(2, memory="encoded", memory_mask="real"),
        Dense(9),
        inputs=("text", "answer", "real"),
    )
    assert network.output_shape({"text": 6, "answer": 4, "real": 6}) == (4, 9)


def test_a_masked_place_before_the_memory_s_mask_is_told_apart():
    network = Network(
        Take("x"),
        TransformerDecoder(2, memory="m", mask="a", memory_mask="b"),
        inputs=("x", "m", "a", "b"),
    )
    assert network.output_shape({"x": (4, 8), "m": (6, 3), "a": 4, "b": 6}) == (4, 8)
    with pytest.raises(ShapeError, match=r"a mask of shape \(4,\)"):
        network.output_shape({"x": (4, 8), "m": (6, 3), "a": 6, "b": 4})


def test_a_block_costs_what_its_textbook_says():
    """12 C² weights in the products of a block of width C, and 2 FLOPs for each per place."""
    places, width = 16, 64
    tree = Network(TransformerEncoder(8, bias=False)).trace(input=(places, width))
    norms = 4 * width
    assert tree.num_parameters == 12 * width**2 + norms
    products = 2 * 12 * width**2 * places
    scores = 2 * 2 * places**2 * width
    softmax = 5 * 8 * places**2
    activation = 4 * width * places
    attention = [n for n in tree.walk() if n.layer.kind == "dot_product_attention"]
    dense = [n for n in tree.walk() if n.layer.kind == "dense"]
    assert attention[0].flops == scores + softmax
    assert sum(n.flops for n in dense) == products + activation


def test_few_key_value_heads_have_few_weights():
    tree = Network(MultiHeadAttention(8, kv_heads=2, bias=False)).trace(input=(5, 64))
    shapes = {n.name: n.parameters["weight"].shape for n in tree.walk() if "weight" in n.parameters}
    assert shapes == {"query": (64, 64), "key": (16, 64), "value": (16, 64), "output": (64, 64)}


def test_a_block_has_the_layers_that_its_fields_ask_for():
    def names(layer):
        return [child.name for child in Network(layer).trace(input=(4, 8)).children[0].children]

    assert names(TransformerEncoder(2)) == [
        "attention_norm", "attention", "attention_sum",
        "feed_forward_norm", "feed_forward", "feed_forward_sum",
    ]  # fmt: skip
    assert names(TransformerEncoder(2, order="post", dropout=0.1)) == [
        "attention", "attention_dropout", "attention_sum", "attention_norm",
        "feed_forward", "feed_forward_dropout", "feed_forward_sum", "feed_forward_norm",
    ]  # fmt: skip
    assert names(TransformerEncoder(2, parallel=True, drop_path=0.1)) == [
        "norm", "attention", "feed_forward", "attention_drop_path", "feed_forward_drop_path", "sum",
    ]  # fmt: skip


def test_each_dropout_has_its_own_rate():
    layer = TransformerEncoder(2, dropout=0.1, attention_dropout=0.2, feed_forward_dropout=0.3)
    tree = Network(layer).trace(input=(4, 8))
    rates = {
        n.path.partition(".")[2]: n.layer.rate for n in tree.walk() if n.layer.kind == "dropout"
    }
    assert rates == {
        "attention_dropout": 0.1,
        "feed_forward.dropout": 0.3,
        "feed_forward_dropout": 0.1,
    }
    (inner,) = (n.layer for n in tree.walk() if n.layer.kind == "dot_product_attention")
    assert inner.dropout == 0.2


@pytest.mark.parametrize(
    ("word", "function"),
    [("swiglu", "silu"), ("geglu", "gelu"), ("reglu", "relu"), ("glu", "sigmoid")],
)
def test_a_word_for_a_gate_makes_a_gated_feed_forward(word, function):
    tree = Network(TransformerEncoder(2, 6, feed_forward=word)).trace(input=(4, 8))
    (inner,) = (n.layer for n in tree.walk() if isinstance(n.layer, GatedFeedForward))
    assert (inner.activation.function, inner.hidden) == (function, 6)


def test_the_equation_of_attention_names_query_keys_and_values():
    network = Network(Take("q", "m"), DotProductAttention(), inputs=("q", "m"))
    (node,) = network.trace(input={"q": (3, 4), "m": (5, 4)}).children[1:]
    assert node.equation == "a⁽¹⁾ = softmax(a⁽⁰ᵃ⁾ a⁽⁰ᵇ⁾ᵀ / √d) a⁽⁰ᵇ⁾"
