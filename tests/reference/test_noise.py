"""What is random in training: its expectation, its spread, and that it is off in evaluation.

With n draws of spread s a mean lies within 5 s/√n, but for one time in two million.
"""

from __future__ import annotations

import math

import pytest
import torch

from ranvier.nn import build
from ranvier.spec import (
    AlphaDropout,
    Dropout,
    DropPath,
    FeatureAlphaDropout,
    GaussianDropout,
    GaussianNoise,
)

RANDOM = [
    Dropout(0.3),
    Dropout(0.3, axes=-1),
    Dropout(0.3, axes=0),
    DropPath(0.3),
    AlphaDropout(0.3),
    FeatureAlphaDropout(0.3),
    GaussianNoise(0.3),
    GaussianDropout(0.3),
]


def drawn(layer, rows, *, seed=0):
    torch.manual_seed(seed)
    return build(layer, tuple(rows.shape[1:])).train()(rows)


@pytest.mark.parametrize("layer", RANDOM, ids=repr)
def test_evaluation_passes_on_what_comes(layer):
    rows = torch.randn(4, 3, 5)
    assert torch.equal(build(layer, (3, 5)).eval()(rows), rows)


@pytest.mark.parametrize("layer", RANDOM, ids=repr)
def test_the_samples_of_a_batch_have_draws_of_their_own(layer):
    rows = torch.ones(64, 3, 5)
    outputs = drawn(layer, rows)
    assert len({tuple(row.flatten().tolist()) for row in outputs}) > 1


@pytest.mark.parametrize(
    ("layer", "one_draw"),
    [
        (Dropout(0.5), 1),
        (Dropout(0.5, axes=-1), 6),
        (Dropout(0.5, axes=(0, 2)), 3),
        (DropPath(0.5), 24),
        (FeatureAlphaDropout(0.5), 6),
    ],
    ids=repr,
)
def test_one_draw_holds_for_as_many_numbers_as_the_layer_says(layer, one_draw):
    outputs = drawn(layer, torch.ones(200, 2, 3, 4)).movedim(1, -1).reshape(200, 3, 4, 2)
    alike = {
        1: outputs.reshape(200, 24, 1),
        6: outputs.movedim(2, 1).reshape(200, 4, 6),
        3: outputs.movedim(1, -1).reshape(200, 8, 3),
        24: outputs.reshape(200, 1, 24),
    }[one_draw]
    assert (alike == alike[..., :1]).all()
    # Not every draw is the same, neither from sample to sample nor inside one.
    assert alike[..., 0].unique().numel() == 2
    assert alike.shape[1] == 1 or (alike[:, 0, 0] != alike[:, 1, 0]).any()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("axes", [None, -1])
def test_dropout_keeps_the_expectation_and_scales_by_the_rest(rate, axes):
    outputs = drawn(Dropout(rate, axes=axes), torch.full((20_000, 2), 2.0))
    kept = outputs[outputs != 0]
    assert torch.allclose(kept, torch.tensor(2.0 / (1 - rate)))
    share = kept.numel() / outputs.numel()
    assert share == pytest.approx(1 - rate, abs=5 * math.sqrt(rate * (1 - rate) / 40_000))
    spread = 2.0 * math.sqrt(rate / (1 - rate))
    assert outputs.mean().item() == pytest.approx(2.0, abs=5 * spread / math.sqrt(40_000))


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_drop_path_leaves_whole_samples_out_and_keeps_the_expectation(rate):
    outputs = drawn(DropPath(rate), torch.full((20_000, 3), 2.0))[:, 0]
    values = {round(value, 5) for value in outputs.tolist()}
    assert values == {0.0, round(2.0 / (1 - rate), 5)}
    spread = 2.0 * math.sqrt(rate / (1 - rate))
    assert outputs.mean().item() == pytest.approx(2.0, abs=5 * spread / math.sqrt(20_000))


@pytest.mark.parametrize("rate", [0.1, 0.4])
@pytest.mark.parametrize("kind", [AlphaDropout, FeatureAlphaDropout])
def test_alpha_dropout_keeps_mean_and_variance(rate, kind):
    rows = torch.randn(40_000, 3, generator=torch.Generator().manual_seed(1))
    outputs = drawn(kind(rate), rows)
    assert outputs.mean().item() == pytest.approx(0.0, abs=5 / math.sqrt(120_000))
    assert outputs.var().item() == pytest.approx(1.0, abs=0.03)
    # a = c (m x + (1 − m) α′) + d by the equation
    alpha = -1.0507009873554805 * 1.6732632423543772
    c = ((1 - rate) * (1 + rate * alpha**2)) ** -0.5
    d = -c * rate * alpha
    is_kept = torch.isclose(outputs, c * rows + d, atol=1e-5)
    is_silenced = torch.isclose(outputs, torch.tensor(c * alpha + d), atol=1e-5)
    assert (is_kept | is_silenced).all()
    assert is_silenced.float().mean().item() == pytest.approx(rate, abs=0.02)


def test_gaussian_noise_adds_what_it_says():
    rows = torch.full((40_000, 2), 3.0)
    noise = drawn(GaussianNoise(0.5), rows) - rows
    assert noise.mean().item() == pytest.approx(0.0, abs=5 * 0.5 / math.sqrt(80_000))
    assert noise.std().item() == pytest.approx(0.5, rel=0.02)
    # The fourth moment of a normal variable is three times its variance squared.
    assert (noise**4).mean().item() == pytest.approx(3 * 0.5**4, rel=0.06)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_gaussian_dropout_has_the_moments_of_dropout(rate):
    outputs = drawn(GaussianDropout(rate), torch.full((40_000, 2), 3.0))
    deviation = 3.0 * math.sqrt(rate / (1 - rate))
    assert outputs.mean().item() == pytest.approx(3.0, abs=5 * deviation / math.sqrt(80_000))
    assert outputs.std().item() == pytest.approx(deviation, rel=0.02)
