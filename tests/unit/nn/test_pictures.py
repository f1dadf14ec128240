"""Pictures resized, cropped and augmented: exact cases, statistics, and capture in training."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from ranvier.nn import build
from ranvier.nn.layers.augmentation import Movement, moved
from ranvier.nn.layers.colours import turned
from ranvier.nn.layers.policies import (
    CHANGES,
    USUAL,
    WIDE,
    autocontrasted,
    blurred,
    draw_changes,
    equalized,
    one_change,
)
from ranvier.spec import (
    CenterCrop,
    Network,
    RandAugment,
    RandomAffine,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomGrayscale,
    RandomHue,
    RandomPosterize,
    RandomRotation,
    RandomSaturation,
    RandomSolarize,
    RandomTranslation,
    RandomZoom,
    Resizing,
    TrivialAugment,
)
from tests.laws.examples.pictures import EXAMPLES

EXACT = {"rtol": 0, "atol": 2e-5}
RANDOM = [e.layer for e in EXAMPLES if not isinstance(e.layer, Resizing | CenterCrop)]


def pictures(rows=6, height=5, width=5, channels=3):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(rows, height, width, channels, generator=generator)


def drawn(layer, batch, *, seed=0):
    torch.manual_seed(seed)
    return build(layer, tuple(batch.shape[1:])).train()(batch)


def movement(batch, **changes):
    rows = batch.shape[0]
    still = {"rotation": 0, "right": 0, "down": 0, "slant": 0, "slant_down": 0, "zoom": 1}
    return Movement(**{k: torch.full((rows,), float(v)) for k, v in (still | changes).items()})


# Sizes.


def test_a_resized_picture_to_its_own_size_is_itself():
    batch = pictures()
    torch.testing.assert_close(build(Resizing(5, 5), (5, 5, 3))(batch), batch)


def test_doubling_with_the_nearest_repeats_every_point():
    batch = pictures()
    expected = batch.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(build(Resizing(10, 10, method="nearest"), (5, 5, 3))(batch), expected)


def test_halving_by_area_takes_means():
    batch = pictures(height=4, width=6)
    expected = batch.reshape(6, 2, 2, 3, 2, 3).mean((2, 4))
    torch.testing.assert_close(build(Resizing(2, 3, method="area"), (4, 6, 3))(batch), expected)


def test_antialias_sees_all_points_where_bilinear_skips_some():
    batch = torch.zeros(1, 8, 8, 1)
    batch[0, 0, 0] = 1.0
    assert build(Resizing(2, 2), (8, 8, 1))(batch).abs().sum() == 0
    assert build(Resizing(2, 2, antialias=True), (8, 8, 1))(batch).sum() > 0.01


def test_cropping_keeps_the_ratio_and_the_middle():
    batch = pictures(height=8, width=4)
    module = build(Resizing(4, 4, aspect="crop"), (8, 4, 3))
    torch.testing.assert_close(module(batch), batch[:, 2:6])


def test_padding_keeps_the_ratio_and_puts_zeros_beside():
    batch = pictures(height=4, width=2)
    padded = build(Resizing(4, 4, aspect="pad"), (4, 2, 3))(batch)
    torch.testing.assert_close(padded[:, :, 1:3], batch)
    assert not padded[:, :, 0].any() and not padded[:, :, 3].any()


def test_bytes_are_resized_as_numbers():
    batch = (pictures() * 255).byte()
    assert build(Resizing(3, 3), (5, 5, 3))(batch).dtype == torch.float32


@pytest.mark.parametrize(("height", "width"), [(2, 3), (3, 2), (5, 5)])
def test_a_center_crop_is_the_middle(height, width):
    batch = pictures(height=6, width=5)
    top, left = (6 - height) // 2, (5 - width) // 2
    found = build(CenterCrop(height, width), (6, 5, 3))(batch)
    assert torch.equal(found, batch[:, top : top + height, left : left + width])


# What every augmentation keeps to.


@pytest.mark.parametrize("layer", RANDOM, ids=repr)
def test_evaluation_changes_nothing_but_the_size(layer):
    batch = pictures(height=4)
    evaluated = build(layer, (4, 5, 3)).eval()(batch)
    middle = batch[:, : layer.height, : layer.width] if isinstance(layer, RandomCrop) else batch
    assert torch.equal(evaluated, middle)


@pytest.mark.parametrize("layer", RANDOM, ids=repr)
def test_pictures_of_a_batch_are_changed_by_draws_of_their_own(layer):
    batch = pictures(rows=1, height=4).repeat(32, 1, 1, 1)
    changed = drawn(layer, batch)
    assert len({tuple(row.flatten().tolist()) for row in changed}) > 1
    assert changed.isfinite().all()


@pytest.mark.parametrize("layer", RANDOM, ids=repr)
def test_training_is_captured_as_a_graph_that_agrees(layer):
    batch = pictures(height=4)
    module = build(layer, (4, 5, 3)).train()
    graph = make_fx(module)(batch)
    other = batch.flip(0) * 0.5
    torch.manual_seed(3)
    expected = module(other)
    torch.manual_seed(3)
    assert torch.equal(graph(other), expected)


@pytest.mark.parametrize("layer", RANDOM, ids=repr)
def test_numbers_stay_within_the_limits_and_in_their_precision(layer):
    batch = pictures(rows=64, height=4)
    changed = drawn(layer, batch)
    assert changed.min() >= -1e-6 and changed.max() <= 1 + 1e-6
    assert drawn(layer, batch.double()).dtype == torch.float64
    assert drawn(layer, (batch * 255).byte()).dtype == torch.float32


# Movements, exactly.


def test_a_turn_by_ninety_degrees_is_numpy_s():
    batch = pictures()
    turned_ = moved(batch, movement(batch, rotation=np.pi / 2), "zero")
    expected = np.rot90(batch.numpy(), axes=(1, 2)).copy()
    torch.testing.assert_close(turned_, torch.from_numpy(expected), **EXACT)


def test_a_turn_of_a_wide_picture_keeps_distances():
    batch = torch.zeros(1, 5, 9, 1)
    batch[0, 2, 6] = 1.0
    turned_ = moved(batch, movement(batch, rotation=np.pi / 2), "zero")
    assert turned_[0, ..., 0].argmax().item() == 0 * 9 + 4


@pytest.mark.parametrize("fill", ["zero", "edge", "reflect"])
@pytest.mark.parametrize(("down", "right"), [(1, 0), (0, 2), (-2, 1)])
def test_a_shift_by_whole_points_moves_them_and_fills_the_border(fill, down, right):
    batch = pictures(height=6, width=5)
    shifted = moved(batch, movement(batch, down=down / 6, right=right / 5), fill)
    mode = {"zero": "constant", "edge": "edge", "reflect": "symmetric"}[fill]
    around = np.pad(batch.numpy(), ((0, 0), (3, 3), (3, 3), (0, 0)), mode=mode)
    expected = around[:, 3 - down : 9 - down, 3 - right : 8 - right]
    torch.testing.assert_close(shifted, torch.from_numpy(expected.copy()), **EXACT)


def test_twice_as_large_is_the_middle_resized():
    batch = pictures(height=8, width=8)
    zoomed = moved(batch, movement(batch, zoom=2.0), "edge")
    resized = build(Resizing(8, 8), (4, 4, 3))(batch[:, 2:6, 2:6])
    torch.testing.assert_close(zoomed[:, 1:-1, 1:-1], resized[:, 1:-1, 1:-1], **EXACT)


def test_a_slant_moves_each_row_in_proportion_to_its_height():
    batch = pictures(height=5, width=5)
    slanted = moved(batch, movement(batch, slant=1.0), "zero")
    expected = torch.stack(
        [torch.from_numpy(np.pad(batch[:, i].numpy(), ((0, 0), (2, 2), (0, 0)))) for i in range(5)],
        1,
    )
    rows = [expected[:, i, 2 - (i - 2) : 7 - (i - 2)] for i in range(5)]
    torch.testing.assert_close(slanted, torch.stack(rows, 1), **EXACT)


def test_no_movement_is_the_picture_itself():
    batch = pictures(height=7, width=4)
    torch.testing.assert_close(moved(batch, movement(batch), "reflect"), batch, **EXACT)


# Movements, at random.


@pytest.mark.parametrize(("direction", "ways"), [("horizontal", 2), ("vertical", 2), ("both", 4)])
def test_flips_are_exact_and_equally_frequent(direction, ways):
    batch = pictures(rows=1).repeat(2000, 1, 1, 1)
    flipped = drawn(RandomFlip(direction), batch)
    images = [batch[0], batch[0].flip(1), batch[0].flip(0), batch[0].flip((0, 1))]
    wanted = {"horizontal": images[:2], "vertical": images[::2], "both": images}[direction]
    counts = [int((flipped == image).flatten(1).all(1).sum()) for image in wanted]
    assert sum(counts) == 2000 and len(counts) == ways
    # Five deviations of a binomial count.
    assert all(abs(n - 2000 / ways) < 5 * (2000 / ways * (1 - 1 / ways)) ** 0.5 for n in counts)


@pytest.mark.parametrize(
    ("fill", "mode"), [("zero", "constant"), ("edge", "edge"), ("reflect",) * 2]
)
def test_a_crop_is_a_part_of_the_padded_picture_from_every_place_equally_often(fill, mode):
    batch = torch.arange(1.0, 17.0).view(1, 4, 4, 1).repeat(3000, 1, 1, 1)
    crops = drawn(RandomCrop(4, 4, padding=1, fill=fill), batch)[..., 0]
    padded = torch.from_numpy(np.pad(batch[0, ..., 0].numpy(), 1, mode=mode))
    windows = [padded[i : i + 4, j : j + 4] for i in range(3) for j in range(3)]
    counts = [int((crops == window).flatten(1).all(1).sum()) for window in windows]
    assert sum(counts) == 3000
    # χ² with 8 degrees of freedom lies below 38 but for one time in a hundred thousand.
    assert sum((n - 3000 / 9) ** 2 / (3000 / 9) for n in counts) < 38


def test_movements_are_spread_evenly_as_far_as_the_layer_says():
    # A ramp along the width tells how far a picture was shifted.
    ramp = torch.arange(41.0).view(1, 1, 41, 1).expand(4000, 5, 41, 1).contiguous()
    shift = drawn(RandomTranslation(0.25, fill="edge"), ramp)[:, 2, 20, 0] - 20
    assert shift.abs().max().item() <= 0.25 * 41 + 1e-3
    assert shift.abs().max().item() > 0.24 * 41
    assert shift.std().item() == pytest.approx(0.25 * 41 / 3**0.5, rel=0.05)


def test_rotations_zooms_and_shears_reach_as_far_as_they_say():
    # Two linear ramps: their slopes tell the matrix by which points were looked up.
    x = torch.arange(21.0) - 10
    ramps = torch.stack([x.expand(21, 21), x.view(21, 1).expand(21, 21)], -1)
    batch = ramps.expand(2000, 21, 21, 2).contiguous()

    def matrices(layer):
        seen = drawn(layer, batch)
        right = (seen[:, 10, 11] - seen[:, 10, 9]) / 2
        down = (seen[:, 11, 10] - seen[:, 9, 10]) / 2
        return torch.stack([right, down], -1)

    turns = matrices(RandomRotation(30))
    angles = torch.atan2(turns[:, 1, 0], turns[:, 0, 0]).rad2deg()
    assert 29 < angles.abs().max() < 30.01
    assert angles.mean().abs() < 2
    zooms = 1 / torch.linalg.det(matrices(RandomZoom(0.2))).sqrt()
    assert 0.8 - 1e-3 < zooms.min() < 0.81 and 1.19 < zooms.max() < 1.2 + 1e-3
    slants = matrices(RandomAffine(shear=20))
    degrees = torch.atan(-slants[:, 0, 1]).rad2deg()
    assert 19 < degrees.abs().max() < 20.01


def test_a_box_is_erased_of_the_size_and_as_often_as_the_layer_says():
    batch = torch.ones(4000, 20, 20, 1)
    layer = RandomErasing(0.6, area=(0.1, 0.2), ratio=(0.5, 2.0), value=-1.0)
    erased = drawn(layer, batch)[..., 0] == -1
    is_erased = erased.flatten(1).any(1)
    assert is_erased.float().mean().item() == pytest.approx(0.6, abs=0.04)
    boxes = erased[is_erased]
    height, width = boxes.any(2).sum(1), boxes.any(1).sum(1)
    assert torch.equal(boxes.flatten(1).sum(1), height * width)
    area = (height * width) / 400
    assert area.min() > 0.08 and area.max() < 0.23
    assert area.mean().item() == pytest.approx(0.15, abs=0.01)
    # Every point is covered by some box, the corners too.
    assert boxes.any(0).all()


# Colours.


def test_brightness_is_one_number_per_picture_within_its_amount():
    batch = torch.full((2000, 3, 3, 1), 0.5)
    change = drawn(RandomBrightness(0.3), batch) - 0.5
    assert (change - change[:, :1, :1]).abs().max() == 0
    assert 0.29 < change.abs().max() <= 0.3 + 1e-6
    wide = drawn(RandomBrightness(0.3, limits=(0, 200)), batch + 100) - 100.5
    assert 58 < wide.abs().max() <= 60 + 1e-3


def test_contrast_and_saturation_keep_what_they_say_and_scale_the_rest():
    batch = 0.4 + 0.2 * pictures(rows=200)
    contrast = drawn(RandomContrast(0.5), batch)
    mean = batch.mean((1, 2), keepdim=True)
    torch.testing.assert_close(contrast.mean((1, 2), keepdim=True), mean)
    factor = (contrast - mean) / (batch - mean)
    assert (factor.flatten(1).amax(1) - factor.flatten(1).amin(1)).max() < 1e-2
    assert factor.min() > 0.5 - 1e-3 and factor.max() < 1.5 + 1e-3
    grey = torch.tensor([0.299, 0.587, 0.114])
    saturation = drawn(RandomSaturation(0.5), batch)
    torch.testing.assert_close(saturation @ grey, batch @ grey)


def test_a_third_of_the_circle_turns_red_into_green_and_green_into_blue():
    red = torch.tensor([1.0, 0.2, 0.2]).expand(1, 2, 2, 3)
    third = torch.full((1, 1, 1), 1 / 3)
    torch.testing.assert_close(turned(red, third), red.roll(1, -1))
    torch.testing.assert_close(turned(red, 2 * third), red.roll(2, -1))
    batch = pictures()
    torch.testing.assert_close(turned(batch, torch.ones(1, 1, 1)), batch)
    torch.testing.assert_close(turned(turned(batch, third), -third), batch)


def test_hues_are_those_of_the_standard_library():
    batch = pictures(rows=1)
    found = turned(batch, torch.full((1, 1, 1), 0.2))
    for point, wanted in zip(batch.view(-1, 3), found.view(-1, 3), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*point.tolist())
        expected = colorsys.hsv_to_rgb((h + 0.2) % 1, s, v)
        torch.testing.assert_close(wanted, torch.tensor(expected))


@pytest.mark.parametrize(
    ("layer", "changed"),
    [
        (RandomGrayscale(0.3), lambda x: (x @ torch.tensor([0.299, 0.587, 0.114]))[..., None]),
        (RandomSolarize(0.3, threshold=0.6), lambda x: torch.where(x >= 0.6, 1 - x, x)),
        (RandomPosterize(0.3, bits=2), lambda x: (x * 255).round().div(64).floor() * 64 / 255),
    ],
    ids=["grey", "solarize", "posterize"],
)
def test_a_share_of_the_pictures_is_changed_and_the_rest_left(layer, changed):
    batch = pictures(rows=1000)
    after = drawn(layer, batch)
    is_left = (after == batch).flatten(1).all(1)
    assert is_left.float().mean().item() == pytest.approx(0.7, abs=0.08)
    expected = changed(batch).expand_as(batch)[~is_left]
    torch.testing.assert_close(after[~is_left], expected)


def test_posterizing_to_eight_bits_is_rounding_to_bytes():
    batch = (pictures() * 255).round() / 255
    torch.testing.assert_close(drawn(RandomPosterize(1.0, bits=8), batch), batch)


# Policies.


def after(change, batch, strength=1.0, ranges=WIDE):
    torch.manual_seed(0)
    rows = len(batch)
    number = torch.full((rows,), CHANGES.index(change))
    return one_change(batch, number, torch.full((rows,), strength), ranges, "zero")


def test_nothing_is_nothing():
    batch = pictures()
    assert torch.equal(after("nothing", batch), batch)


@pytest.mark.parametrize("change", [c for c in CHANGES[1:] if c not in ("equalize",)])
@pytest.mark.parametrize("ranges", [WIDE, USUAL], ids=["wide", "usual"])
def test_every_other_change_changes_pictures_within_their_range(change, ranges):
    batch = 0.1 + 0.7 * pictures(rows=4, height=8, width=8)
    changed = after(change, batch, 0.8, ranges)
    assert not torch.allclose(changed, batch, atol=1e-3)
    assert changed.min() >= 0 and changed.max() <= 1


@pytest.mark.parametrize(
    "change", ["shear right", "shift down", "rotate", "brightness", "sharpness", "posterize"]
)
def test_a_change_of_no_strength_leaves_pictures(change):
    batch = (pictures() * 255).round() / 255
    torch.testing.assert_close(after(change, batch, 0.0), batch, **EXACT)


def test_every_change_is_drawn_equally_often():
    torch.manual_seed(0)
    counts = torch.bincount(draw_changes(torch.zeros(7000, 1, 1, 3)), minlength=len(CHANGES))
    # χ² with 13 degrees of freedom lies below 48 but for one time in a hundred thousand.
    assert ((counts - 500.0) ** 2 / 500).sum() < 48


def test_autocontrast_reaches_from_nought_to_one_in_every_channel():
    batch = 0.3 + 0.2 * pictures()
    stretched = autocontrasted(batch)
    assert torch.equal(stretched.amin((1, 2)), torch.zeros(6, 3))
    torch.testing.assert_close(stretched.amax((1, 2)), torch.ones(6, 3))
    flat = torch.full((1, 4, 4, 3), 0.3)
    assert torch.equal(autocontrasted(flat), flat)


def equalized_by_hand(levels):
    """PIL's rule, one channel at a time: the table is the running count by the step."""
    counts = np.bincount(levels.ravel(), minlength=256)
    step = (counts.sum() - counts[np.nonzero(counts)[0][-1]]) // 255
    if step == 0:
        return levels
    table, running = [], step // 2
    for count in counts:
        table.append(min(255, running // step))
        running += count
    return np.array(table)[levels]


@pytest.mark.parametrize("size", [12, 40])
def test_equalizing_follows_pil_s_rule(size):
    levels = np.random.default_rng(0).integers(0, 60, size=(2, size, size, 3))
    found = equalized(torch.from_numpy(levels).float() / 255)
    expected = np.stack(
        [np.stack([equalized_by_hand(p[..., c]) for c in range(3)], -1) for p in levels]
    )
    assert np.array_equal((found * 255).round().long().numpy(), expected)


def test_blurring_is_pil_s_smoothing_filter_inside_and_nothing_on_the_border():
    batch = pictures(rows=1, height=4, width=4)
    found = blurred(batch)
    x = batch[0].numpy()
    window = x[0:3, 1:4]
    expected = (window.sum((0, 1)) + 4 * x[1, 2]) / 13
    np.testing.assert_allclose(found[0, 1, 2].numpy(), expected, rtol=1e-5)
    assert torch.equal(found[:, 0], batch[:, 0]) and torch.equal(found[:, :, -1], batch[:, :, -1])


def test_a_policy_trains_at_the_head_of_a_network():
    network = Network(TrivialAugment(), RandAugment(1), RandomHue(0.1))
    batch = pictures(rows=3, height=8, width=8)
    assert drawn(network, batch).shape == batch.shape
