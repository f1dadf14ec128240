"""How the output of a layer is read as a map, whatever its layout."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ranvier.explain.grid import Grid, grids_of, nearest_seen


@pytest.mark.parametrize(
    ("shape", "layouts"),
    [
        ((2, 7, 7, 64), ["features_last"]),
        ((2, 64, 7, 7), ["features_second"]),
        ((2, 26, 18, 26), ["features_last"]),  # of 30 × 20, by a convolution without padding
        ((2, 26, 26, 18), ["features_second"]),
        ((2, 8, 8, 8), ["features_last", "features_second"]),
        ((2, 50, 32), ["tokens"]),  # a class token and 7 × 7 patches
        ((2, 54, 32), ["tokens"]),  # four registers more
        ((2, 49, 32), ["tokens"]),
        ((2, 53, 32), []),
        ((2, 1, 1, 64), []),
        ((2, 64, 1, 1), []),
        ((2, 64), []),
        ((2, 3, 7, 7, 64), []),
    ],
)
def test_the_shape_says_which_readings_fit(shape, layouts):
    height, width = (30, 20) if 26 in shape else (28, 28)
    assert [grid.layout for grid in grids_of(shape, height, width)] == layouts


def test_patches_have_the_proportions_of_the_picture():
    assert grids_of((1, 3 * 6, 8), 30, 60) == [Grid("tokens", 3, 6)]
    assert grids_of((1, 1 + 6 * 3, 8), 60, 30) == [Grid("tokens", 6, 3)]


def test_every_layout_is_read_as_the_same_map():
    map_BhwC = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    assert Grid("features_last", 3, 4).read(map_BhwC) is map_BhwC
    second = map_BhwC.movedim(-1, 1)
    assert torch.equal(Grid("features_second", 3, 4).read(second), map_BhwC)
    tokens = torch.cat([torch.full((2, 1, 5), -1), map_BhwC.flatten(1, 2)], dim=1)
    assert torch.equal(Grid("tokens", 3, 4).read(tokens), map_BhwC)


class Convolution(nn.Module):
    """As many features as there are places along a side; the shape tells nothing."""

    def __init__(self, *, is_last: bool) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(1, 8, 3, padding=1)
        self.is_last = is_last

    def forward(self, pictures: Tensor) -> Tensor:
        map_BChw = self.convolve(pictures.movedim(-1, 1))
        return map_BChw.movedim(1, -1) if self.is_last else map_BChw


@pytest.mark.parametrize("is_last", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_where_the_shape_tells_nothing_a_place_sees_the_smaller_part(is_last, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = Convolution(is_last=is_last)
        pictures = torch.rand(1, 8, 8, 1).requires_grad_()
    output = module(pictures)
    found = nearest_seen(grids_of(output.shape, 8, 8), output, pictures)
    assert found.layout == ("features_last" if is_last else "features_second")


def test_a_map_that_sees_nothing_is_read_with_its_features_last():
    pictures = torch.rand(1, 8, 8, 1).requires_grad_()
    output = (pictures * 0).expand(1, 8, 8, 8)
    assert nearest_seen(grids_of(output.shape, 8, 8), output, pictures).layout == "features_last"
