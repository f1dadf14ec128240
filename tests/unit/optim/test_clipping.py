from __future__ import annotations

import math

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.optim import (
    clip_adaptively_,
    clip_by_global_norm_,
    clip_by_norm_,
    clip_by_value_,
    global_norm,
    norms,
)


def gradients() -> list[torch.Tensor]:
    return [torch.tensor([3.0, 0.0]), torch.tensor([[0.0, 4.0]]), torch.tensor(12.0)]


def test_norms_are_taken_of_each_tensor_and_of_all():
    each, total = norms(gradients())
    assert each.tolist() == [3.0, 4.0, 12.0]
    assert total.item() == global_norm(gradients()).item() == 13.0


def test_a_finite_norm_means_finite_gradients():
    for bad in (math.nan, math.inf):
        spoilt = [*gradients(), torch.tensor([0.0, bad])]
        assert not torch.isfinite(global_norm(spoilt))


def test_clipping_by_the_global_norm_keeps_the_direction():
    clipped = gradients()
    norm = clip_by_global_norm_(clipped, 1.3)
    assert norm.item() == 13.0
    torch.testing.assert_close(global_norm(clipped), torch.tensor(1.3))
    torch.testing.assert_close(clipped[0], torch.tensor([0.3, 0.0]))


def test_gradients_within_the_limit_keep_their_bits():
    clipped = gradients()
    clip_by_global_norm_(clipped, 14.0)
    clip_by_norm_(clipped, 13.0)
    clip_by_value_(clipped, 12.0)
    assert all(torch.equal(a, b) for a, b in zip(clipped, gradients(), strict=True))


def test_clipping_by_norm_takes_each_tensor_by_itself():
    clipped = gradients()
    before = clip_by_norm_(clipped, 3.5)
    assert before.tolist() == [3.0, 4.0, 12.0]
    torch.testing.assert_close(norms(clipped)[0], torch.tensor([3.0, 3.5, 3.5]))


def test_clipping_by_value_brings_every_element_within():
    clipped = [torch.tensor([-5.0, 0.5, 5.0])]
    clip_by_value_(clipped, 1.0)
    assert clipped[0].tolist() == [-1.0, 0.5, 1.0]


def test_known_norms_are_not_taken_again():
    clipped = gradients()
    clip_by_global_norm_(clipped, 1.0, norm=torch.tensor(2.0))
    torch.testing.assert_close(global_norm(clipped), torch.tensor(6.5))
    clipped = gradients()
    clip_by_norm_(clipped, 1.0, each=torch.tensor([2.0, 2.0, 2.0]))
    torch.testing.assert_close(norms(clipped)[0], torch.tensor([1.5, 2.0, 6.0]))


def test_clipping_can_be_captured_and_decides_at_every_replay():
    def clip(gradients):
        gradients = [g.clone() for g in gradients]
        return gradients, clip_by_global_norm_(gradients, 1.0)

    captured = make_fx(clip)([0.01 * g for g in gradients()])
    for scale in (0.01, 100.0):
        scaled = [scale * g for g in gradients()]
        (ours, norm), (eager, eager_norm) = captured(scaled), clip(scaled)
        assert torch.equal(norm, eager_norm)
        assert all(torch.equal(a, b) for a, b in zip(ours, eager, strict=True))


def test_adaptive_clipping_follows_its_equation_unit_by_unit():
    weights = [torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([6.0, 8.0])]
    clipped = [torch.tensor([[0.0, 10.0], [1.0, 0.0]]), torch.tensor([0.1, 0.0])]
    clip_adaptively_(clipped, weights, 0.1, smallest=0.01)
    # ‖row‖ = 5 allows 0.5; a row of zeros counts as 0.01; a bias of norm 10 allows 1.
    expected = [torch.tensor([[0.0, 0.5], [0.001, 0.0]]), torch.tensor([0.1, 0.0])]
    for found, wanted in zip(clipped, expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_adaptive_clipping_leaves_a_gradient_of_zero():
    clipped = [torch.zeros(3, 2), torch.zeros(())]
    clip_adaptively_(clipped, [torch.zeros(3, 2), torch.ones(())], 0.1)
    assert all(torch.count_nonzero(g) == 0 for g in clipped)
