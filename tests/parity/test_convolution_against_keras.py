"""Convolutions, pooling and arrangements against Keras on the same weights and rows.

Weights: Keras keeps [*kernel, features / groups, filters], and for transposed ones [*kernel,
filters, features]; depthwise ones are [*kernel, features, multiplier].
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pytest
import torch
from keras import layers

from ranvier.nn import build
from ranvier.spec import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    Conv,
    ConvTranspose,
    Crop,
    DepthwiseConv,
    EinsumDense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Identity,
    Masking,
    MaxPool,
    Network,
    Pad,
    Permute,
    RepeatVector,
    Reshape,
    SeparableConv,
    Take,
    Upsample,
)

ROWS = 3
LINE, PICTURE, BLOCK = (9, 4), (8, 7, 4), (5, 6, 4, 2)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def rows(*shape):
    return np.random.default_rng(0).normal(size=(ROWS, *shape)).astype(np.float32)


def ours(module, x):
    with torch.no_grad():
        return module.eval()(torch.from_numpy(x)).numpy()


def theirs(layer, x):
    return layer(torch.from_numpy(x)).detach().numpy()


def numpy_of(weight):
    return weight.value.detach().numpy()


def moved(kernel, kind):
    """Keras's kernel in torch's order."""
    if isinstance(kind, layers.DepthwiseConv1D | layers.DepthwiseConv2D):
        *size, features, multiplier = kernel.shape
        kernel = kernel.reshape(*size, 1, features * multiplier)
    return torch.from_numpy(np.moveaxis(kernel, (-1, -2), (0, 1)).copy())


def agree(layer, other, shape):
    x = rows(*shape)
    module = build(layer, shape)
    other.build((None, *shape))
    for weight in other.weights:
        weight.assign(torch.from_numpy(np.random.default_rng(1).normal(size=weight.shape)))
    parameters = dict(module.named_parameters())
    kernels = [numpy_of(w) for w in other.weights]
    assert len(parameters) == len(kernels)
    with torch.no_grad():
        for (name, parameter), kernel in zip(parameters.items(), kernels, strict=True):
            is_bias = name.endswith("bias")
            parameter.copy_(torch.from_numpy(kernel) if is_bias else moved(kernel, other))
    np.testing.assert_allclose(ours(module, x), theirs(other, x), **CLOSE)


CONVOLUTIONS = [
    (Conv(5, 3), layers.Conv1D(5, 3), LINE),
    (Conv(5, 3, stride=2, padding="same"), layers.Conv1D(5, 3, 2, "same"), LINE),
    (
        Conv(5, 3, padding="causal", dilation=2, activation="relu"),
        layers.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="relu"),
        LINE,
    ),
    (Conv(4, 3, groups=2, bias=False), layers.Conv1D(4, 3, groups=2, use_bias=False), LINE),
    (Conv(5, (3, 2)), layers.Conv2D(5, (3, 2)), PICTURE),
    (Conv(5, 3, stride=2, padding="same"), layers.Conv2D(5, 3, 2, "same"), PICTURE),
    (Conv(5, 4, stride=3, padding="same"), layers.Conv2D(5, 4, 3, "same"), PICTURE),
    (
        Conv(5, 3, dilation=2, padding="same", activation="silu"),
        layers.Conv2D(5, 3, dilation_rate=2, padding="same", activation="silu"),
        PICTURE,
    ),
    (Conv(8, 3, groups=4), layers.Conv2D(8, 3, groups=4), PICTURE),
    (Conv(5, 2, stride=2, padding="same"), layers.Conv3D(5, 2, 2, "same"), BLOCK),
    (Conv(5, (2, 3, 1)), layers.Conv3D(5, (2, 3, 1)), BLOCK),
    (DepthwiseConv(3), layers.DepthwiseConv1D(3), LINE),
    (
        DepthwiseConv(3, multiplier=2, stride=2, padding="same"),
        layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2),
        PICTURE,
    ),
]


@pytest.mark.parametrize(("layer", "other", "shape"), CONVOLUTIONS, ids=str)
def test_convolutions(layer, other, shape):
    agree(layer, other, shape)


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize(
    ("kind", "shape"), [(layers.SeparableConv1D, LINE), (layers.SeparableConv2D, PICTURE)], ids=str
)
def test_separable_convolutions(kind, shape, multiplier):
    other = kind(5, 3, padding="same", depth_multiplier=multiplier, activation="relu")
    x = rows(*shape)
    other.build(x.shape)
    layer = SeparableConv(5, 3, padding="same", multiplier=multiplier, activation="relu")
    module = build(layer, shape)
    depthwise, pointwise, bias = (numpy_of(w) for w in other.weights)
    *size, features, times = depthwise.shape
    with torch.no_grad():
        flat = depthwise.reshape(*size, 1, features * times)
        module.depthwise.weight.copy_(torch.from_numpy(np.moveaxis(flat, (-1, -2), (0, 1)).copy()))
        module.pointwise.weight.copy_(
            torch.from_numpy(np.moveaxis(pointwise, (-1, -2), (0, 1)).copy())
        )
        module.pointwise.bias.copy_(torch.from_numpy(bias))
    np.testing.assert_allclose(ours(module, x), theirs(other, x), **CLOSE)


# Where both padding and output padding of torch would be above zero, Keras on torch itself warns
# that it differs from Keras elsewhere; those sizes are held to the equation in tests/reference.
TRANSPOSED = [
    (layers.Conv1DTranspose, LINE, {"kernel": 3, "stride": 1, "padding": "valid"}),
    (layers.Conv1DTranspose, LINE, {"kernel": 4, "stride": 2, "padding": "same"}),
    (layers.Conv1DTranspose, LINE, {"kernel": 2, "stride": 3, "padding": "valid"}),
    (layers.Conv1DTranspose, LINE, {"kernel": 2, "stride": 2, "padding": "same"}),
    (layers.Conv2DTranspose, PICTURE, {"kernel": 3, "stride": 2, "padding": "valid"}),
    (layers.Conv2DTranspose, PICTURE, {"kernel": 3, "stride": 1, "padding": "same"}),
    (layers.Conv2DTranspose, PICTURE, {"kernel": 4, "stride": 2, "padding": "same"}),
    (layers.Conv2DTranspose, PICTURE, {"kernel": 3, "stride": 2, "padding": "valid",
                                       "output_padding": 1}),
    (layers.Conv3DTranspose, BLOCK, {"kernel": 2, "stride": 2, "padding": "same"}),
    (layers.Conv3DTranspose, BLOCK, {"kernel": 3, "stride": 1, "padding": "valid"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "shape", "options"), TRANSPOSED, ids=str)
def test_transposed_convolutions(kind, shape, options):
    names = {"kernel": "kernel_size", "stride": "strides"}
    other = kind(5, **{names.get(name, name): value for name, value in options.items()})
    agree(ConvTranspose(5, **options), other, shape)


@pytest.mark.parametrize("output_padding", [None, 0, 1])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 3), (3, 2), (4, 2), (5, 3)])
def test_transposed_convolutions_have_keras_s_sizes(kernel, stride, padding, output_padding):
    options = {"padding": padding, "output_padding": output_padding}
    other = layers.Conv2DTranspose(5, kernel, stride, **options)
    layer = ConvTranspose(5, kernel, stride=stride, **options)
    assert layer.output_shape(PICTURE) == tuple(other.compute_output_shape((1, *PICTURE))[1:])


PLAIN = [
    (MaxPool(2), layers.MaxPooling1D(2), LINE),
    (MaxPool(3, stride=2, padding="same"), layers.MaxPooling1D(3, 2, "same"), LINE),
    (MaxPool((2, 3)), layers.MaxPooling2D((2, 3)), PICTURE),
    (MaxPool(2, stride=1, padding="same"), layers.MaxPooling2D(2, 1, "same"), PICTURE),
    (MaxPool(2, padding="same"), layers.MaxPooling3D(2, padding="same"), BLOCK),
    (AveragePool(2), layers.AveragePooling1D(2), LINE),
    (AveragePool(3, stride=2, padding="same"), layers.AveragePooling1D(3, 2, "same"), LINE),
    (AveragePool(2, stride=1, padding="same"), layers.AveragePooling2D(2, 1, "same"), PICTURE),
    # Where the padding is odd, Keras on torch repeats the edge and averages it in; elsewhere Keras
    # leaves the padding out, as we do.
    (AveragePool(3, stride=2, padding="same"), layers.AveragePooling2D(3, 2, "same"), (7, 9, 4)),
    (AveragePool(2), layers.AveragePooling3D(2), BLOCK),
    (AdaptiveAveragePool(4), layers.AdaptiveAveragePooling1D(4), LINE),
    (AdaptiveAveragePool((3, 5)), layers.AdaptiveAveragePooling2D((3, 5)), PICTURE),
    (AdaptiveMaxPool((3, 5)), layers.AdaptiveMaxPooling2D((3, 5)), PICTURE),
    (GlobalMaxPool(), layers.GlobalMaxPooling1D(), LINE),
    (GlobalMaxPool(keep_axes=True), layers.GlobalMaxPooling2D(keepdims=True), PICTURE),
    (GlobalAveragePool(), layers.GlobalAveragePooling2D(), PICTURE),
    (GlobalAveragePool(), layers.GlobalAveragePooling3D(), BLOCK),
    (Pad(((1, 2),)), layers.ZeroPadding1D((1, 2)), LINE),
    (Pad(((1, 2), (0, 3))), layers.ZeroPadding2D(((1, 2), (0, 3))), PICTURE),
    (Pad((1, 2, 3)), layers.ZeroPadding3D((1, 2, 3)), BLOCK),
    (Crop(((1, 2),)), layers.Cropping1D((1, 2)), LINE),
    (Crop(((1, 2), (0, 3))), layers.Cropping2D(((1, 2), (0, 3))), PICTURE),
    (Crop((1, 2, 1)), layers.Cropping3D((1, 2, 1)), BLOCK),
    (Upsample(2), layers.UpSampling1D(2), LINE),
    (Upsample((2, 3)), layers.UpSampling2D((2, 3)), PICTURE),
    (Upsample(2, mode="linear"), layers.UpSampling2D(2, interpolation="bilinear"), PICTURE),
    (Upsample(2), layers.UpSampling3D(2), BLOCK),
    (Reshape((4, -1)), layers.Reshape((4, -1)), LINE),
    (Permute((2, 0, 1)), layers.Permute((3, 1, 2)), PICTURE),
    (RepeatVector(4), layers.RepeatVector(4), (6,)),
    (Flatten(), layers.Flatten(), PICTURE),
    (Identity(), layers.Identity(), LINE),
]


@pytest.mark.parametrize(("layer", "other", "shape"), PLAIN, ids=str)
def test_layers_without_weights(layer, other, shape):
    x = rows(*shape)
    np.testing.assert_allclose(ours(build(layer, shape), x), theirs(other, x), **CLOSE)


@pytest.mark.parametrize(
    ("subscripts", "output", "bias_axes", "shape"),
    [
        ("abc,cd->abd", (None, 5), "d", LINE),
        ("...x,xy->...y", 5, "y", PICTURE),
        ("abc,cde->abde", (None, 2, 5), "de", LINE),
        ("abc,cde->abde", (None, 2, 5), "d", LINE),
        ("abc,bd->adc", (5, None), None, LINE),
        ("ab...,bc->ac...", 5, "c", PICTURE),
    ],
)
def test_einsum_dense(subscripts, output, bias_axes, shape):
    x = rows(*shape)
    other = layers.EinsumDense(subscripts, output, bias_axes=bias_axes, activation="tanh")
    other.build(x.shape)
    module = build(EinsumDense(subscripts, output, bias_axes=bias_axes, activation="tanh"), shape)
    with torch.no_grad():
        for mine, its in zip(module.parameters(), other.weights, strict=True):
            assert tuple(mine.shape) == tuple(its.shape)
            its.assign(torch.from_numpy(np.random.default_rng(1).normal(size=its.shape)))
            mine.copy_(its.value)
    np.testing.assert_allclose(ours(module, x), theirs(other, x), **CLOSE)


def test_masking_makes_keras_s_mask():
    x = rows(*LINE)
    x[0, 2:4] = x[1, 5] = 7.0
    x[2, 1, 0] = 7.0
    mask = layers.Masking(7.0).compute_mask(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(ours(build(Masking(7.0), LINE), x), mask)


def test_masked_averages_are_keras_s():
    x, mask = rows(*LINE), np.arange(9)[None] < np.array([[9], [4], [1]])
    real = torch.from_numpy(mask)
    expected = theirs(lambda x: layers.GlobalAveragePooling1D()(x, mask=real), x)
    layer = Network(Take("x"), GlobalAveragePool(mask="mask"), inputs=("x", "mask"))
    module = build(layer, [LINE, (9,)])
    with torch.no_grad():
        found = module(torch.from_numpy(x), real).numpy()
    np.testing.assert_allclose(found, expected, **CLOSE)
