"""Activations and initialisers against Keras on the same numbers, its defaults made ours.

Where a default differs, the case gives ours the other's value, and docs/conventions.md lists it.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import inspect
import math

import keras
import numpy as np
import pytest
import torch

from ranvier.nn import build
from ranvier.nn.initializers import fill_
from ranvier.spec import ACTIVATIONS, GLU, Activation, Initializer, Parameter, PReLU

K = keras.activations
ROWS = np.random.default_rng(0).normal(scale=3, size=(64, 6)).astype("float32")

# Ours by Keras's name for it, with Keras's defaults spelled out where ours are others.
SAME = {
    **{name: Activation(name) for name in ACTIVATIONS if hasattr(K, name)},
    "leaky_relu": Activation("leaky_relu", slope=0.2),
    "glu": GLU(),
}
ARGUMENTS = {"threshold": {"threshold": 1.0, "default_value": 0.0}}
NEVER_KERAS_S = {"gelu_tanh", "softmin"}


def described(value) -> str:
    """Ours alone: what others print may hold an address, another in every process."""
    return repr(value) if type(value).__module__.startswith("ranvier") else ""


def value_and_slope(function, rows):
    z = torch.from_numpy(rows).requires_grad_()
    a = function(z)
    (a * torch.linspace(-1, 1, a.numel()).view_as(a)).sum().backward()
    return a.detach().numpy(), z.grad.numpy()


def agree(layer, function, rows=ROWS):
    module = build(layer, rows.shape[1:]).eval()
    for found, wanted in zip(
        value_and_slope(module, rows), value_and_slope(function, rows), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


def test_every_activation_of_keras_is_compared():
    named = {name for name, f in vars(K).items() if inspect.isfunction(f)}
    aliases = {"swish", "hard_swish"}
    assert named - aliases - {"get", "serialize", "deserialize"} == set(SAME)
    assert set(ACTIVATIONS) - set(SAME) == NEVER_KERAS_S


@pytest.mark.parametrize("name", sorted(set(SAME) - {"sparsemax"}))
def test_an_activation_is_keras_s(name):
    agree(SAME[name], lambda z: getattr(K, name)(z, **ARGUMENTS.get(name, {})))


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (Activation("elu", alpha=0.5), lambda z: K.elu(z, alpha=0.5)),
        (Activation("celu", alpha=0.5), lambda z: K.celu(z, alpha=0.5)),
        (Activation("gelu_tanh"), lambda z: K.gelu(z, approximate=True)),
        (Activation("squareplus", b=2), lambda z: K.squareplus(z, b=2)),
        (Activation("soft_shrink", threshold=1), lambda z: K.soft_shrink(z, threshold=1)),
        (Activation("hard_shrink", threshold=1), lambda z: K.hard_shrink(z, threshold=1)),
        (Activation("hard_tanh", low=0, high=2), lambda z: K.relu(z, max_value=2)),
    ],
    ids=described,
)
def test_its_parameters_mean_what_keras_s_mean(layer, function):
    agree(layer, function)


def test_sparsemax_is_keras_s_where_one_number_stays_and_alone_adds_up_to_1_elsewhere():
    """Keras 3.15 takes Σ over j ≤ k of the first j numbers' sums for the first k numbers' sum."""
    alone = np.array([[3.0, 1.0, -2.0], [0.0, 0.0, 4.0]], "float32")
    agree(Activation("sparsemax"), K.sparsemax, alone)
    close = torch.tensor([[0.2, 0.1]])
    torch.testing.assert_close(
        build(Activation("sparsemax"), 2)(close), torch.tensor([[0.55, 0.45]])
    )
    torch.testing.assert_close(K.sparsemax(close), torch.tensor([[0.45, 0.35]]))


def test_the_leaky_relu_layer_of_keras_leaks_more_than_its_function():
    agree(Activation("leaky_relu", slope=0.3), keras.layers.LeakyReLU())


def test_prelu_with_keras_s_slopes_shared_over_the_places():
    rows = np.random.default_rng(1).normal(size=(8, 5, 6)).astype("float32")
    theirs = keras.layers.PReLU(shared_axes=[1])
    theirs.build(rows.shape)
    slopes = np.linspace(-0.5, 0.5, 6, dtype="float32")
    theirs.set_weights([slopes[None]])
    ours = build(PReLU(), (5, 6))
    with torch.no_grad():
        ours.weight.copy_(torch.from_numpy(slopes))
    for found, wanted in zip(
        value_and_slope(ours, rows), value_and_slope(theirs, rows), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def drawn(initializer: Initializer, shape: tuple[int, int]) -> np.ndarray:
    """In torch's layout [out, in]; Keras's is [in, out]."""
    tensor = torch.empty(shape)
    fill_(tensor, Parameter(shape, initializer, shape[1], shape[0]), seed=0, path="weight")
    return tensor.numpy()


def values_of(tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


I = keras.initializers  # noqa: E741
STARTS = {
    "he_normal": (Initializer("he_normal"), I.HeNormal(0)),
    "he_uniform": (Initializer("he_uniform"), I.HeUniform(0)),
    "glorot_normal": (Initializer("glorot_normal"), I.GlorotNormal(0)),
    "glorot_uniform": (Initializer("glorot_uniform"), I.GlorotUniform(0)),
    "lecun_normal": (Initializer("lecun_normal"), I.LecunNormal(0)),
    "lecun_uniform": (Initializer("lecun_uniform"), I.LecunUniform(0)),
    "normal": (Initializer("normal"), I.RandomNormal(seed=0)),
    "uniform": (Initializer("uniform"), I.RandomUniform(seed=0)),
    "truncated_normal": (Initializer("truncated_normal"), I.TruncatedNormal(seed=0)),
    **{
        f"variance_scaling {mode} {distribution}": (
            Initializer("variance_scaling", scale=2, mode=mode, distribution=distribution),
            I.VarianceScaling(
                2, mode, {"normal": "untruncated_normal"}.get(distribution, distribution), 0
            ),
        )
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("normal", "truncated_normal", "uniform")
    },
}


@pytest.mark.parametrize("name", STARTS)
def test_an_initializer_has_keras_s_mean_and_variance(name):
    ours, theirs = STARTS[name]
    found = drawn(ours, (400, 500))
    wanted = values_of(theirs((500, 400)))
    assert found.var() == pytest.approx(wanted.var(), rel=0.02)
    assert found.mean() == pytest.approx(
        wanted.mean(), abs=6 * float(wanted.std()) / math.sqrt(2e5)
    )


@pytest.mark.parametrize("name", ["he_normal", "glorot_normal", "lecun_normal"])
def test_keras_cuts_the_tails_of_its_normals_and_ours_are_whole(name):
    ours, theirs = STARTS[name]
    wanted = values_of(theirs((500, 400)))
    # With torch beneath it Keras gives up after four tries, so one number in 10⁵ lies beyond.
    assert np.quantile(np.abs(wanted), 0.9999) < 2.3 * wanted.std()
    assert np.quantile(np.abs(drawn(ours, (400, 500))), 0.9999) > 3.5 * wanted.std()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Initializer("zeros"), I.Zeros()),
        (Initializer("ones"), I.Ones()),
        (Initializer("constant", value=0.3), I.Constant(0.3)),
        (Initializer("identity", gain=2), I.Identity(2)),
    ],
    ids=described,
)
def test_a_start_without_chance_is_keras_s(ours, theirs):
    wanted = values_of(theirs((6, 4))).T
    np.testing.assert_array_equal(drawn(ours, (4, 6)), wanted)


@pytest.mark.parametrize("shape", [(8, 12), (12, 8)])
def test_orthogonal_is_as_orthogonal_as_keras_s(shape):
    wanted = values_of(I.Orthogonal(1.5, seed=0)(shape[::-1])).T
    for weight in (drawn(Initializer("orthogonal", gain=1.5), shape), wanted):
        values = np.linalg.svd(weight, compute_uv=False)
        np.testing.assert_allclose(values, 1.5, rtol=1e-5)


def test_every_initializer_of_keras_is_compared():
    theirs = {found for _, found in vars(I).items() if inspect.isclass(found)}
    compared = {type(start) for _, start in STARTS.values()}
    compared |= {I.Zeros, I.Ones, I.Constant, I.Identity, I.Orthogonal}
    # The base class, and the Fourier basis of Keras's spectrogram layer, which are no starts.
    assert theirs - compared == {I.Initializer, I.STFT}
