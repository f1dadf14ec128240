"""Gradient noise and sharpness against what linear regression has in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ranvier.diagnose.probes.gradients import MICRO_BATCHES, Sharpness, gradient_noise


def regression(rows: int = 64) -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    model = nn.Linear(4, 1, bias=False).double()
    x = torch.randn(rows, 4, dtype=torch.float64)
    return model, x, x @ torch.ones(4, 1, dtype=torch.float64) + torch.randn(rows, 1)


def test_gradient_noise_is_that_of_the_gradients_of_micro_batches():
    model, x, y = regression()
    found = gradient_noise(model, nn.MSELoss(), x, y, batch_size=16)
    X, Y, w = x.numpy(), y.numpy(), model.weight.detach().numpy()
    rows = len(X) // MICRO_BATCHES
    g = np.stack(
        [
            (2 * X[m::MICRO_BATCHES].T @ (X[m::MICRO_BATCHES] @ w.T - Y[m::MICRO_BATCHES]) / rows)[
                :, 0
            ]
            for m in range(MICRO_BATCHES)
        ]
    )
    trace = rows * ((g - g.mean(0)) ** 2).sum() / (MICRO_BATCHES - 1)
    square = (g.mean(0) ** 2).sum() - trace / len(X)
    assert found == pytest.approx(np.sqrt(trace / 16 / square), rel=1e-5)


def test_gradient_noise_falls_with_the_batch_size_and_needs_rows():
    model, x, y = regression()
    noise = [gradient_noise(model, nn.MSELoss(), x, y, batch_size=b) for b in (4, 16)]
    assert noise[0] == pytest.approx(2 * noise[1])
    assert gradient_noise(model, nn.MSELoss(), x[:4], y[:4], batch_size=4) is None


def test_sharpness_comes_to_the_largest_eigenvalue_of_the_hessian():
    model, x, y = regression()
    hessian = 2 * x.numpy().T @ x.numpy() / len(x)
    sharpness = Sharpness()
    for _ in range(8):
        found = sharpness.measured(model, nn.MSELoss(), x, y)
    assert found == pytest.approx(np.linalg.eigvalsh(hessian).max(), rel=1e-3)
    assert model.weight.grad is None


def test_a_loss_without_curvature_has_no_sharpness():
    model, x, _ = regression()
    assert Sharpness().measured(model, lambda out, y: out.sum() + y.sum(), x, x) in (None, 0.0)
