"""Preprocessing and augmentation give Keras's numbers, for all that Keras does without TensorFlow.

Its lookups, its text vectorisation and its hashing need TensorFlow and are not compared here.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.nn.layers.augmentation import Movement, moved
from ranvier.nn.layers.colours import turned
from ranvier.spec import (
    CategoryEncoding,
    CenterCrop,
    Discretization,
    MelSpectrogram,
    Normalization,
    RandomBrightness,
    RandomContrast,
    Rescaling,
    Resizing,
    Spectrogram,
)

CLOSE = {"rtol": 0, "atol": 1e-5}


def pictures(rows=4, height=9, width=12):
    return torch.rand(rows, height, width, 3, generator=torch.Generator().manual_seed(0))


def ours(layer, batch):
    return build(layer, tuple(batch.shape[1:])).eval()(batch)


def theirs(layer, batch, **options):
    return torch.as_tensor(layer(batch, **options)).detach().cpu()


def test_normalisation_fitted_on_data():
    data = np.random.default_rng(0).normal(size=(40, 3)).astype("float32") * [1, 10, 100]
    layer = keras.layers.Normalization()
    layer.adapt(data)
    batch = torch.from_numpy(data).float()
    torch.testing.assert_close(ours(Normalization.fit(data), batch), theirs(layer, batch), **CLOSE)


def test_rescaling():
    batch = pictures() * 255
    expected = theirs(keras.layers.Rescaling(1 / 127.5, offset=-1), batch)
    torch.testing.assert_close(ours(Rescaling(1 / 127.5, offset=-1), batch), expected)


def test_discretisation_puts_an_edge_into_the_bin_on_its_right():
    edges = (-1.0, 0.0, 0.5)
    batch = torch.tensor([[-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 3.0]])
    expected = theirs(keras.layers.Discretization(bin_boundaries=list(edges)), batch)
    assert torch.equal(ours(Discretization(edges), batch), expected.long())


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_category_encoding(mode):
    codes = torch.tensor([[0, 2, 2], [1, 1, 1]])
    expected = theirs(keras.layers.CategoryEncoding(4, output_mode=mode), codes)
    assert torch.equal(ours(CategoryEncoding(4, mode=mode), codes), expected)


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", [(18, 24), (5, 7), (9, 12)])
def test_resizing(method, size):
    expected = theirs(keras.layers.Resizing(*size, interpolation=method), pictures())
    found = ours(Resizing(*size, method=method), pictures())
    # Keras on torch takes torch's older "nearest", which looks from the corner of a point; from the
    # middle, as on TensorFlow and in PIL, only sizes without a remainder agree.
    if method == "bilinear" or size != (5, 7):
        torch.testing.assert_close(found, expected, **CLOSE)


@pytest.mark.parametrize("size", [(4, 4), (6, 12)])
def test_resizing_after_cropping_to_the_ratio(size):
    layer = keras.layers.Resizing(*size, crop_to_aspect_ratio=True)
    batch = pictures(height=8, width=12)
    found = ours(Resizing(*size, aspect="crop"), batch)
    torch.testing.assert_close(found, theirs(layer, batch), **CLOSE)


@pytest.mark.parametrize("size", [(4, 5), (9, 12), (3, 12)])
def test_center_crop(size):
    expected = theirs(keras.layers.CenterCrop(*size), pictures())
    assert torch.equal(ours(CenterCrop(*size), pictures()), expected)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_mel_spectrogram(power):
    sound = torch.randn(2, 4000, generator=torch.Generator().manual_seed(0))
    layer = keras.layers.MelSpectrogram(
        fft_length=256,
        sequence_stride=64,
        sampling_rate=8000,
        num_mel_bins=20,
        min_freq=20.0,
        power_to_db=False,
        mag_exp=power,
    )
    mine = MelSpectrogram(256, hop=64, rate=8000, mels=20, low=20.0, power=power, center=True)
    expected = theirs(layer, sound).transpose(1, 2)
    torch.testing.assert_close(ours(mine, sound), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("mode", "power"), [("magnitude", 1), ("psd", 2)])
def test_spectrogram(mode, power):
    sound = torch.randn(2, 2000, generator=torch.Generator().manual_seed(0))
    layer = keras.layers.STFTSpectrogram(
        mode=mode, frame_length=128, frame_step=32, fft_length=128, periodic=True, scaling=None
    )
    expected = theirs(layer, sound.unsqueeze(-1))
    if mode == "psd":
        # Keras doubles what stands for a frequency and its mirror image.
        expected[..., 1:-1] /= 2
    found = ours(Spectrogram(128, hop=32, power=power), sound)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_movement_by_a_matrix_is_keras_s_affine_transform():
    batch = pictures(rows=1, height=11, width=11)
    angle, zoom = 0.4, 1.25
    still = torch.zeros(1)
    movement = Movement(
        rotation=torch.tensor([angle]),
        right=torch.tensor([2 / 11]),
        down=torch.tensor([-1 / 11]),
        slant=still,
        slant_down=still,
        zoom=torch.tensor([zoom]),
    )
    # Keras wants where a point (x, y) of the result is looked up, from the upper left corner.
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    matrix = np.array([[cos, -sin], [sin, cos]])
    offset = np.array([5, 5]) - matrix @ (np.array([5, 5]) + [2, -1])
    transform = [[cos, -sin, offset[0], sin, cos, offset[1], 0, 0]]
    expected = keras.ops.image.affine_transform(
        batch, torch.tensor(transform).float(), fill_mode="constant", data_format="channels_last"
    )
    found = moved(batch, movement, "zero")
    # At the border Keras mixes with the fill in another way.
    torch.testing.assert_close(found[:, 3:8, 3:8], expected[:, 3:8, 3:8], rtol=0, atol=1e-4)


def test_a_turned_hue_is_keras_s():
    batch = pictures()
    hsv = keras.ops.image.rgb_to_hsv(batch)
    hue = (hsv[..., :1] + 0.3) % 1.0
    expected = keras.ops.image.hsv_to_rgb(torch.cat([hue, hsv[..., 1:]], -1))
    found = turned(batch, torch.full((4, 1, 1), 0.3))
    torch.testing.assert_close(found, expected, **CLOSE)


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (
            RandomBrightness(0.3),
            lambda: keras.layers.RandomBrightness(0.3, value_range=(0, 1), seed=0),
        ),
        (
            RandomContrast(0.5),
            lambda: keras.layers.RandomContrast((0.5, 0.5), value_range=(0, 1), seed=0),
        ),
    ],
    ids=["brightness", "contrast"],
)
def test_random_changes_have_keras_s_mean_and_spread(mine, other):
    batch = pictures(rows=1, height=16, width=16).repeat(2000, 1, 1, 1) * 0.4 + 0.3
    torch.manual_seed(0)
    found = build(mine, (16, 16, 3)).train()(batch)
    expected = theirs(other(), batch, training=True)
    assert found.mean().item() == pytest.approx(expected.mean().item(), rel=0.04)
    assert found.std().item() == pytest.approx(expected.std().item(), rel=0.08)
