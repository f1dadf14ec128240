"""Explanations on the same networks and numbers as captum's.

Captum's conventions, and what is held against them: `Saliency` takes sizes, as ours; its `occlusion`
averages over the windows on a pixel, the last ones cut at the edge, as ours; `LayerGradCam` cuts
what is below zero only when told, reads channels second only, and leaves the map as coarse as the
layer is; `NoiseTunnel` averages what it is given, sizes of gradients where that is `Saliency`.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from captum.attr import (
    InputXGradient,
    LayerAttribution,
    LayerGradCam,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from torch import Tensor, nn

import ranvier as rv
from ranvier import explain as ours
from ranvier.core.random import stream_seed

CLASSES = 4
SHAPE = (20, 15, 3)


class ChannelsSecond(nn.Module):
    """A network of somebody else's, that moves the channels first and calls its layers itself."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.act = nn.ReLU(inplace=True)
        self.last = nn.Conv2d(6, 5, 3, stride=2)
        self.head = nn.Linear(5, CLASSES)

    def forward(self, pictures: Tensor) -> Tensor:
        hidden = self.act(self.norm(self.stem(pictures.movedim(-1, 1) / 255)))
        hidden = self.last(F.max_pool2d(hidden, 2, 1))
        return self.head(F.relu(hidden).mean((2, 3)))


def convolutional() -> nn.Module:
    network = rv.Network(
        rv.Rescaling(1 / 255),
        rv.Conv(6, kernel=3, activation="relu"),
        rv.MaxPool(2),
        rv.Conv(5, kernel=2, activation="gelu"),
        rv.Flatten(),
        rv.Dense(CLASSES),
    )
    return rv.build(network, SHAPE)


def residual() -> nn.Module:
    network = rv.Network(
        rv.Normalization(mean=(90.0, 120.0, 140.0), variance=(4000.0, 5000.0, 6000.0)),
        rv.Conv(6, kernel=3, padding="same"),
        rv.BatchNorm(),
        rv.Activation("relu"),
        rv.Residual(rv.Conv(6, kernel=3, padding="same"), rv.BatchNorm()),
        rv.Activation("relu"),
        rv.GlobalAveragePool(),
        rv.Dense(CLASSES),
    )
    return rv.build(network, SHAPE)


def pictures(count: int = 3) -> Tensor:
    made = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (count, *SHAPE), generator=made, dtype=torch.uint8)


