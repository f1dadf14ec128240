"""Activations and initialisers against torch.nn on the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.nn import build
from ranvier.nn.initializers import fill_
from ranvier.spec import (
    ACTIVATIONS,
    GLU,
    Activation,
    Initializer,
    Parameter,
    PReLU,
    RReLU,
)

ROWS = 4 * torch.randn(64, 6, generator=torch.Generator().manual_seed(0))

TORCH = {
    "linear": nn.Identity(),
    "relu": nn.ReLU(),
    "relu6": nn.ReLU6(),
    "leaky_relu": nn.LeakyReLU(),
    "threshold": nn.Threshold(1.0, 0.0),
    "elu": nn.ELU(),
    "celu": nn.CELU(),
    "selu": nn.SELU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU(approximate="tanh"),
    "silu": nn.SiLU(),
    "mish": nn.Mish(),
    "hard_silu": nn.Hardswish(),
    "softplus": nn.Softplus(),
    "sigmoid": nn.Sigmoid(),
    "hard_sigmoid": nn.Hardsigmoid(),
    "log_sigmoid": nn.LogSigmoid(),
    "tanh": nn.Tanh(),
    "hard_tanh": nn.Hardtanh(),
    "softsign": nn.Softsign(),
    "tanh_shrink": nn.Tanhshrink(),
    "soft_shrink": nn.Softshrink(),
    "hard_shrink": nn.Hardshrink(),
    "softmax": nn.Softmax(dim=-1),
    "softmin": nn.Softmin(dim=-1),
    "log_softmax": nn.LogSoftmax(dim=-1),
}
PARAMETERS = [
    (Activation("leaky_relu", slope=0.2), nn.LeakyReLU(0.2)),
    (Activation("threshold", threshold=0.3, value=-7), nn.Threshold(0.3, -7)),
    (Activation("elu", alpha=0.5), nn.ELU(0.5)),
    (Activation("celu", alpha=0.5), nn.CELU(0.5)),
    (Activation("softplus", beta=2), nn.Softplus(2)),
    (Activation("hard_tanh", low=-2, high=3), nn.Hardtanh(-2, 3)),
    (Activation("soft_shrink", threshold=1), nn.Softshrink(1)),
    (Activation("hard_shrink", threshold=1), nn.Hardshrink(1)),
    (GLU(), nn.GLU()),
    (PReLU(shared=True), nn.PReLU()),
    (PReLU(), nn.PReLU(6)),
    (RReLU(lower=0.1, upper=0.2), nn.RReLU(0.1, 0.2).eval()),
]


def described(value) -> str:
    """Ours alone: what others print may hold an address, another in every process."""
    return repr(value) if type(value).__module__.startswith("ranvier") else ""


def gradient(module: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    rows = ROWS.clone().requires_grad_()
    outputs = module(rows)
    (outputs * torch.linspace(-1, 1, outputs.numel()).view_as(outputs)).sum().backward()
    return outputs.detach(), rows.grad


def agree(layer, expected: nn.Module) -> None:
    for found, wanted in zip(gradient(build(layer, 6).eval()), gradient(expected), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)


def test_only_what_torch_has_not_is_left_out():
    assert set(ACTIVATIONS) - set(TORCH) == {
        *("exponential", "squareplus", "sparse_plus", "sparse_sigmoid", "sparsemax")
    }


@pytest.mark.parametrize("name", TORCH)
def test_an_activation_is_torch_s(name):
    agree(Activation(name), TORCH[name])


@pytest.mark.parametrize(("layer", "expected"), PARAMETERS, ids=described)
def test_its_parameters_mean_what_torch_s_mean(layer, expected):
    agree(layer, expected)


def test_rrelu_in_training_is_torch_s_and_is_captured_with_its_slopes_drawn_anew():
    module = build(RReLU(), 6).train()
    graph = make_fx(module)(ROWS)
    torch.manual_seed(1)
    captured = [graph(ROWS), graph(ROWS)]
    torch.manual_seed(1)
    expected = [nn.RReLU()(ROWS), nn.RReLU()(ROWS)]
    assert all(torch.equal(found, wanted) for found, wanted in zip(captured, expected, strict=True))
    assert not torch.equal(*captured)


def drawn(initializer: Initializer, shape: tuple[int, ...]) -> torch.Tensor:
    tensor = torch.empty(shape)
    fill_(tensor, Parameter(shape, initializer, shape[1], shape[0]), seed=0, path="weight")
    return tensor


@pytest.mark.parametrize(
    ("ours", "torch_s"),
    [
        ("he_normal", nn.init.kaiming_normal_),
        ("he_uniform", nn.init.kaiming_uniform_),
        ("glorot_normal", nn.init.xavier_normal_),
        ("glorot_uniform", nn.init.xavier_uniform_),
    ],
)
def test_an_initializer_has_torch_s_variance(ours, torch_s):
    torch.manual_seed(0)
    expected = torch_s(torch.empty(400, 500))
    weight = drawn(Initializer(ours), (400, 500))
    assert weight.var().item() == pytest.approx(expected.var().item(), rel=0.02)
    # The same kind of tail: a uniform ends at √3 standard deviations, a normal goes on.
    assert (weight.abs().max() < 2 * weight.std()) == (expected.abs().max() < 2 * expected.std())


@pytest.mark.parametrize(
    ("ours", "torch_s", "shape"),
    [
        (Initializer("identity"), nn.init.eye_, (4, 6)),
        (Initializer("dirac"), nn.init.dirac_, (4, 4, 3, 3)),
        (Initializer("dirac", groups=2), lambda t: nn.init.dirac_(t, 2), (4, 2, 4)),
    ],
    ids=["identity", "dirac", "dirac in groups"],
)
def test_a_start_without_chance_is_torch_s(ours, torch_s, shape):
    assert torch.equal(drawn(ours, shape), torch_s(torch.empty(shape)))
