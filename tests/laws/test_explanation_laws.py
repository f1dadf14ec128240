"""Every method of explanation obeys the same laws, on networks of every kind.

B pictures, H × W pixels, C channels.
"""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import ranvier as rv
from ranvier.explain import METHODS, IntegratedGradients, Occlusion, attribute
from ranvier.spec.architectures.vit import vit

SHAPE = (12, 12, 3)


def convolutional() -> nn.Module:
    network = rv.Network(
        rv.Rescaling(1 / 255), rv.Conv(6, kernel=3, activation="relu"), rv.BatchNorm(),
        rv.Residual(rv.Conv(6, kernel=3, padding="same", activation="relu")), rv.MaxPool(2),
        rv.GlobalAveragePool(), rv.Dropout(0.5), rv.Dense(3),
    )  # fmt: skip
    return rv.build(network, SHAPE, seed=1)


def transformer() -> nn.Module:
    small = vit("tiny", patch=3, side=12, units=12, depth=2, heads=2, classes=3)
    module = rv.build(rv.Network(rv.Rescaling(1 / 255), *small.layers), SHAPE, seed=2)
    for parameter in list(module.parameters())[-2:]:  # The head begins at zero.
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    return module


class ChannelsSecond(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(inplace=True),
            nn.Dropout2d(0.5), nn.Conv2d(12, 3, 1),
        )  # fmt: skip

    def forward(self, pictures: Tensor) -> Tensor:
        return self.layers(pictures.movedim(-1, 1) / 255).mean((2, 3))


def channels_second() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return ChannelsSecond()


NETWORKS = (convolutional, transformer, channels_second)
of_every_network = pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
of_every_method = pytest.mark.parametrize("method", METHODS)


def pictures(count: int = 3) -> Tensor:
    made = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (count, *SHAPE), generator=made, dtype=torch.uint8)


@of_every_network
@of_every_method
def test_there_is_a_finite_number_for_every_pixel(make, method):
    found = attribute(make(), pictures(), method=method)
    assert tuple(found.heat.shape) == (3, *SHAPE[:2])
    # A map that leaves out what speaks against the answer may have nothing left of a picture.
    assert found.scores.isfinite().all() and found.heat.abs().max() > 0
    assert found.method.is_signed or found.scores.min() >= 0
    assert not found.scores.requires_grad


@of_every_network
@of_every_method
def test_the_network_is_left_as_it_was(make, method):
    module = make().train()
    next(iter(module.children())).eval()
    frozen, *_, marked = module.parameters()
    frozen.requires_grad_(False)
    marked.grad = torch.ones_like(marked)
    training = {name: each.training for name, each in module.named_modules()}
    state = copy.deepcopy(module.state_dict())
    drawn = torch.random.get_rng_state()
    attribute(module, pictures(), method=method)
    assert {name: each.training for name, each in module.named_modules()} == training
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    assert [each is frozen for each in module.parameters() if not each.requires_grad] == [True]
    assert torch.equal(marked.grad, torch.ones_like(marked))
    assert all(each.grad is None for each in module.parameters() if each is not marked)
    assert not any(each._forward_hooks for each in module.modules())
    assert torch.equal(torch.random.get_rng_state(), drawn)


@of_every_network
@of_every_method
def test_the_same_call_gives_the_same_numbers(make, method):
    module = make()
    first, second = (attribute(module, pictures(), method=method) for _ in range(2))
    assert torch.equal(first.scores, second.scores)


@of_every_network
@of_every_method
def test_a_picture_is_explained_alike_alone_and_among_others(make, method):
    module = make().double()
    # So many that they go in several blocks.
    many = pictures(70)
    together = attribute(module, many, method=method).scores
    alone = attribute(module, many[69:], method=method).scores
    torch.testing.assert_close(together[69:], alone, rtol=1e-7, atol=1e-10)


