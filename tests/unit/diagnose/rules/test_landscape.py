"""What gradients and weights tell of the loss around them: symptoms 19, 20 and 53."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.diagnose.histories import HEALTHY, STUCK, Training, found, is_silent


def test_gradients_with_three_times_as_much_chance_as_direction_are_noisy():
    finding = found(STUCK.scored("probe", gradient_noise=3.1), 19)
    assert (finding.severity, finding.category) == ("information", "optimizer")
    assert (finding.where, finding.cure) == ("the batches", "larger_batches")
    assert finding.evidence == {"noise": 3.1}
    assert is_silent(STUCK.scored("probe", gradient_noise=2.9), 19)


def test_noise_is_usual_where_the_network_learns():
    assert is_silent(HEALTHY.scored("probe", gradient_noise=30.0), 19)


def test_noise_is_the_median_of_the_last_three_evaluations():
    assert is_silent(STUCK.scored("probe", gradient_noise=[9.0, 1.0, 1.0, 9.0]), 19) is False
    assert is_silent(STUCK.scored("probe", gradient_noise=[1.0] * 9 + [9.0]), 19)


def curved(relative: float, times: int, *, kind: str = "SGD") -> Training:
    """λ η / 2 is so large at so many of twenty evaluations; the learning rate is 10⁻³."""
    sharpness = [1.0] * (20 - times) + [2 * relative / 1e-3] * times
    return HEALTHY.knowing(optimizer={"kind": kind}).scored("probe", sharpness=sharpness)


@pytest.mark.parametrize("relative", [0.82, 1.0, 1.18])
def test_curvature_just_short_of_too_large_in_three_of_ten_is_the_edge_of_stability(relative):
    finding = found(curved(relative, 6), 20)
    assert (finding.severity, finding.category) == ("information", "learning_rate")
    assert finding.where == "the loss"
    assert finding.evidence == {"share": 0.3, "sharpness": pytest.approx(2000 * relative)}


def test_curvature_below_or_above_the_edge_or_too_rarely_at_it_is_not_the_edge():
    assert is_silent(curved(0.78, 20), 20)
    assert is_silent(curved(1.22, 20), 20)
    assert is_silent(curved(1.0, 5), 20)


def test_the_edge_is_one_of_plain_descent():
    assert is_silent(curved(1.0, 20, kind="Adam"), 20)


def with_alphas(*alphas: float | None) -> Training:
    return replace(HEALTHY, alphas=alphas)


@pytest.mark.parametrize(
    ("beyond", "within"),
    [
        ((1.9, 1.7, 1.8, 3.0, 3.0), (2.1, 1.7, 1.8, 3.0, 3.0)),
        ((6.1, 7.0, 7.1, 3.0, 3.0), (5.9, 7.0, 7.1, 3.0, 3.0)),
    ],
)
def test_exponents_beyond_the_usual_in_most_layers_are_worth_knowing(beyond, within):
    finding = found(with_alphas(*beyond), 53)
    assert (finding.severity, finding.category) == ("information", "epochs")
    assert finding.where == "the weights"
    assert finding.evidence == {"median_alpha": sorted(beyond)[2], "layers": 5}
    assert is_silent(with_alphas(*within), 53)


def test_layers_without_an_exponent_do_not_count():
    assert is_silent(with_alphas(1.5, None), 53)
    assert found(with_alphas(1.5, 1.6, None), 53).evidence["layers"] == 2
