"""Small ready architectures learn: digits of 8 × 8 pixels, discs in noise, codes, noise to take away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor, nn

from ranvier.nn import build
from ranvier.nn.penalties import collected_penalties
from ranvier.spec import Network
from ranvier.spec.architectures import (
    autoencoder,
    conv_autoencoder,
    convnext,
    dit,
    lenet,
    resnet,
    unet,
    vae,
    vit,
    wide_resnet,
)

TRAINING = 1297
SIDE = (8, 8, 1)


class Digits:
    """1,797 pictures of 8 × 8 pixels from 0 to 1 in a fixed random order, and what they show."""

    def __init__(self) -> None:
        X, y = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(X))
        self.rows = torch.tensor(X[order] / 16, dtype=torch.float32)
        self.pictures = self.rows.reshape(-1, *SIDE)
        self.labels = torch.tensor(y[order])


@pytest.fixture(scope="module")
def digits() -> Digits:
    return Digits()


def fit(
    module: nn.Module, loss: Callable[[Tensor], Tensor], *, steps: int, rate: float
) -> list[float]:
    """Adam over random batches of the training rows, up to `rate` and down again; the losses."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        with collected_penalties() as terms:
            value = loss(torch.randint(0, TRAINING, (64,)))
        (value + sum(terms)).backward()
        optimizer.step()
        schedule.step()
        losses.append(value.item())
    module.eval()
    return losses


