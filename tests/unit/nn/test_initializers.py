"""What an initialiser draws: its variance, its shape, its ends; structure where it has one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from ranvier.core.errors import NetworkError
from ranvier.nn import build
from ranvier.nn.initializers import fill_
from ranvier.spec import Activation, Dense, Initializer, Network, Parameter, PReLU

FAN_IN, FAN_OUT = 300, 200


def drawn(initializer: Initializer | str, shape=(FAN_OUT, FAN_IN), *, seed=0, fans=None):
    started = Initializer(initializer) if isinstance(initializer, str) else initializer
    fan_in, fan_out = fans or (shape[-1], shape[0])
    tensor = torch.full(shape, torch.nan)
    fill_(tensor, Parameter(shape, started, fan_in, fan_out), seed=seed, path="weight")
    return tensor


def uniform(variance: float):
    reach = math.sqrt(3 * variance)
    return stats.uniform(-reach, 2 * reach)


def normal(variance: float):
    return stats.norm(0, math.sqrt(variance))


def cut_normal(variance: float):
    return stats.truncnorm(-2, 2, scale=math.sqrt(variance / stats.truncnorm(-2, 2).var()))


def scaling(**parameters) -> Initializer:
    return Initializer("variance_scaling", **parameters)


AVERAGE = (FAN_IN + FAN_OUT) / 2
LAWS = {
    "he_normal": (Initializer("he_normal"), normal(2 / FAN_IN)),
    "he_uniform": (Initializer("he_uniform"), uniform(2 / FAN_IN)),
    "glorot_normal": (Initializer("glorot_normal"), normal(1 / AVERAGE)),
    "glorot_uniform": (Initializer("glorot_uniform"), uniform(1 / AVERAGE)),
    "lecun_normal": (Initializer("lecun_normal"), normal(1 / FAN_IN)),
    "lecun_uniform": (Initializer("lecun_uniform"), uniform(1 / FAN_IN)),
    "scaled": (scaling(), normal(1 / FAN_IN)),
    "scaled by 3, fan_out, uniform": (
        scaling(scale=3, mode="fan_out", distribution="uniform"),
        uniform(3 / FAN_OUT),
    ),
    "scaled, fan_avg, cut": (
        scaling(scale=0.5, mode="fan_avg", distribution="truncated_normal"),
        cut_normal(0.5 / AVERAGE),
    ),
    "normal": (Initializer("normal", mean=1, std=0.3), stats.norm(1, 0.3)),
    "uniform": (Initializer("uniform", low=-1, high=2), stats.uniform(-1, 3)),
    "truncated_normal": (
        Initializer("truncated_normal", mean=1, std=0.5),
        stats.truncnorm(-2, 2, loc=1, scale=0.5),
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_an_initializer_draws_from_the_distribution_that_it_states(name):
    initializer, law = LAWS[name]
    weight = drawn(initializer).double().numpy().ravel()
    assert stats.kstest(weight, law.cdf).pvalue > 0.01
    assert weight.mean() == pytest.approx(law.mean(), abs=5 * law.std() / math.sqrt(weight.size))
    assert weight.var() == pytest.approx(law.var(), rel=0.02)
    low, high = law.support()
    assert low - 1e-6 <= weight.min() and weight.max() <= high + 1e-6


def test_what_is_drawn_tells_the_distributions_apart():
    weight = drawn("he_normal").double().numpy().ravel()
    assert stats.kstest(weight, uniform(2 / FAN_IN).cdf).pvalue < 1e-6
    assert stats.kstest(weight, normal(1 / FAN_IN).cdf).pvalue < 1e-6


@pytest.mark.parametrize(
    ("scaled", "same"),
    [
        (scaling(scale=2), "he_normal"),
        (scaling(scale=2, distribution="uniform"), "he_uniform"),
        (scaling(mode="fan_avg"), "glorot_normal"),
        (scaling(mode="fan_avg", distribution="uniform"), "glorot_uniform"),
        (scaling(), "lecun_normal"),
        (scaling(distribution="uniform"), "lecun_uniform"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_variance_scaling_holds_the_named_ones(scaled, same):
    torch.testing.assert_close(drawn(scaled), drawn(same), rtol=1e-6, atol=0)


def test_constants():
    assert torch.equal(drawn("zeros"), torch.zeros(FAN_OUT, FAN_IN))
    assert torch.equal(drawn("ones"), torch.ones(FAN_OUT, FAN_IN))
    assert torch.equal(
        drawn(Initializer("constant", value=-2)), torch.full((FAN_OUT, FAN_IN), -2.0)
    )


def test_an_identity_dense_layer_gives_its_input_and_drops_or_pads_where_widths_differ():
    rows = torch.randn(5, 4)
    assert torch.equal(build(Dense(4, initializer="identity"), 4)(rows), rows)
    assert torch.equal(build(Dense(3, initializer="identity"), 4)(rows), rows[:, :3])
    twice = build(Dense(6, initializer=Initializer("identity", gain=2)), 4)(rows)
    assert torch.equal(twice, F.pad(2 * rows, (0, 2)))


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (8, 3, 2, 2), (6, 2, 5)], ids=str)
def test_an_orthogonal_start_has_orthogonal_rows_or_columns(shape):
    rows = drawn(Initializer("orthogonal", gain=2.0), shape).double().reshape(shape[0], -1)
    small = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
    torch.testing.assert_close(small, 4 * torch.eye(len(small)).double(), rtol=0, atol=1e-5)


def test_an_orthogonal_square_keeps_every_length_through_thirty_layers():
    layers = [Dense(32, initializer="orthogonal") for _ in range(30)]
    rows = torch.randn(10, 32)
    norms = build(Network(*layers), 32)(rows).norm(dim=1)
    torch.testing.assert_close(norms, rows.norm(dim=1), rtol=1e-4, atol=0)


def test_a_sparse_start_leaves_each_unit_the_same_number_of_inputs():
    weight = drawn(Initializer("sparse", sparsity=0.85, std=0.5), (100, 40))
    heard = weight != 0
    assert torch.equal(heard.sum(dim=1), torch.full((100,), 6))
    assert (heard.sum(dim=0) > 0).all() and heard.sum(dim=0).unique().numel() > 3
    assert weight[heard].std().item() == pytest.approx(0.5, rel=0.1)
    kernels = drawn(Initializer("sparse", sparsity=0.5), (4, 3, 2, 2))
    assert torch.equal((kernels != 0).flatten(1).sum(dim=1), torch.full((4,), 6))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_sparse_start_may_be_full_or_empty(share):
    weight = drawn(Initializer("sparse", sparsity=share), (10, 20))
    assert (weight == 0).float().mean().item() == share


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_dirac_convolution_gives_its_input(axes, groups):
    convolve = [F.conv1d, F.conv2d, F.conv3d][axes - 1]
    channels = 4
    weight = drawn(Initializer("dirac", groups=groups), (channels, channels // groups, *[3] * axes))
    image = torch.randn(2, channels, *[6] * axes)
    assert torch.equal(convolve(image, weight, padding=1, groups=groups), image)


@pytest.mark.parametrize(
    ("initializer", "shape", "message"),
    [
        (
            Initializer("dirac"),
            (4, 3),
            "weight: got a weight of shape (4, 3) to start as 'dirac'; expected 3 to 5 axes. "
            "It is for convolutions; 'identity' is its like for matrices.",
        ),
        (
            Initializer("identity"),
            (4, 3, 2),
            "weight: got a weight of shape (4, 3, 2) to start as 'identity'; expected 2 axes. "
            "It is for matrices; 'dirac' is its like for convolutions.",
        ),
        (
            Initializer("orthogonal"),
            (4,),
            "weight: got a weight of shape (4,) to start as 'orthogonal'; expected 2 axes or more.",
        ),
        (
            Initializer("dirac", groups=3),
            (4, 1, 3),
            "weight: got a weight of shape (4, 1, 3) to start as 'dirac' with 3 groups; expected "
            "a first axis that 3 divides.",
        ),
    ],
)
def test_a_weight_that_cannot_start_so_is_refused(initializer, shape, message):
    with pytest.raises(NetworkError) as caught:
        drawn(initializer, shape)
    assert str(caught.value) == message


@pytest.mark.parametrize("initializer", ["sparse", "orthogonal", "variance_scaling"])
def test_what_is_drawn_is_a_function_of_the_seed_alone(initializer):
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = drawn(initializer, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(5)
    assert torch.equal(drawn(initializer, seed=3), first)
    assert not torch.equal(drawn(initializer, seed=4), first)


KEPT = ["linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "mish", "tanh", "hard_tanh"]


@pytest.mark.parametrize("function", KEPT)
def test_the_start_that_suits_an_activation_keeps_the_signal_through_twenty_layers(function):
    module = build(Network(*[Dense(256, activation=function)] * 20), 256)
    outputs = module(torch.randn(64, 256)).detach()
    assert 0.02 < outputs.square().mean().item() < 20
    # And rows that were different stay so.
    assert np.corrcoef(outputs.numpy()[:2])[0, 1] < 0.999


@pytest.mark.parametrize("function", ["relu", "leaky_relu", "selu"])
def test_with_another_start_the_signal_dies_out_or_grows(function):
    other = "he_normal" if function == "selu" else "glorot_normal"
    layers = [Dense(256, activation=function, initializer=other)] * 20
    outputs = build(Network(*layers), 256)(torch.randn(64, 256))
    assert not 0.02 < outputs.square().mean().item() < 20


@pytest.mark.parametrize("layer", [PReLU(), Activation("leaky_relu")], ids=repr)
def test_a_dense_layer_before_a_layer_that_is_a_rectifier_starts_as_suits_it(layer):
    module = build(Network(Dense(FAN_OUT), layer), FAN_IN)
    assert module[0].weight.var().item() == pytest.approx(2 / FAN_IN, rel=0.02)
