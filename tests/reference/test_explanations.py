"""Explanations in closed form: of networks simple enough that every map is known.

B pictures, H × W pixels, C channels, K classes.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ranvier import explain
from ranvier.core.random import stream_seed

SHAPE = (4, 6, 2)


class Linear(nn.Module):
    """f_k(x) = Σ w_k x + b_k."""

    def __init__(self) -> None:
        super().__init__()
        made = torch.Generator().manual_seed(1)
        self.weight_KHWC = nn.Parameter(torch.randn(3, *SHAPE, generator=made).double())
        self.bias_K = nn.Parameter(torch.randn(3, generator=made).double())

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.einsum("bhwc,khwc->bk", pictures, self.weight_KHWC) + self.bias_K


class Quadratic(Linear):
    """f_k(x) = Σ w_k x²."""

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.einsum("bhwc,khwc->bk", pictures**2, self.weight_KHWC)


@pytest.fixture
def linear() -> Linear:
    return Linear()


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(2)).double()


TARGETS = torch.tensor([2, 0])


def of(module: nn.Module, pictures: Tensor, method) -> explain.Attribution:
    return explain.attribute(module, pictures, method=method, targets=TARGETS)


def test_the_saliency_of_a_linear_network_is_the_size_of_its_weights(linear, pictures):
    found = of(linear, pictures, "saliency")
    torch.testing.assert_close(found.scores, linear.weight_KHWC[TARGETS].abs().detach())
    torch.testing.assert_close(found.heat, linear.weight_KHWC[TARGETS].abs().amax(-1).detach())


def test_smooth_grad_of_a_linear_network_is_its_saliency(linear, pictures):
    smooth = of(linear, pictures, explain.SmoothGrad(samples=5, noise=0.5))
    torch.testing.assert_close(smooth.scores, of(linear, pictures, "saliency").scores)


def test_smooth_grad_of_a_square_is_the_gradient_at_the_mean_of_the_noisy_pictures(pictures):
    module = Quadratic()
    found = of(module, pictures, explain.SmoothGrad(samples=9, noise=0.3, seed=4))
    noise = torch.Generator().manual_seed(stream_seed(4, "smooth_grad"))
    mean = torch.stack([torch.randn(SHAPE, generator=noise) for _ in range(9)]).double().mean(0)
    for row, picture in enumerate(pictures):
        at = picture + 0.3 * (picture.max() - picture.min()) * mean
        expected = (2 * module.weight_KHWC[TARGETS[row]] * at).abs().detach()
        torch.testing.assert_close(found.scores[row], expected)


def test_input_x_gradient_of_a_linear_network_adds_up_to_the_score_without_its_bias(
    linear, pictures
):
    found = of(linear, pictures, "input_x_gradient")
    torch.testing.assert_close(
        found.scores.sum((1, 2, 3)), found.outputs - linear.bias_K[TARGETS].detach()
    )
    torch.testing.assert_close(found.heat, found.scores.sum(-1))


@pytest.mark.parametrize("baseline", [0.0, 0.25, "mean", "border", "blur"])
@pytest.mark.parametrize("steps", [1, 8])
def test_integrated_gradients_of_a_linear_network_are_weights_times_differences(
    linear, pictures, baseline, steps
):
    method = explain.IntegratedGradients(steps=steps, baseline=baseline)
    found = of(linear, pictures, method)
    without = stand_in(pictures, baseline)
    torch.testing.assert_close(
        found.scores, (linear.weight_KHWC[TARGETS] * (pictures - without)).detach()
    )
    torch.testing.assert_close(found.error, torch.zeros(2).double(), rtol=0, atol=1e-12)


def test_one_place_of_the_integral_is_exact_for_a_square(pictures):
    """Gauss's rule of n places is exact up to degree 2n − 1; the gradient of a square has 1."""
    module = Quadratic()
    found = of(module, pictures, explain.IntegratedGradients(steps=1, baseline=0.2))
    expected = (module.weight_KHWC[TARGETS] * (pictures - 0.2) * (pictures + 0.2)).detach()
    torch.testing.assert_close(found.scores, expected)


@pytest.mark.parametrize("baseline", [0.5, "black", "mean", "border", "blur"])
@pytest.mark.parametrize(("window", "stride"), [(1, 1), (2, 1), (3, 2), (4, 3)])
def test_the_occlusion_of_a_linear_network_is_the_mean_of_what_its_windows_add(
    linear, pictures, window, stride, baseline
):
    found = of(linear, pictures, explain.Occlusion(window, stride, baseline))
    height, width = SHAPE[:2]
    part_BHW = (linear.weight_KHWC[TARGETS] * (pictures - stand_in(pictures, baseline))).sum(-1)
    total, count = torch.zeros(2, height, width).double(), torch.zeros(height, width)
    top = 0
    while True:  # Windows go on until one reaches the edge.
        left = 0
        while True:
            place = (slice(top, top + window), slice(left, left + window))
            total[:, *place] += part_BHW[:, *place].sum((1, 2))[:, None, None].detach()
            count[place] += 1
            if left + window >= width:
                break
            left += stride
        if top + window >= height:
            break
        top += stride
    assert count.min() >= 1
    torch.testing.assert_close(found.scores, total / count)