@pytest.mark.parametrize(
    ("network", "steps", "rate", "mark"),
    [
        pytest.param(
            lenet(filters=(8, 16), kernel=3, padding=2, units=(64,), activation="relu", pool="max"),
            *(250, 1e-2, 0.94),
            id="lenet",
        ),
        pytest.param(resnet(20, blocks=(1, 1), filters=8), *(200, 1e-2, 0.96), id="resnet"),
        pytest.param(wide_resnet(10, 2, filters=4), *(150, 2e-2, 0.96), id="wide_resnet"),
        pytest.param(
            convnext(
                blocks=(1, 1), filters=(16, 32), classes=10, patch=2, kernel=3, layer_scale=0.1
            ),
            *(300, 5e-3, 0.93),
            id="convnext",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            vit(side=8, patch=2, units=64, depth=2, heads=4, hidden=128, classes=10),
            *(500, 6e-3, 0.88),
            id="vit",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_digits_are_told_apart(
    digits: Digits, network: Network, steps: int, rate: float, mark: float
) -> None:
    module = build(network, SIDE)
    pictures, labels = digits.pictures, digits.labels
    fit(
        module,
        lambda rows: F.cross_entropy(module(pictures[rows]), labels[rows]),
        steps=steps,
        rate=rate,
    )
    with torch.no_grad():
        answers = module(pictures[TRAINING:]).argmax(1)
    assert (answers == labels[TRAINING:]).double().mean().item() >= mark


LATENT = 4


@pytest.mark.parametrize(
    ("network", "input", "steps"),
    [
        pytest.param(autoencoder(64, hidden=(128, 64), latent=LATENT), (64,), 800, id="dense"),
        pytest.param(
            vae(64, hidden=(128, 64), latent=LATENT, divergence_weight=2e-4),
            *((64,), 1500),
            id="variational",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            conv_autoencoder(SIDE, filters=(16, 32), latent=LATENT),
            *(SIDE, 1500),
            id="convolutional",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_code_of_four_numbers_keeps_more_of_a_digit_than_four_principal_components(
    digits: Digits, network: Network, input: tuple[int, ...], steps: int
) -> None:
    module = build(network, input)
    rows = digits.rows.reshape(-1, *input)
    fit(module, lambda i: F.mse_loss(module(rows[i]), rows[i]), steps=steps, rate=3e-3)
    held_out = rows[TRAINING:]
    with torch.no_grad():
        error = F.mse_loss(module(held_out), held_out).item()
    known, others = digits.rows[:TRAINING].numpy(), digits.rows[TRAINING:].numpy()
    components = PCA(LATENT).fit(known)
    linear = components.inverse_transform(components.transform(others))
    assert error < 0.95 * np.square(linear - others).mean()


@pytest.mark.slow
def test_the_codes_of_a_variational_autoencoder_fill_the_space_that_is_drawn_from(
    digits: Digits,
) -> None:
    module = build(vae(64, hidden=(128, 64), latent=2), 64)
    rows = digits.rows
    fit(module, lambda i: F.mse_loss(module(rows[i]), rows[i]), steps=1500, rate=3e-3)
    with torch.no_grad():
        mean, log_variance = nn.Sequential(*list(module)[:2])(rows[TRAINING:]).chunk(2, dim=1)
    # The codes of all digits together are as wide as N(0, I), in each part that is in use.
    spread = mean.var(0) + log_variance.exp().mean(0)
    assert ((spread > 0.7) & (spread < 1.4)).all()
    assert mean.mean(0).abs().max() < 0.3


def discs(count: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """A disc somewhere in 16 × 16 pixels of noise, and which pixels are the disc's."""
    centre = torch.rand(count, 2, 1, 1, generator=draws) * 10 + 3
    radius = torch.rand(count, 1, 1, generator=draws) * 2 + 2
    row, column = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    inside = (row - centre[:, 0]) ** 2 + (column - centre[:, 1]) ** 2 < radius**2
    noise = torch.randn(count, 16, 16, generator=draws)
    return (0.6 * inside + 0.5 * noise).unsqueeze(-1), inside


def overlap(found: Tensor, inside: Tensor) -> float:
    return ((found & inside).sum() / (found | inside).sum()).item()


def test_a_unet_finds_discs_in_noise_that_no_threshold_finds() -> None:
    module = build(unet(filters=8, depth=2, padding="same", dropout=0.0), (16, 16, 1))
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    draws = torch.Generator().manual_seed(1)
    for _ in range(150):
        pictures, inside = discs(16, draws)
        optimizer.zero_grad()
        loss = F.cross_entropy(module(pictures).flatten(0, 2), inside.long().flatten())
        loss.backward()
        optimizer.step()
    pictures, inside = discs(200, draws)
    with torch.no_grad():
        found = module.eval()(pictures).argmax(-1).bool()
    thresholds = torch.linspace(0, 1, 21)
    best = max(overlap(pictures[..., 0] > threshold, inside) for threshold in thresholds)
    assert best < 0.35
    assert overlap(found, inside) > 0.6


@pytest.mark.slow
def test_a_dit_learns_to_tell_noise_from_digit_and_listens_to_the_label(digits: Digits) -> None:
    network = dit(
        shape=SIDE, units=32, depth=2, heads=4, classes=10, waves=32, learn_variance=False
    )
    module = build(network, {"picture": SIDE, "time": (), "label": ()})
    angle = torch.linspace(0.02, 1.5, 100)
    pictures, labels = 2 * digits.pictures - 1, digits.labels

    def errors(rows: Tensor, label: Tensor, step: Tensor) -> Tensor:
        noise = torch.randn(len(rows), *SIDE)
        turned = angle[step].reshape(-1, 1, 1, 1)
        blurred = turned.cos() * pictures[rows] + turned.sin() * noise
        return (module(blurred, 10.0 * step, label) - noise).square().mean((1, 2, 3))

    losses = fit(
        module,
        lambda rows: errors(rows, labels[rows], torch.randint(0, 100, (len(rows),))).mean(),
        steps=700,
        rate=3e-3,
    )
    # It starts by giving nothing, so that the loss is the noise's variance.
    assert losses[0] == pytest.approx(1.0, abs=0.1)
    assert np.mean(losses[-50:]) < 0.3
    rows = torch.arange(TRAINING, len(labels)).repeat(4)
    late = torch.full((len(rows),), 75)
    with torch.no_grad():
        torch.manual_seed(1)
        told = errors(rows, labels[rows], late)
        torch.manual_seed(1)
        misled = errors(rows, (labels[rows] + 3) % 10, late)
    worse = misled - told
    assert worse.mean() > 4 * worse.std() / len(rows) ** 0.5
