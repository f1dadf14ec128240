"""Language models have as many parameters as the checkpoints that were published of them."""

from __future__ import annotations

import pytest

from ranvier.core.errors import NetworkError, UnknownNameError
from ranvier.spec import Network
from ranvier.spec.architectures import ARCHITECTURES, bert, gpt, mamba, transformer

# The numbers of elements in the checkpoints of these names, each tied tensor once.
CHECKPOINTS = {
    "gpt2": 124_439_808,
    "gpt2_medium": 354_823_168,
    "gpt2_large": 774_030_080,
    "gpt2_xl": 1_557_611_200,
    "smollm_135m": 134_515_008,
    "tinyllama_1b": 1_100_048_384,
    "llama2_7b": 6_738_415_616,
    "llama3_8b": 8_030_261_248,
    "mamba_130m": 129_135_360,
    "mamba_370m": 371_516_416,
    "mamba_790m": 793_204_224,
    "mamba_1b": 1_372_178_432,
}

POOLED = {
    "bert_base": 109_482_240,
    "bert_large": 335_141_888,
    "minilm_l6": 22_713_216,
}


def parameters(network: Network, *lengths: int) -> int:
    return network.describe(input=[(length,) for length in lengths]).parameters


@pytest.mark.parametrize(("name", "published"), CHECKPOINTS.items())
def test_a_language_model_has_as_many_parameters_as_its_checkpoint(name, published):
    assert parameters(ARCHITECTURES[name](), 128) == published


@pytest.mark.parametrize(("name", "published"), POOLED.items())
def test_an_encoder_with_its_pooler_has_as_many_parameters_as_its_checkpoint(name, published):
    network = ARCHITECTURES[name](outputs=("places", "pooled"))
    assert parameters(network, 128, 128) == published


def test_bert_with_its_masked_language_head_has_as_many_parameters_as_its_checkpoint():
    assert parameters(bert(outputs=("scores",)), 128, 128) == 109_514_298


def _translation(units: int, hidden: int, vocabulary: int, layers: int) -> int:
    """The paper's equations by hand: maps with biases, a norm after every sublayer."""
    attention, norm = 4 * (units**2 + units), 2 * units
    feed_forward = units * hidden + hidden + hidden * units + units
    encoder = attention + feed_forward + 2 * norm
    decoder = 2 * attention + feed_forward + 3 * norm
    return vocabulary * units + layers * (encoder + decoder)


@pytest.mark.parametrize(
    ("name", "units", "hidden", "said"),
    [("transformer_base", 512, 2048, 65e6), ("transformer_big", 1024, 4096, 213e6)],
)
def test_the_transformer_has_the_parameters_of_its_equations_and_about_those_of_its_table(
    name, units, hidden, said
):
    counted = parameters(ARCHITECTURES[name](), 20, 20)
    assert counted == _translation(units, hidden, 37_000, 6)
    assert counted == pytest.approx(said, rel=0.03)


@pytest.mark.parametrize("make", [gpt, mamba])
def test_untied_words_cost_a_matrix_more(make):
    assert parameters(make(tied=False), 16) - parameters(make(), 16) == 768 * (
        50_257 if make is gpt else 50_280
    )


@pytest.mark.parametrize("name", ["gpt2_xl", "llama3_8b", "mamba_3b", "bert_large"])
def test_the_largest_are_described_and_drawn_in_a_second(name, seconds):
    shapes = [(1024,)] if name != "bert_large" else [(512,), (512,)]
    network = ARCHITECTURES[name]()
    network.describe(input=shapes)
    network.draw(input=shapes)
    assert seconds() < 1.0


@pytest.mark.parametrize(
    ("network", "shapes", "times"),
    [
        (gpt(), [(16,)], 12),
        (bert(), [(16,), (16,)], 12),
        (transformer(), [(16,), (16,)], 6),
        (mamba(), [(16,)], 24),
    ],
    ids=["gpt", "bert", "transformer", "mamba"],
)
def test_equal_blocks_stand_once_in_table_and_drawing(network, shapes, times):
    description = network.describe(input=shapes)
    assert len(description.rows) <= 62
    assert any(row.times == times for row in description.rows)
    assert f"× {times}" in network.draw(input=shapes)


def test_places_beyond_the_learnt_positions_are_refused_before_a_weight_exists():
    with pytest.raises(Exception, match="positions: PositionEmbedding got .* at most 1024 places"):
        gpt().describe(input=1025)
    assert gpt(positions="rotary").output_shape(4096) == (4096, 50_257)


def test_the_outputs_of_bert_come_in_the_order_in_which_they_were_asked_for():
    outputs = bert(layers=1, outputs=("scores", "pooled", "places")).output_shapes([(9,), (9,)])
    assert outputs == ((9, 30_522), (768,), (9, 768))
    assert bert(layers=1, segments=0).output_shape(9) == (9, 768)


@pytest.mark.parametrize("outputs", [(), ("pooler",), "pooled"])
def test_outputs_that_bert_has_not_are_refused(outputs):
    with pytest.raises(NetworkError, match="bert.outputs: got .* places, pooled, scores"):
        bert(outputs=outputs)


def test_an_unknown_architecture_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="gpt2_medum.*Did you mean 'gpt2_medium'"):
        ARCHITECTURES["gpt2_medum"]