@of_every_network
@of_every_method
def test_frozen_weights_are_explained_alike(make, method):
    module = make()
    expected = attribute(module, pictures(), method=method).scores
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        assert torch.equal(attribute(module, pictures(), method=method).scores, expected)


def likeness(one: Tensor, other: Tensor) -> float:
    """Spearman's correlation of the sizes of two maps."""
    ranks = [each.abs().flatten().argsort().argsort().double() for each in (one, other)]
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])


@of_every_network
@of_every_method
def test_a_map_depends_on_what_was_learnt(make, method):
    """The sanity check of Adebayo et al. 2018, arXiv:1810.03292: other weights, another map."""
    module = make()
    trained = attribute(module, pictures(8), method=method, targets=1).heat
    made = torch.Generator().manual_seed(11)
    for parameter in module.parameters():
        if parameter.dim() > 1:
            # The same weights in other places, so that nothing but what they mean is lost.
            order = torch.randperm(parameter.numel(), generator=made)
            parameter.data = parameter.data.flatten()[order].view(parameter.shape).clone()
    shuffled = attribute(module, pictures(8), method=method, targets=1).heat
    found = [likeness(a, b) for a, b in zip(trained, shuffled, strict=True)]
    assert sum(found) / len(found) < 0.5


@st.composite
def networks_and_pictures(draw) -> tuple[nn.Module, Tensor]:
    seed = draw(st.integers(0, 2**20))
    activation = draw(st.sampled_from(["relu", "gelu", "tanh", "silu"]))
    filters = draw(st.integers(1, 4))
    channels = draw(st.sampled_from([1, 3]))
    network = rv.Network(
        rv.Rescaling(1 / 255), rv.Conv(filters, kernel=3, activation=activation),
        rv.Flatten(), rv.Dense(5, activation=activation), rv.Dense(2),
    )  # fmt: skip
    module = rv.build(network, (6, 5, channels), seed=seed).double()
    made = torch.Generator().manual_seed(seed)
    return module, torch.randint(0, 256, (2, 6, 5, channels), generator=made, dtype=torch.uint8)


@settings(max_examples=25, deadline=None)
@given(
    networks_and_pictures(),
    st.one_of(st.floats(0, 255), st.sampled_from(["black", "mean", "border", "blur"])),
)
def test_integrated_gradients_are_complete(drawn, baseline):
    """Σ s = f(x) − f(b), and `error` is what the sum misses; more steps, a smaller miss."""
    module, bytes_ = drawn
    few, many = (
        attribute(module, bytes_, method=IntegratedGradients(steps=steps, baseline=baseline))
        for steps in (4, 400)
    )
    from ranvier.explain.baseline import baseline_of

    with torch.no_grad():
        pixels = bytes_.double()
        rises = module(pixels) - module(baseline_of(pixels, baseline))
    rise = rises.gather(1, few.targets[:, None]).squeeze(1)
    torch.testing.assert_close(few.error, few.scores.sum((1, 2, 3)) - rise)
    assert (many.error.abs() <= 1e-3 + 0.02 * rise.abs()).all()
    unchanged = pixels == baseline_of(pixels, baseline)
    assert not many.scores[unchanged].any()


@settings(max_examples=25, deadline=None)
@given(networks_and_pictures())
def test_one_window_over_all_takes_everything_away(drawn):
    """Occlusion by a window as large as the picture: f(x) − f(b) everywhere."""
    module, bytes_ = drawn
    square = bytes_[:, :5]
    module = rv.build(module.description, tuple(square.shape[1:]), seed=3).double()
    found = attribute(module, square, method=Occlusion(window=5, stride=5, baseline=9.0))
    with torch.no_grad():
        lost = module(square.double()) - module(torch.full_like(square.double(), 9.0))
    expected = lost.gather(1, found.targets[:, None])[:, :, None].expand(-1, 5, 5)
    torch.testing.assert_close(found.scores, expected)
