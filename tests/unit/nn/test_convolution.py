"""How convolutions and arrangements run: layout, pieces, other lengths, masks, own functions."""

from __future__ import annotations

import pytest
import torch

from ranvier.core.errors import NetworkError
from ranvier.nn import build, streaming
from ranvier.spec import (
    FUNCTIONS,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    Lambda,
    MaxPool,
    Network,
    PaddingMask,
    PureFunction,
    RepeatVector,
    Residual,
    Select,
    Take,
)
from ranvier.spec.parameters import number


@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("places", [(9,), (9, 8), (5, 6, 7)], ids=str)
@pytest.mark.parametrize(
    "layer",
    [
        Conv(4, 3, padding="same"),
        DepthwiseConv(3, multiplier=2),
        ConvTranspose(4, 3),
        MaxPool(2),
    ],
    ids=str,
)
def test_what_comes_out_lies_in_memory_with_the_features_last(layer, places, features):
    x = torch.randn(2, *places, features)
    assert build(layer, (*places, features))(x).is_contiguous()


@pytest.mark.parametrize("length", [5, 8, 12])
def test_same_padding_is_that_of_the_length_which_comes(length):
    module = build(Conv(4, 4, stride=3, padding="same"), (10, 2))
    assert module(torch.randn(1, length, 2)).shape == (1, -(-length // 3), 4)
    other = build(Conv(4, 4, stride=3, padding="same"), (length, 2))
    x = torch.randn(1, length, 2)
    assert torch.equal(module(x), other(x))


def test_a_causal_convolution_sees_no_later_place():
    module = build(Conv(4, 3, padding="causal", dilation=2), (10, 2))
    x = torch.randn(1, 10, 2)
    later = x.clone()
    later[:, 6:] += 1
    assert torch.equal(module(x)[:, :6], module(later)[:, :6])
    assert not torch.equal(module(x)[:, 6], module(later)[:, 6])


@pytest.mark.parametrize("pieces", [(1,) * 23, (5, 7, 11), (2, 1, 20), (22, 1)], ids=str)
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (2, 1), (3, 4)])
def test_a_causal_convolution_goes_on_where_the_last_piece_ended(pieces, stride, kernel, dilation):
    layer = Conv(4, kernel, stride=stride, dilation=dilation, padding="causal", activation="tanh")
    module, x = build(layer, (23, 2)).double(), torch.randn(3, 23, 2, dtype=torch.float64)
    with streaming(module):
        given = [module(piece) for piece in x.split(pieces, 1)]
    torch.testing.assert_close(torch.cat(given, 1), module(x), rtol=0, atol=1e-12)
    assert module.carry is None


def test_a_stack_of_dilated_causal_convolutions_streams():
    blocks = [
        Residual(Conv(4, 2, padding="causal", dilation=2**i, activation="relu")) for i in range(4)
    ]
    module, x = build(Network(*blocks), (40, 4)).double(), torch.randn(2, 40, 4).double()
    with streaming(module):
        given = torch.cat([module(piece) for piece in x.split(7, 1)], 1)
    torch.testing.assert_close(given, module(x), rtol=0, atol=1e-12)


def test_a_convolution_that_looks_ahead_is_not_fed_in_pieces_but_pictures_may_be():
    with pytest.raises(NetworkError, match=r"network: got a layer that reads later places"):
        with streaming(build(Conv(4, 3, padding="same"), (9, 2))):
            pass
    with streaming(build(Conv(4, 3), (9, 9, 2))):
        pass


ROWS = torch.arange(12.0).reshape(2, 6) + 1
MASK = torch.tensor([[1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 1]])


@pytest.mark.parametrize(
    ("position", "expected"), [(0, [1, 9]), (-1, [4, 12]), (1, [2, 11]), (-3, [1, 9]), (3, [0, 0])]
)
def test_a_selection_by_a_mask_counts_real_places_alone(position, expected):
    network = Network(Take("rows"), Select(position, mask="mask"), inputs=("rows", "mask"))
    module = build(network, [(6, 1), (6,)])
    assert module(ROWS.unsqueeze(-1), MASK).squeeze(-1).tolist() == expected


def test_a_padding_mask_is_true_where_there_is_a_code():
    codes = torch.tensor([[3.0, 1.0, 0.0]])
    assert build(PaddingMask(), 3)(codes).tolist() == [[True, True, False]]


def test_a_repeated_vector_is_not_copied():
    x = torch.randn(2, 4)
    assert build(RepeatVector(5), 4)(x).data_ptr() == x.data_ptr()


FLOATS = torch.tensor([[-1.5, 0.0, 2.0], [4.0, -3.0, 0.5]])


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Lambda("abs"), FLOATS.abs()),
        (Lambda("scale", factor=-2), -2 * FLOATS),
        (Lambda("shift", by=1), FLOATS + 1),
        (Lambda("power", exponent=3), FLOATS**3),
        (Lambda("clip", low=-1, high=0.25), FLOATS.clamp(-1, 0.25)),
        (Lambda("mean"), FLOATS.mean(1)),
        (Lambda("sum", axis=0), FLOATS.sum(1)),
        (Lambda("product"), FLOATS.prod(1)),
        (Lambda("variance"), FLOATS.var(1, correction=0)),
        (Lambda("log_sum_exp"), FLOATS.exp().sum(1).log()),
        (Lambda("normalise"), FLOATS / FLOATS.square().sum(1, keepdim=True).sqrt()),
        (Lambda("cumulative_sum"), FLOATS.cumsum(1)),
    ],
    ids=str,
)
def test_a_function_is_applied_along_the_axis_of_a_sample(layer, expected):
    torch.testing.assert_close(build(layer, 3)(FLOATS), expected)


def test_a_program_may_enter_a_function_of_its_own():
    def doubled_pairs(z: torch.Tensor, factor: float) -> torch.Tensor:
        return factor * z[..., ::2]

    record = PureFunction(
        "factor · every other z",
        doubled_pairs,
        {"factor": number(2.0)},
        shape=lambda shape, values: (*shape[:-1], -(-shape[-1] // 2)),
    )
    FUNCTIONS.add("doubled_pairs", record)
    try:
        network = Network(Lambda("doubled_pairs", factor=3))
        again = Network.from_json(network.to_json())
        assert again == network
        assert again.output_shape(3) == (2,)
        assert torch.equal(build(again, 3)(FLOATS), 3 * FLOATS[:, ::2])
    finally:
        del FUNCTIONS._members["doubled_pairs"]
