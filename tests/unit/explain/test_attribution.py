"""What goes into an attribution, and what is refused in words."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import ranvier as rv
from ranvier.core.errors import ConfigError, DataError, NetworkError, UnknownNameError
from ranvier.explain import METHODS, IntegratedGradients, Occlusion, SmoothGrad, attribute
from ranvier.explain.subject import PIXELS


@pytest.fixture
def module() -> nn.Module:
    network = rv.Network(
        rv.Rescaling(1 / 255), rv.Conv(4, kernel=3, activation="relu"), rv.GlobalAveragePool(),
        rv.Dense(3),
    )  # fmt: skip
    return rv.build(network, (8, 8, 1), seed=1)


@pytest.fixture
def pictures() -> Tensor:
    made = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (4, 8, 8, 1), generator=made, dtype=torch.uint8)


def test_bytes_are_explained_as_the_numbers_that_they_are(module, pictures):
    for method in METHODS:
        of_bytes = attribute(module, pictures, method=method)
        of_numbers = attribute(module, pictures.float(), method=method)
        assert torch.equal(of_bytes.scores, of_numbers.scores)


def test_each_pictures_largest_output_is_explained_unless_told(module, pictures):
    with torch.no_grad():
        outputs = module(pictures)
    found = attribute(module, pictures)
    assert torch.equal(found.targets, outputs.argmax(1))
    torch.testing.assert_close(found.outputs, outputs.amax(1))
    told = attribute(module, pictures, targets=torch.tensor([2, 1, 0, 2]))
    torch.testing.assert_close(told.outputs, outputs[range(4), [2, 1, 0, 2]])
    assert attribute(module, pictures, targets=1).targets.tolist() == [1] * 4


def test_a_number_explains_itself(pictures):
    class Mean(nn.Module):
        def forward(self, pictures: Tensor) -> Tensor:
            return pictures.float().mean((1, 2, 3))

    found = attribute(Mean(), pictures, method="input_x_gradient")
    assert found.targets.tolist() == [0] * 4
    torch.testing.assert_close(found.scores.sum((1, 2, 3)), found.outputs)


@pytest.mark.parametrize("rows", [1, 63, 64, 65])
def test_pictures_go_through_in_blocks(rows):
    seen: list[int] = []

    class Watched(nn.Module):
        def forward(self, pictures: Tensor) -> Tensor:
            seen.append(len(pictures))
            return pictures.sum((1, 2)) ** 2

    pictures = torch.rand(rows, 4, 4, 2)
    for method in ("saliency", "smooth_grad", "integrated_gradients", "occlusion"):
        attribute(Watched(), pictures, method=method)
    assert max(seen) <= 64


def test_large_pictures_go_through_one_by_one():
    seen: list[int] = []

    class Watched(nn.Module):
        def forward(self, pictures: Tensor) -> Tensor:
            seen.append(len(pictures))
            return pictures.mean((1, 2))

    side = int(PIXELS**0.5) + 1
    attribute(Watched(), torch.rand(2, side, side, 1), method=IntegratedGradients(steps=3))
    assert set(seen) == {1}


def test_the_seed_makes_the_noise(module, pictures):
    first, again, other = (
        attribute(module, pictures, method=SmoothGrad(samples=4, seed=seed)).scores
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_method_is_named_or_spelled_out_or_given(module, pictures):
    given = attribute(module, pictures, method=Occlusion(window=2, stride=2))
    spelled = {"kind": "occlusion", "window": 2, "stride": 2}
    assert torch.equal(attribute(module, pictures, method=spelled).scores, given.scores)
    assert attribute(module, pictures, method="occlusion").method == Occlusion()


REFUSED = {
    "an unknown method": (
        {"method": "gradcam"},
        UnknownNameError,
        "unknown method of explanation 'gradcam'. Here it is called 'grad_cam'.",
    ),
    "a method that is near to none": (
        {"method": "salience"},
        UnknownNameError,
        "unknown method of explanation 'salience'. Did you mean 'saliency'?",
    ),
    "an unknown option": (
        {"method": {"kind": "occlusion", "windw": 3}},
        ConfigError,
        "method of explanation occlusion: unknown setting 'windw'. Did you mean 'window'?",
    ),
    "a layer of a method that looks at none": (
        {"method": "saliency", "layer": "conv_1"},
        ConfigError,
        "layer 'conv_1': saliency looks at no layer; expected one of grad_cam, grad_cam_plus_plus. "
        "Leave the layer out, or choose one of those.",
    ),
    "an output that there is not": (
        {"targets": 3},
        ConfigError,
        "targets: got 3; the network has outputs 0 to 2. Name one of those.",
    ),
    "an output before the first": (
        {"targets": torch.tensor([0, 1, -1, 2])},
        ConfigError,
        "targets: got -1; the network has outputs 0 to 2. Name one of those.",
    ),
    "targets of other pictures": (
        {"targets": torch.tensor([0, 1])},
        ConfigError,
        "targets: got shape (2,) for 4 pictures; expected one for all, or one a picture.",
    ),
    "a baseline that is no word of ours": (
        {"method": IntegratedGradients(baseline="blurr")},
        ConfigError,
        "baseline='blurr': expected a number or one of black, mean, border, blur. Did you mean "
        "'blur'?",
    ),
    "a window larger than the picture": (
        {"method": Occlusion(window=9)},
        ConfigError,
        "occlusion: window=9, stride=4 on pictures of 8 × 8; expected a window that fits into the "
        "picture, and a stride no longer than it, so that every pixel is covered once. Make them "
        "smaller.",
    ),
}


@pytest.mark.parametrize(("options", "kind", "words"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_is_refused(module, pictures, options, kind, words):
    with pytest.raises(kind) as caught:
        attribute(module, pictures, **options)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SmoothGrad(samples=0), "SmoothGrad: samples=0; expected at least 1."),
        (lambda: IntegratedGradients(steps=0), "IntegratedGradients: steps=0; expected at least 1"),
        (lambda: Occlusion(stride=0), "Occlusion: stride=0; expected at least 1 pixel."),
    ],
)
def test_options_out_of_range_are_refused(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def test_one_picture_without_its_batch_is_refused(module, pictures):
    with pytest.raises(DataError) as caught:
        attribute(module, pictures[0])
    assert str(caught.value) == (
        "pictures: got (8, 8, 1); expected a batch of pictures [B, H, W, C] with none of these "
        "zero. Put one picture in a batch of its own: picture[None]."
    )


def test_a_network_of_other_pictures_is_refused_with_its_own_words(module):
    with pytest.raises(NetworkError) as caught:
        attribute(module, torch.zeros(2, 8, 8, 3))
    words = str(caught.value)
    assert words.startswith("Sequential: called with pictures (2, 8, 8, 3), it said: ")
    assert words.endswith("or let its forward move the channels.")


def test_what_gives_a_picture_is_no_classifier(pictures):
    with pytest.raises(NetworkError) as caught:
        attribute(nn.Identity(), pictures.float())
    assert str(caught.value) == (
        "Identity: gives (4, 8, 8, 1) for pictures (4, 8, 8, 1); expected an output per class "
        "[B, classes], or one number [B]. Explain the part of the network that gives those."
    )


class Counted(nn.Module):
    """Nothing of it has a gradient."""

    def forward(self, pictures: Tensor) -> Tensor:
        return (pictures > 100).sum((1, 2)).float()


def test_a_network_without_a_gradient_is_refused_where_one_is_needed(pictures):
    with pytest.raises(NetworkError) as caught:
        attribute(Counted(), pictures, method="saliency")
    assert str(caught.value) == (
        "Counted: its output has no gradient with respect to the pixels; expected operations on "
        "floating-point numbers all the way. Use occlusion, which needs no gradient."
    )
    found = attribute(Counted(), pictures, method=Occlusion(window=1, stride=1, baseline=0.0))
    assert torch.equal(found.scores, (pictures[..., 0] > 100).float())


def test_a_network_that_takes_bytes_for_something_else_is_refused(pictures):
    class Scaling(nn.Module):
        def forward(self, pictures: Tensor) -> Tensor:
            numbers = pictures if pictures.is_floating_point() else pictures / 255
            return numbers.sum((1, 2))

    with pytest.raises(NetworkError, match="answers whole numbers otherwise than the same numbers"):
        attribute(Scaling(), pictures, method="saliency")
    attribute(Scaling(), pictures / 255, method="saliency")


def test_modes_come_back_after_an_error(module, pictures):
    module.train()
    with pytest.raises(ConfigError):
        attribute(module, pictures, targets=9)
    assert all(each.training for each in module.modules())
