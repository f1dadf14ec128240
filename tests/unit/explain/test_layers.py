"""Which layer Grad-CAM looks at."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import ranvier as rv
from ranvier.core.errors import NetworkError, UnknownNameError
from ranvier.explain import attribute
from ranvier.spec.architectures.vit import vit


def layer_of(module: nn.Module, shape: tuple[int, ...] = (12, 12, 1), **options) -> str | None:
    pictures = torch.randint(0, 256, (2, *shape), generator=torch.Generator().manual_seed(1))
    return attribute(module, pictures.float(), **options).layer


def built(*layers: rv.Layer) -> nn.Module:
    return rv.build(rv.Network(*layers), (12, 12, 1), seed=1)


def test_it_is_the_last_one_with_places():
    module = built(rv.Conv(4, kernel=3), rv.Conv(5, kernel=3), rv.GlobalAveragePool(), rv.Dense(2))
    assert layer_of(module) == "conv_1"


def test_it_comes_after_the_activation_and_before_the_pooling():
    module = built(
        rv.Conv(4, kernel=3), rv.BatchNorm(), rv.Activation("silu"), rv.Dropout(0.1),
        rv.MaxPool(2), rv.Dropout(0.2), rv.Flatten(), rv.Dense(2),
    )  # fmt: skip
    assert layer_of(module) == "dropout_3"


def test_it_comes_after_the_sum_of_a_residual_block():
    module = built(
        rv.Conv(4, kernel=3), rv.Residual(rv.Conv(4, kernel=3, padding="same")),
        rv.GlobalAveragePool(), rv.Dense(2),
    )  # fmt: skip
    assert layer_of(module) == "residual_1"


def test_maps_too_small_to_point_at_anything_are_passed_over():
    fine = (rv.Conv(4, kernel=3), rv.MaxPool(2), rv.Conv(4, kernel=3, stride=2))
    assert layer_of(built(*fine, rv.GlobalAveragePool(), rv.Dense(2))) == "conv_0"
    coarse = (rv.Conv(4, kernel=3, stride=4), rv.Conv(4, kernel=2))
    assert layer_of(built(*coarse, rv.GlobalAveragePool(), rv.Dense(2))) == "conv_1"


def test_the_end_of_a_block_that_pools_is_passed_over():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sigmoid(), nn.MaxPool2d(2))
            self.head = nn.Linear(4, 2)

        def forward(self, pictures: Tensor) -> Tensor:
            return self.head(self.block(pictures.movedim(-1, 1)).mean((2, 3)))

    assert layer_of(Net()) == "block.1"


def test_layers_that_only_prepare_the_pixels_are_none():
    module = built(rv.Rescaling(1 / 255), rv.Flatten(), rv.Dense(4, activation="relu"), rv.Dense(2))
    with pytest.raises(NetworkError) as caught:
        layer_of(module)
    assert str(caught.value) == (
        "Sequential: no layer holds a map of the picture, as that of a convolution does, so there "
        "is none for grad_cam to look at. Use integrated_gradients or occlusion, which need none."
    )


def test_of_a_transformer_it_is_the_last_row_of_patches_that_the_answer_hangs_on():
    def network(pool):
        made = vit("tiny", patch=4, side=12, units=8, depth=2, heads=2, classes=2, pool=pool)
        module = rv.build(made, (12, 12, 1))
        nn.init.normal_(list(module.parameters())[-2], generator=torch.Generator().manual_seed(1))
        return module

    averaged = network("mean")
    names = [name for name, _ in averaged.named_modules()]
    assert names[-3:-2] == [layer_of(averaged)] == [n for n in names if "layer_norm" in n][-1:]
    # A class token reads the patches for the last time inside the last block.
    assert str(layer_of(network("token"))).startswith("repeat_3.1.")


def test_what_an_in_place_activation_overwrites_is_kept():
    class Net(nn.Module):
        def __init__(self, *, inplace: bool) -> None:
            super().__init__()
            self.convolve = nn.Conv2d(1, 4, 3)
            self.inplace = inplace
            self.head = nn.Linear(4, 2)

        def forward(self, pictures: Tensor) -> Tensor:
            hidden = F.relu(self.convolve(pictures.movedim(-1, 1)), inplace=self.inplace)
            return self.head(hidden.mean((2, 3)))

    plain, writing = Net(inplace=False), Net(inplace=True)
    writing.load_state_dict(plain.state_dict())
    pictures = torch.rand(3, 9, 9, 1, generator=torch.Generator().manual_seed(1))
    first, second = (attribute(module, pictures, targets=1) for module in (plain, writing))
    assert first.layer == second.layer == "convolve"
    assert torch.equal(first.scores, second.scores)


def test_the_last_call_of_a_layer_that_is_called_twice_counts():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolve = nn.Conv2d(1, 1, 1)
            nn.init.constant_(self.convolve.weight, 2.0)
            nn.init.constant_(self.convolve.bias, 0.0)

        def forward(self, pictures: Tensor) -> Tensor:
            view = pictures.movedim(-1, 1)
            return self.convolve(self.convolve(view)).mean((2, 3))

    pictures = torch.rand(1, 4, 4, 1, generator=torch.Generator().manual_seed(1))
    found = attribute(Twice(), pictures)
    torch.testing.assert_close(found.scores[0], 4 * pictures[0, :, :, 0] / 16)


def test_an_unknown_path_is_answered_with_the_nearest():
    module = built(rv.Conv(4, kernel=3), rv.GlobalAveragePool(), rv.Dense(2))
    with pytest.raises(UnknownNameError) as caught:
        layer_of(module, layer="conv_1")
    assert str(caught.value) == "layer 'conv_1': Did you mean 'conv_0'?"


def test_a_layer_without_places_is_refused():
    module = built(rv.Conv(4, kernel=3), rv.GlobalAveragePool(), rv.Dense(2))
    with pytest.raises(NetworkError) as caught:
        layer_of(module, layer="dense_2")
    assert str(caught.value) == (
        "layer 'dense_2': gives (1, 2); expected a map of the picture, [B, h, w, C], [B, C, h, w] "
        "or a row of patches [B, T, C]. Name a convolution or a block before the pooling."
    )


def test_a_layer_that_the_answer_does_not_come_through_is_refused():
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3)

        def forward(self, pictures: Tensor) -> Tensor:
            view = pictures.movedim(-1, 1)
            self.unused(view)
            return self.used(view).mean((2, 3))

    assert layer_of(Beside()) == "used"
    with pytest.raises(NetworkError, match="'unused': the answer has no gradient .* Name another"):
        layer_of(Beside(), layer="unused")