def ready(make) -> nn.Module:
    """In float64, with statistics of batches that are not those it began with."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = make().double()
        module.train()
        for _ in range(3):
            module(pictures(16).double())
    return module.eval()


NETWORKS = {make.__name__: make for make in (convolutional, residual, ChannelsSecond)}


@pytest.fixture(params=NETWORKS)
def module(request) -> nn.Module:
    return ready(NETWORKS[request.param])


@pytest.fixture
def asked() -> Tensor:
    return pictures().double().requires_grad_()


TARGETS = torch.tensor([2, 0, 3])


def scores(module: nn.Module, method) -> Tensor:
    return ours.attribute(module, pictures(), method=method, targets=TARGETS).scores


def agree(found: Tensor, expected: Tensor, *, digits: int = 9) -> None:
    assert expected.abs().max() > 0
    expected, near = expected.detach().double(), 10.0**-digits
    torch.testing.assert_close(found, expected, rtol=near, atol=near * float(expected.abs().max()))


def test_saliency(module, asked):
    agree(scores(module, "saliency"), Saliency(module).attribute(asked, TARGETS))


def test_input_x_gradient(module, asked):
    agree(scores(module, "input_x_gradient"), InputXGradient(module).attribute(asked, TARGETS))


@pytest.mark.parametrize("steps", [1, 7, 70])
def test_integrated_gradients(module, asked, steps):
    found = ours.attribute(
        module, pictures(), method=ours.IntegratedGradients(steps=steps, baseline=40.0),
        targets=TARGETS,
    )  # fmt: skip
    expected, error = CaptumIntegratedGradients(module).attribute(
        asked, 40.0, TARGETS, n_steps=steps, return_convergence_delta=True
    )
    # Captum's places and weights of the integral are rounded to single precision.
    agree(found.scores, expected, digits=6)
    torch.testing.assert_close(found.error, error.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("window", "stride"), [(1, 1), (3, 2), (4, 3), (5, 5), (9, 4)])
def test_occlusion(module, asked, window, stride):
    found = scores(module, ours.Occlusion(window=window, stride=stride, baseline=100.0))
    expected = Occlusion(module).attribute(
        asked.detach(),
        sliding_window_shapes=(window, window, SHAPE[-1]),
        strides=(stride, stride, SHAPE[-1]),
        baselines=100.0,
        target=TARGETS,
    )
    for channel in range(SHAPE[-1]):
        agree(found, expected[..., channel], digits=5)  # Captum adds up in single precision.


def test_smooth_grad_averages_gradients_before_it_takes_sizes(module):
    method = ours.SmoothGrad(samples=70, noise=0.2, seed=1)
    noise = torch.Generator().manual_seed(stream_seed(1, "smooth_grad"))
    drawn = torch.stack([torch.randn(SHAPE, generator=noise) for _ in range(70)]).double()
    expected = []
    for picture, target in zip(pictures().double(), TARGETS, strict=True):
        noisy = picture + 0.2 * (picture.max() - picture.min()) * drawn
        gradients = Saliency(module).attribute(noisy.requires_grad_(), int(target), abs=False)
        expected.append(gradients.mean(0).abs())
    agree(scores(module, method), torch.stack(expected))


def test_smooth_grad_without_noise_is_what_a_noise_tunnel_without_noise_gives(module, asked):
    tunnel = NoiseTunnel(Saliency(module))
    expected = tunnel.attribute(asked, nt_samples=3, stdevs=0.0, target=TARGETS)
    agree(scores(module, ours.SmoothGrad(samples=3, noise=0.0)), expected)


def grad_cam_of_captum(module: nn.Module, layer: nn.Module, asked: Tensor) -> Tensor:
    coarse = LayerGradCam(module, layer).attribute(asked, TARGETS, relu_attributions=True)
    return LayerAttribution.interpolate(coarse, SHAPE[:2], "bilinear").squeeze(1)


@pytest.mark.parametrize("path", ["stem", "norm", "last", None])
def test_grad_cam_of_a_network_with_channels_second(asked, path):
    module = ready(ChannelsSecond)
    expected = grad_cam_of_captum(module, module.get_submodule(path or "last"), asked)
    agree(scores(module, ours.GradCam(layer=path)), expected)


class Moved(nn.Module):
    """Channels moved, so that captum finds them where it looks."""

    def __init__(self, source: int, destination: int) -> None:
        super().__init__()
        self.axes = source, destination

    def forward(self, input: Tensor) -> Tensor:
        return input.movedim(*self.axes)


@pytest.mark.parametrize(
    ("make", "path"),
    [(convolutional, "conv_1"), (convolutional, "conv_3"), (residual, "residual_4"),
     (residual, "batch_norm_2"), (residual, "activation_5"), (residual, "conv_1")],
)  # fmt: skip
def test_grad_cam_of_a_network_with_features_last(asked, make, path):
    module = ready(make)
    names = [name for name, _ in module.named_children()]
    place = names.index(path) + 1
    layers = list(module.children())
    there, back = Moved(-1, 1), Moved(1, -1)
    rebuilt = nn.Sequential(*layers[:place], there, back, *layers[place:])
    agree(scores(module, ours.GradCam(layer=path)), grad_cam_of_captum(rebuilt, there, asked))


@pytest.mark.parametrize(("make", "path"), [(convolutional, "conv_3"), (residual, "activation_5")])
def test_without_a_path_grad_cam_looks_at_the_last_map_before_pooling(make, path):
    module = ready(make)
    found = ours.attribute(module, pictures(), targets=TARGETS)
    assert found.layer == path
    agree(found.scores, scores(module, ours.GradCam(layer=path)))
