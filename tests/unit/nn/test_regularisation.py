"""Penalties, constraints, frozen layers, weights made of others, and mixed samples, at work."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.core.errors import ConfigError, ShapeError
from ranvier.nn import build
from ranvier.nn.mixing import cutmix, mixup
from ranvier.nn.penalties import collected_penalties
from ranvier.spec import (
    ActivityPenalty,
    BatchNorm,
    Constrained,
    Dense,
    Dropout,
    DropPath,
    Embedding,
    Frozen,
    GroupNorm,
    LayerNorm,
    MemberDense,
    Network,
    Penalized,
    Residual,
    RMSNorm,
    SpectralNorm,
    WeightNorm,
)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def penalties_of(module, rows):
    with collected_penalties() as terms:
        module(rows)
    return sum(terms)


def test_layers_that_torch_has_are_torch_s_own():
    module = build(Network(LayerNorm(axes=2), RMSNorm(), GroupNorm(2)), (3, 4))
    assert type(module[0]) is nn.LayerNorm and module[0].normalized_shape == (3, 4)
    assert type(module[1]) is nn.RMSNorm and module[1].eps == 1e-6
    assert isinstance(module[2], nn.GroupNorm)


# Penalties.


def test_a_penalty_is_that_of_the_equation_on_weights_alone():
    module = build(Penalized([Dense(3), LayerNorm(axes=1), Dense(2)], l1=0.1, l2=0.2), 4)
    weights = [p for name, p in module.named_parameters() if "dense" in name and p.ndim == 2]
    expected = sum(0.1 * w.abs().sum() + 0.1 * w.square().sum() for w in weights)
    torch.testing.assert_close(penalties_of(module, torch.randn(5, 4)), expected)


def test_the_biases_of_an_ensemble_are_not_penalised():
    module = build(Penalized(MemberDense(3), l2=2.0), (2, 4))
    with torch.no_grad():
        module.layer.bias.fill_(100.0)
    expected = module.layer.weight.square().sum()
    torch.testing.assert_close(penalties_of(module, torch.randn(5, 2, 4)), expected)


@pytest.mark.parametrize("units", [3, 8], ids=["rows", "columns"])
def test_an_orthogonal_weight_costs_nothing_and_another_what_it_lacks(units):
    orthogonal = build(Penalized(Dense(units, initializer="orthogonal"), orthogonal=1.0), 5)
    assert penalties_of(orthogonal, torch.randn(2, 5)).item() == pytest.approx(0.0, abs=1e-9)
    with torch.no_grad():
        orthogonal.layer.weight.mul_(2.0)
    # W Wᵀ = 4 I, so each of the smaller number of rows or columns is 3 off.
    expected = 9.0 * min(units, 5)
    assert penalties_of(orthogonal, torch.randn(2, 5)).item() == pytest.approx(expected, rel=1e-5)


def test_activity_costs_per_sample():
    module = build(ActivityPenalty(l1=0.5, l2=2.0), (2, 3))
    rows = torch.randn(4, 2, 3)
    expected = (0.5 * rows.abs().sum() + rows.square().sum()) / 4
    torch.testing.assert_close(penalties_of(module, rows), expected)
    twice = torch.cat([rows, rows])
    torch.testing.assert_close(penalties_of(module, twice), expected)
    assert torch.equal(module(rows), rows)


@pytest.mark.parametrize("layer", [Penalized(Dense(3), l2=1.0), ActivityPenalty(l2=1.0)], ids=repr)
def test_nothing_is_added_in_evaluation(layer):
    module = build(layer, 4).eval()
    with collected_penalties() as terms:
        module(torch.randn(5, 4))
    assert terms == []


# Constraints.


def large(layer, shape=4):
    module = build(layer, shape)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(3 * torch.randn(parameter.shape, generator=seeded(0)))
    return module


def row_norms(module):
    return module.layer.weight.flatten(1).norm(dim=1)


def test_max_norm_shortens_what_is_too_long_and_leaves_the_rest():
    module = large(Constrained(Dense(5), "max_norm", limit=5.0))
    before, bias = module.layer.weight.detach().clone(), module.layer.bias.detach().clone()
    assert (before.norm(dim=1) > 5).any() and (before.norm(dim=1) < 5).any()
    module.constrain_()
    torch.testing.assert_close(row_norms(module), before.norm(dim=1).clamp(max=5.0))
    cosine = nn.functional.cosine_similarity(module.layer.weight, before)
    torch.testing.assert_close(cosine, torch.ones(5))
    assert torch.equal(module.layer.bias, bias)


@pytest.mark.parametrize("rate", [1.0, 0.25])
def test_min_max_norm_goes_a_share_of_the_way(rate):
    module = large(Constrained(Dense(5), "min_max_norm", low=4.5, high=5.0, rate=rate))
    before = row_norms(module).detach().clone()
    module.constrain_()
    expected = rate * before.clamp(4.5, 5.0) + (1 - rate) * before
    torch.testing.assert_close(row_norms(module), expected)


def test_unit_norm_gives_every_unit_length_one():
    module = large(Constrained([Dense(5), Dense(3)], "unit_norm"))
    module.constrain_()
    for name in ("dense_0", "dense_1"):
        norms = module.layer.get_submodule(name).weight.norm(dim=1)
        torch.testing.assert_close(norms, torch.ones_like(norms))


def test_non_negative_holds_for_biases_too():
    module = large(Constrained(Dense(5), "non_negative"))
    before = [p.detach().clone() for p in module.parameters()]
    module.constrain_()
    assert all(
        torch.equal(p, b.clamp(min=0)) for p, b in zip(module.parameters(), before, strict=True)
    )


@pytest.mark.parametrize("constraint", ["max_norm", "min_max_norm", "unit_norm", "non_negative"])
def test_a_zero_weight_stays_finite_and_constraining_twice_changes_nothing(constraint):
    module = large(Constrained(Dense(5), constraint))
    with torch.no_grad():
        module.layer.weight[0].zero_()
    module.constrain_()
    once = module.layer.weight.detach().clone()
    module.constrain_()
    assert once.isfinite().all()
    torch.testing.assert_close(module.layer.weight.detach(), once)


# Frozen layers.


def test_training_passes_through_a_frozen_layer_and_leaves_it_as_it_is():
    network = Network(Dense(4), Frozen([Dense(4), BatchNorm(), Dropout(0.5)]), Dense(2))
    module = build(network, 3).train()
    before = copy.deepcopy(module.state_dict())
    rows = torch.randn(8, 3)
    assert torch.equal(module(rows), module(rows))
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    module(rows).square().sum().backward()
    optimizer.step()
    changed = {n for n, value in module.state_dict().items() if not torch.equal(value, before[n])}
    assert changed == {"dense_0.weight", "dense_0.bias", "dense_2.weight", "dense_2.bias"}


def test_the_weights_of_a_frozen_layer_still_start_from_the_seed():
    frozen = build(Network(Frozen(Dense(4))), 3, seed=1)
    again = build(Network(Frozen(Dense(4))), 3, seed=1)
    assert torch.equal(frozen[0].layer.weight, again[0].layer.weight)
    assert not frozen[0].layer.weight.requires_grad


# Weights made of others.


def test_a_weight_norm_layer_starts_as_the_layer_inside_would():
    plain = build(Network(Dense(6, activation="relu", name="one")), 4)
    network = Network(WeightNorm(Dense(6, activation="relu"), name="one"))
    module = build(network, 4)
    with torch.no_grad():
        module.one.layer.weight.copy_(plain.one.weight)
    module.one.settle_()
    rows = torch.randn(5, 4)
    torch.testing.assert_close(module(rows), plain(rows))
    fresh = build(network, 4)
    torch.testing.assert_close(fresh.one.effective("weight"), fresh.one.layer.weight)


@pytest.mark.parametrize("axis", [0, 1])
def test_weight_norm_agrees_with_torch_s_parametrisation(axis):
    module = build(WeightNorm(Dense(6), axis=axis), 4)
    linear = nn.Linear(4, 6)
    nn.utils.parametrizations.weight_norm(linear, dim=axis)
    with torch.no_grad():
        module.weight_scale.mul_(1.7)
        linear.parametrizations.weight.original0.copy_(module.weight_scale)
        linear.parametrizations.weight.original1.copy_(module.layer.weight)
        linear.bias.copy_(module.layer.bias)
    rows = torch.randn(5, 4)
    assert torch.equal(module(rows), linear(rows))


def test_spectral_norm_agrees_with_torch_s_parametrisation_step_by_step():
    module = build(SpectralNorm(Dense(6), iterations=2), 4)
    linear = nn.Linear(4, 6)
    nn.utils.parametrizations.spectral_norm(linear, n_power_iterations=2)
    own = linear.parametrizations.weight
    with torch.no_grad():
        own.original.copy_(module.layer.weight)
        own[0]._u.copy_(module.weight_left)
        own[0]._v.copy_(module.weight_right)
        linear.bias.copy_(module.layer.bias)
    rows = torch.randn(5, 4)
    for _ in range(3):
        torch.testing.assert_close(module(rows), linear(rows))
    module.eval(), linear.eval()
    torch.testing.assert_close(module(rows), linear(rows))


def test_spectral_norm_starts_with_the_singular_vectors_found():
    module = build(SpectralNorm(Dense(6)), 40, seed=5).eval()
    largest = torch.linalg.svdvals(module.effective("weight"))[0].item()
    assert largest == pytest.approx(1.0, abs=0.05)
    again = build(SpectralNorm(Dense(6)), 40, seed=5)
    assert torch.equal(module.weight_left, again.weight_left)


def test_two_calls_of_a_spectral_norm_layer_may_share_one_backward_pass():
    module = build(SpectralNorm(Dense(4)), 4)
    module(module(torch.randn(3, 4))).sum().backward()
    assert module.layer.weight.grad.isfinite().all()


@pytest.mark.parametrize(
    "layer",
    [WeightNorm(Dense(4)), SpectralNorm(Dense(4)), WeightNorm(Embedding(4, 3), axis=1)],
    ids=repr,
)
def test_training_with_weights_made_of_others_is_captured_with_its_buffers(layer):
    module = build(layer, 3).train()
    rows = torch.tensor([[0.0, 1.0, 2.0], [3.0, 1.0, 0.0]])

    def step(state, rows):
        return torch.func.functional_call(module, state, (rows,)).mean(), state

    def state():
        return {name: p.detach().clone() for name, p in module.state_dict().items()}

    graph = make_fx(step)(state(), rows)
    captured, after = graph(state(), rows)
    assert torch.equal(captured, module(rows).mean())
    assert all(torch.equal(after[name], value) for name, value in module.state_dict().items())


def test_group_norm_wants_gradients_of_its_weights_alone():
    module = build(Network(GroupNorm(2), Dense(3)), (4, 5, 6))
    module(torch.randn(2, 4, 5, 6)).sum().backward()
    rows = torch.randn(2, 4, 5, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(module(rows).sum(), [module[0].weight])
    assert gradient.isfinite().all()


def test_a_residual_branch_left_out_is_the_identity():
    module = build(Network(Residual(Dense(3), DropPath(0.5))), 3).train()
    rows = torch.randn(400, 3)
    torch.manual_seed(0)
    outputs = module(rows)
    inside = module[0].dense_0(rows)
    is_left_out = (outputs == rows).all(dim=1)
    assert 140 < is_left_out.sum() < 260
    torch.testing.assert_close(outputs[~is_left_out], (rows + 2 * inside)[~is_left_out])


# Mixed samples.


def batch(rows=12, classes=3):
    pictures = torch.arange(rows, dtype=torch.float32).view(-1, 1, 1, 1).expand(rows, 8, 6, 2)
    labels = nn.functional.one_hot(torch.arange(rows) % classes, classes).float()
    return pictures.clone(), labels


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_mixed_targets_say_how_much_of_each_sample_there_is(mix):
    pictures, _ = batch()
    identity = torch.eye(12)
    mixed, targets = mix(pictures, identity, alpha=1.0, generator=seeded(3))
    torch.testing.assert_close(targets.sum(1), torch.ones(12))
    # Sample i is everywhere the number i, so its mean is the mean of the numbers by their shares.
    torch.testing.assert_close(mixed.mean((1, 2, 3)), targets @ torch.arange(12.0))
    assert (targets.max(1).values < 1).any()


def test_cutmix_pastes_one_box_and_nothing_in_between():
    pictures, targets = batch()
    mixed, _ = cutmix(pictures, targets, generator=seeded(1))
    for picture in mixed:
        values = picture.unique()
        assert len(values) <= 2
        if len(values) == 2:
            boxes = [picture[..., 0] == value for value in values]
            extents = [box.any(1).sum() * box.any(0).sum() == box.sum() for box in boxes]
            assert any(extents)


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_mixing_is_a_function_of_the_generator_and_touches_nothing_else(mix):
    pictures, targets = batch()
    kept = pictures.clone(), targets.clone()
    state = torch.random.get_rng_state()
    first = mix(pictures, targets, generator=seeded(5))
    second = mix(pictures, targets, generator=seeded(5))
    other = mix(pictures, targets, generator=seeded(6))
    assert all(map(torch.equal, first, second))
    assert not torch.equal(first[1], other[1])
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(pictures, kept[0]) and torch.equal(targets, kept[1])


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_are_drawn_from_the_beta_distribution_for_each_sample(alpha):
    rows, targets = torch.zeros(20_000, 1), torch.eye(2).repeat(10_000, 1)
    _, mixed = mixup(rows, targets, alpha=alpha, generator=seeded(0))
    # Between two samples of different classes the share of the first is λ or 1 − λ, which is
    # Beta(α, α) as well: mean ½ and variance 1 / (4 (2α + 1)).
    share = mixed[:, 0][(mixed[:, 0] > 0) & (mixed[:, 0] < 1)]
    variance = 1 / (4 * (2 * alpha + 1))
    assert share.mean().item() == pytest.approx(0.5, abs=5 * math.sqrt(variance / len(share)))
    assert share.var().item() == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_what_cannot_be_mixed_is_refused(mix):
    pictures, targets = batch()
    with pytest.raises(ShapeError) as caught:
        mix(pictures, targets.argmax(1))
    assert str(caught.value) == (
        f"{mix.__name__}: got targets of shape (12,) for 12 samples; expected [12, classes]. "
        "Make class numbers one-hot first."
    )
    with pytest.raises(ConfigError, match=f"{mix.__name__}: got alpha=0; expected a number above"):
        mix(pictures, targets, alpha=0)


def test_cutmix_takes_pictures_only():
    with pytest.raises(ShapeError, match="cutmix: got inputs of shape .12, 5.; expected pictures"):
        cutmix(torch.zeros(12, 5), batch()[1])
