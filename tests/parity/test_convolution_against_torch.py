"""Convolutions, pooling and arrangements against torch.nn's own modules, weights by name.

torch has the features second; everything else is to be the same number.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ranvier.nn import build
from ranvier.spec import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    Bilinear,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    EmbeddingBag,
    Fold,
    MaxPool,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    PowerPool,
    Unfold,
    Upsample,
)

ROWS = 3
LINE, PICTURE, BLOCK = (11, 4), (8, 7, 4), (5, 6, 4, 4)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def rows(shape):
    return torch.randn(ROWS, *shape, generator=torch.Generator().manual_seed(0))


def agree(layer, other, shape):
    module, x = build(layer, shape), rows(shape)
    module.load_state_dict(other.state_dict())
    mine, its = x.clone().requires_grad_(), x.movedim(-1, 1).clone().requires_grad_()
    output, expected = module(mine), other(its)
    torch.testing.assert_close(output, expected.movedim(1, -1), **CLOSE)
    g = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    output.backward(g)
    expected.backward(g.movedim(-1, 1))
    torch.testing.assert_close(mine.grad, its.grad.movedim(1, -1), **CLOSE)
    for parameter, its_parameter in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, its_parameter.grad, rtol=1e-4, atol=1e-4)


CASES = [
    (Conv(6, 3), nn.Conv1d(4, 6, 3), LINE),
    (Conv(6, 3, stride=2, padding=2, dilation=2, groups=2),
     nn.Conv1d(4, 6, 3, 2, 2, 2, 2), LINE),
    (Conv(6, 4, padding="same", bias=False), nn.Conv1d(4, 6, 4, padding="same", bias=False), LINE),
    (Conv(6, (3, 2), stride=(2, 1), padding=(1, 0)), nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0)),
     PICTURE),
    (Conv(6, (3, 4), padding="same"), nn.Conv2d(4, 6, (3, 4), padding="same"), PICTURE),
    *((Conv(6, 3, padding=2, padding_mode=mode), nn.Conv2d(4, 6, 3, padding=2, padding_mode=mode),
       PICTURE) for mode in ("reflect", "replicate", "circular")),
    (Conv(6, 3, padding=2, padding_mode="circular"),
     nn.Conv1d(4, 6, 3, padding=2, padding_mode="circular"), LINE),
    (Conv(6, 3, padding=1, groups=2), nn.Conv3d(4, 6, 3, padding=1, groups=2), BLOCK),
    (DepthwiseConv(3, multiplier=2), nn.Conv2d(4, 8, 3, groups=4), PICTURE),
    (ConvTranspose(6, 3, stride=2, padding=1, output_padding=1),
     nn.ConvTranspose1d(4, 6, 3, 2, 1, 1), LINE),
    (ConvTranspose(6, 4, stride=2, padding=1, groups=2),
     nn.ConvTranspose2d(4, 6, 4, 2, 1, groups=2), PICTURE),
    (ConvTranspose(6, 3, stride=(1, 2), padding=0, dilation=2, output_padding=(0, 1)),
     nn.ConvTranspose2d(4, 6, 3, (1, 2), 0, (0, 1), dilation=2), PICTURE),
    (ConvTranspose(6, 3, stride=2, padding=1), nn.ConvTranspose3d(4, 6, 3, 2, 1), BLOCK),
    (MaxPool(3, stride=2, padding=1), nn.MaxPool1d(3, 2, 1), LINE),
    (MaxPool(2, ceil=True), nn.MaxPool2d(2, ceil_mode=True), PICTURE),
    (MaxPool((2, 1), dilation=(2, 1)), nn.MaxPool2d((2, 1), dilation=(2, 1)), PICTURE),
    (MaxPool(2), nn.MaxPool3d(2), BLOCK),
    (AveragePool(3, stride=2, padding=1, count_padding=True), nn.AvgPool1d(3, 2, 1), LINE),
    (AveragePool(3, stride=2, padding=1), nn.AvgPool2d(3, 2, 1, count_include_pad=False), PICTURE),
    (AveragePool(3, stride=2, padding=1, ceil=True, count_padding=True),
     nn.AvgPool2d(3, 2, 1, ceil_mode=True), PICTURE),
    (AveragePool(2), nn.AvgPool3d(2), BLOCK),
    (PowerPool(2, window=3, stride=2), nn.LPPool1d(2, 3, 2), LINE),
    (PowerPool(4, window=3, stride=2, ceil=True), nn.LPPool2d(4, 3, 2, ceil_mode=True), PICTURE),
    (PowerPool(2), nn.LPPool3d(2, 2), BLOCK),
    (AdaptiveMaxPool(5), nn.AdaptiveMaxPool1d(5), LINE),
    (AdaptiveMaxPool((3, 9)), nn.AdaptiveMaxPool2d((3, 9)), PICTURE),
    (AdaptiveAveragePool((3, 4)), nn.AdaptiveAvgPool2d((3, 4)), PICTURE),
    (AdaptiveAveragePool(2), nn.AdaptiveAvgPool3d(2), BLOCK),
    (Pad(((1, 2),), value=0.5), nn.ConstantPad1d((1, 2), 0.5), LINE),
    (Pad(((1, 2), (0, 3)), mode="reflect"), nn.ReflectionPad2d((0, 3, 1, 2)), PICTURE),
    (Pad(2, mode="replicate"), nn.ReplicationPad3d(2), BLOCK),
    (Pad((1, 2), mode="circular"), nn.CircularPad2d((2, 2, 1, 1)), PICTURE),
    (Upsample(2), nn.Upsample(scale_factor=2), LINE),
    (Upsample(1.7, mode="linear"), nn.Upsample(scale_factor=1.7, mode="linear"), LINE),
    (Upsample(size=(13, 5), mode="linear"), nn.Upsample((13, 5), mode="bilinear"), PICTURE),
    (Upsample(2, mode="linear", align_corners=True),
     nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), PICTURE),
    (Upsample((2, 1.5), mode="cubic"), nn.Upsample(scale_factor=(2, 1.5), mode="bicubic"), PICTURE),
    (Upsample(2, mode="linear"), nn.Upsample(scale_factor=2, mode="trilinear"), BLOCK),
    (PixelShuffle(2), nn.PixelShuffle(2), PICTURE),
    (PixelUnshuffle(2), nn.PixelUnshuffle(2), (8, 6, 3)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "other", "shape"), CASES, ids=[f"{layer} {shape}" for layer, _, shape in CASES]
)
@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")
def test_a_layer_is_torch_s_with_the_features_last(layer, other, shape):
    agree(layer, other, shape)


def test_unfold_lays_windows_out_as_torch_does_and_fold_lays_them_back():
    x = rows(PICTURE)
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    module = build(Unfold((3, 2), **options), PICTURE)
    columns = nn.Unfold((3, 2), **options)(x.movedim(-1, 1))
    patches = module(x)
    torch.testing.assert_close(patches.flatten(1, 2), columns.transpose(1, 2))
    back = build(Fold(PICTURE[:2], (3, 2), **options), tuple(patches.shape[1:]))
    expected = nn.Fold(PICTURE[:2], (3, 2), **options)(columns)
    torch.testing.assert_close(back(patches), expected.movedim(1, -1))


def test_a_convolution_is_a_product_with_unfolded_windows():
    x, conv = rows(LINE), build(Conv(5, 3, stride=2, padding="same"), LINE)
    patches = build(Unfold(3, stride=2, padding="same"), LINE)(x)
    expected = patches @ conv.weight.flatten(1).T + conv.bias
    torch.testing.assert_close(conv(x), expected, **CLOSE)


@pytest.mark.parametrize("options", [{}, {"mode": "sum", "padding": 0}, {"mode": "max"}], ids=str)
def test_embedding_bag(options):
    names = {"padding": "padding_idx"}
    other = nn.EmbeddingBag(7, 4, **{names.get(name, name): v for name, v in options.items()})
    module = build(EmbeddingBag(7, 4, **options), 5)
    module.load_state_dict(other.state_dict())
    codes = torch.randint(0, 7, (ROWS, 5), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(module(codes.float()), other(codes))


def test_bilinear_is_torch_s():
    module = build(Bilinear(5), [(4,), (3,)])
    assert type(module) is nn.Bilinear
    assert tuple(module.weight.shape) == (5, 4, 3)


def test_an_odd_power_pools_the_size_of_negative_numbers_where_torch_gives_nan():
    x = -torch.ones(1, 4, 1)
    assert build(PowerPool(3), (4, 1))(x)[0, 0, 0].item() == pytest.approx(2 ** (1 / 3))
    assert nn.LPPool1d(3, 2)(x.movedim(-1, 1)).isnan().all()
