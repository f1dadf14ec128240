"""Spectrograms against SciPy, filters against the formula, all in float64."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import torch

from ranvier.nn import build
from ranvier.spec import MFCC, MelSpectrogram, Spectrogram
from ranvier.spec.layers.spectrogram import mel

CLOSE = {"rtol": 0, "atol": 1e-10}
RATE = 8000.0


def sound(samples=2000):
    time = np.arange(samples) / RATE
    noise = np.random.default_rng(0).normal(scale=0.1, size=samples)
    return np.sin(2 * np.pi * 440 * time) + 0.5 * np.sin(2 * np.pi * 1900 * time) + noise


def given(layer, samples):
    """What the module gives in float64, its constants in float64 too."""
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return build(layer, samples.shape)(torch.from_numpy(samples)[None])[0].numpy()
    finally:
        torch.set_default_dtype(previous)


def energies(x, window, hop, fft, taper="hann"):
    weights = scipy.signal.get_window(taper, window, fftbins=True)
    starts = range(0, len(x) - window + 1, hop)
    return np.stack([np.abs(np.fft.rfft(weights * x[s : s + window], fft)) ** 2 for s in starts])


@pytest.mark.parametrize("taper", ["hann", "hamming", "blackman"])
@pytest.mark.parametrize(("hop", "fft"), [(50, None), (160, 256)])
def test_a_spectrogram_is_scipy_s(taper, hop, fft):
    layer = Spectrogram(200, hop=hop, fft=fft, taper=taper)
    x = sound()
    weights = scipy.signal.get_window(taper, 200, fftbins=True)
    _, _, expected = scipy.signal.spectrogram(
        x,
        fs=RATE,
        window=weights,
        noverlap=200 - hop,
        nfft=fft,
        detrend=False,
        scaling="spectrum",
        mode="psd",
    )
    # SciPy divides by (Σ w)² and doubles what stands for two frequencies.
    scale = np.full(expected.shape[0], 2.0)
    scale[0] = scale[-1] = 1.0
    expected = expected.T * weights.sum() ** 2 / scale
    np.testing.assert_allclose(given(layer, x), expected, rtol=1e-10, atol=1e-10)


def test_centred_frames_are_those_of_a_mirrored_sound():
    x = sound(500)
    expected = energies(np.pad(x, 50, mode="reflect"), 100, 25, 100)
    np.testing.assert_allclose(given(Spectrogram(100, center=True), x), expected, **CLOSE)


@pytest.mark.parametrize("power", [1.0, 2.0, 0.6])
def test_powers_and_logarithms_follow_the_equation(power):
    x = sound(600)
    squares = energies(x, 128, 32, 128)
    layer = Spectrogram(128, power=power)
    np.testing.assert_allclose(given(layer, x), squares ** (power / 2), **CLOSE)
    logarithms = np.log(np.maximum(squares ** (power / 2), 1e-2))
    layer = Spectrogram(128, power=power, log=True, floor=1e-2)
    np.testing.assert_allclose(given(layer, x), logarithms, **CLOSE)


def triangles(mels, fft, low, high, scale):
    """The filters as their definition has them, [mels, frequencies], point by point."""
    if scale == "htk":
        height = lambda f: 1127.0 * np.log1p(f / 700.0)  # noqa: E731
        points = height(np.arange(fft // 2 + 1) * RATE / fft)
        corners = np.linspace(height(low), height(high), mels + 2)
    else:
        step = np.log(6.4) / 27
        height = lambda f: np.where(  # noqa: E731
            f < 1000, f * 3 / 200, 15 + np.log(np.maximum(f, 1) / 1000) / step
        )
        points = np.arange(fft // 2 + 1) * RATE / fft
        corners = np.linspace(height(low), height(high), mels + 2)
        corners = np.where(corners < 15, corners * 200 / 3, 1000 * np.exp(step * (corners - 15)))
    filters = np.array([np.interp(points, corners[m : m + 3], [0, 1, 0]) for m in range(mels)])
    if scale == "slaney":
        filters *= 2 / (corners[2:] - corners[:-2])[:, None]
    return filters


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize(("low", "high"), [(0.0, None), (60.0, 3600.0)])
def test_a_mel_spectrogram_is_the_spectrogram_through_triangles(scale, low, high):
    layer = MelSpectrogram(200, rate=RATE, mels=20, low=low, high=high, scale=scale, fft=256)
    x = sound()
    filters = triangles(20, 256, low, high or RATE / 2, scale)
    # The constants of the two ways to write HTK's mel differ in the sixth digit.
    expected = energies(x, 200, 50, 256) @ filters.T
    np.testing.assert_allclose(given(layer, x), expected, rtol=2e-5, atol=1e-6)


def test_cepstral_coefficients_are_scipy_s_cosine_transform():
    options = {"rate": RATE, "mels": 20, "fft": 256}
    x = sound()
    logarithms = np.log(np.maximum(given(MelSpectrogram(200, **options), x), 1e-10))
    expected = scipy.fft.dct(logarithms, type=2, norm="ortho", axis=-1)[:, :13]
    np.testing.assert_allclose(given(MFCC(200, **options), x), expected, **CLOSE)


@pytest.mark.parametrize(
    ("scale", "pairs"),
    [
        ("htk", [(0.0, 0.0), (1000.0, 999.9855), (700.0, 2595 * np.log10(2))]),
        ("slaney", [(0.0, 0.0), (500.0, 7.5), (1000.0, 15.0), (6400.0, 42.0)]),
    ],
)
def test_a_mel_is_what_its_definition_says(scale, pairs):
    for frequency, height in pairs:
        assert mel(frequency, scale) == pytest.approx(height, abs=1e-3)


def test_a_silent_sound_has_finite_gradients():
    for layer in (Spectrogram(16, power=1), Spectrogram(16, log=True), MFCC(16, rate=100, mels=13)):
        silence = torch.zeros(1, 64, requires_grad=True)
        build(layer, 64)(silence).sum().backward()
        assert silence.grad.isfinite().all()