def stand_in(pictures: Tensor, baseline: float | str) -> Tensor:
    """What takes the place of pixels, pixel by pixel."""
    without = torch.empty_like(pictures)
    count, height, width, channels = pictures.shape
    for row in range(count):
        for channel in range(channels):
            picture = pictures[row, :, :, channel]
            for i in range(height):
                for j in range(width):
                    without[row, i, j, channel] = {
                        "black": lambda: 0.0,
                        "mean": picture.mean,
                        "border": lambda of=picture: lower_median(frame(of)),
                        # A quarter of the shorter side on each side, cut at the edge.
                        "blur": lambda of=picture, i=i, j=j: of[
                            max(0, i - 1) : i + 2, max(0, j - 1) : j + 2
                        ].mean(),
                    }.get(baseline, lambda: baseline)()
    return without


def frame(picture: Tensor) -> list[float]:
    height, width = picture.shape
    return [
        float(picture[i, j])
        for i in range(height)
        for j in range(width)
        if i in (0, height - 1) or j in (0, width - 1)
    ]


def lower_median(values: list[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]


class Averaged(nn.Module):
    """f_k(x) = Σ_c v_kc · mean over the places of A_c, A = relu(U x): the network CAM is made for."""

    def __init__(self) -> None:
        super().__init__()
        made = torch.Generator().manual_seed(6)
        self.mix = nn.Linear(2, 5, bias=False, dtype=torch.float64)
        self.active = nn.ReLU()
        self.head = nn.Linear(5, 3, dtype=torch.float64)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=made).double()

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.active(self.mix(pictures)).mean((1, 2)))


def test_grad_cam_of_a_network_that_averages_its_map_is_the_map_weighed_by_the_head(pictures):
    """A class activation map (Zhou et al. 2016) over the number of places."""
    module = Averaged()
    found = of(module, pictures, "grad_cam")
    assert found.layer == "active"
    map_BHWC = torch.relu(pictures @ module.mix.weight.T)
    expected = torch.einsum("bhwc,bc->bhw", map_BHWC, module.head.weight[TARGETS]) / (4 * 6)
    torch.testing.assert_close(found.scores, expected.relu().detach())


def test_grad_cam_plus_plus_follows_its_equation_place_by_place(pictures):
    module = Averaged()
    found = of(module, pictures, "grad_cam_plus_plus")
    map_BHWC = torch.relu(pictures @ module.mix.weight.T).detach()
    head_KC = module.head.weight.detach()
    for row, target in enumerate(TARGETS.tolist()):
        weights = []
        for feature in range(5):
            # The gradient of a mean is the same everywhere.
            gradient = float(head_KC[target, feature]) / (4 * 6)
            activation = float(map_BHWC[row, :, :, feature].sum())
            whole = 2 * gradient**2 + activation * gradient**3
            weights.append(4 * 6 * gradient**2 / whole * max(0.0, gradient))
        assert any(weight > 0 for weight in weights)
        expected = (map_BHWC[row] @ torch.tensor(weights).double()).relu()
        torch.testing.assert_close(found.scores[row], expected)


def test_a_coarse_map_is_laid_over_the_picture_linearly():
    """Two places along a side of four: their middles lie at pixels 0.5 and 2.5."""

    class Coarse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.coarse = nn.Conv2d(1, 1, 2, stride=2, bias=False)
            nn.init.constant_(self.coarse.weight, 0.25)

        def forward(self, pictures: Tensor) -> Tensor:
            return self.coarse(pictures.movedim(-1, 1)).sum((1, 2, 3)).unsqueeze(1)

    picture = torch.zeros(1, 4, 4, 1)
    picture[:, :, 2:] = 8.0  # The left places are 0, the right ones 8.
    (row, *_) = explain.attribute(Coarse(), picture).scores[0]
    assert [round(float(value), 6) for value in row] == [0.0, 2.0, 6.0, 8.0]


def test_one_output_for_two_classes_speaks_against_the_first(pictures):
    class One(Linear):
        def forward(self, pictures: Tensor) -> Tensor:
            return super().forward(pictures)[:, :1]

    module = One()
    both = [
        explain.attribute(module, pictures, method="input_x_gradient", targets=k, is_pair=True)
        for k in (0, 1)
    ]
    weight = module.weight_KHWC[0].detach()
    torch.testing.assert_close(both[1].scores, pictures * weight)
    torch.testing.assert_close(both[0].scores, -both[1].scores)
    torch.testing.assert_close(both[0].outputs, -module(pictures)[:, 0].detach())


def test_the_lightness_of_heat_rises_evenly():
    """Oklab's lightness, from the bytes back: even steps within the rounding to bytes."""
    from ranvier.explain.colours import COLD, LEVELS, WARM, colour_table

    for hues in (WARM, COLD):
        lightness = [oklab_lightness(colour) for colour in colour_table(hues).tolist()]
        assert lightness[::4] == sorted(lightness[::4])
        even = [0.32 + 0.6 * level / (LEVELS - 1) for level in range(LEVELS)]
        assert max(abs(a - b) for a, b in zip(lightness, even, strict=True)) < 0.006


def oklab_lightness(colour: list[int]) -> float:
    """Ottosson's matrices from linear sRGB."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (byte / 255 for byte in colour)
    )
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
