"""Size and channels of all pictures are decided from the data, and said."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ranvier.core.errors import ConfigError
from ranvier.data.image.encode import PictureForm
from ranvier.data.image.form import decide_form, parse_size, size_facts
from ranvier.data.image.listing import Listing
from ranvier.runs.settings import TrainSettings


def listing_of(folder, pictures):
    paths = []
    for number, picture in enumerate(pictures):
        paths.append(folder / f"{number}.png")
        picture.save(paths[-1])
    return Listing("pictures", tuple(p.name for p in paths), tuple(paths), None, None)


def blank(width, height, mode="RGB", colour=(200, 30, 30)):
    return Image.new(mode, (width, height), colour if mode == "RGB" else 90)


def decide(listing, **settings):
    return decide_form(listing, TrainSettings(**settings))


def test_small_pictures_of_one_size_stay_as_they_are(tmp_path):
    form, why = decide(listing_of(tmp_path, [blank(28, 20, "L")] * 3))
    assert form == PictureForm(20, 28, 1)
    assert why == "20×28 grey: as all pictures are"


def test_larger_pictures_get_the_rung_below_their_median(tmp_path):
    form, why = decide(listing_of(tmp_path, [blank(100, 100), blank(120, 110), blank(90, 100)]))
    assert form.shape == (96, 96, 3)
    assert why == "96×96 colour: the median picture is 100×100"


def test_pictures_are_hardly_enlarged(tmp_path):
    form, _ = decide(listing_of(tmp_path, [blank(20, 20), blank(22, 20)]))
    assert form.shape[:2] in {(20, 20), (21, 21)}


def test_large_pictures_are_bounded_and_it_is_said_how_to_have_more(tmp_path):
    form, why = decide(listing_of(tmp_path, [blank(500, 500)] * 2))
    assert form.shape == (128, 128, 3) and "128 is the most unless --size says so" in why


def test_an_aspect_that_most_share_is_kept(tmp_path):
    form, _ = decide(listing_of(tmp_path, [blank(400, 200)] * 11 + [blank(300, 300)]))
    assert form.width / form.height == pytest.approx(2, rel=0.1) and form.aspect == "stretch"
    assert form.height % 8 == form.width % 8 == 0


def test_pictures_of_very_different_aspects_are_padded(tmp_path):
    form, why = decide(listing_of(tmp_path, [blank(300, 90), blank(90, 300), blank(200, 200)]))
    assert form.height == form.width and form.aspect == "pad"
    assert "sides of another ratio are padded" in why


def test_files_of_three_equal_channels_are_grey(tmp_path):
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 30), dtype=np.uint8))
    form, _ = decide(listing_of(tmp_path, [grey.convert("RGB")] * 4))
    assert form.channels == 1
    form, _ = decide(listing_of(tmp_path, [grey.convert("RGB")] * 4 + [blank(30, 30)]))
    assert form.channels == 3


def test_settings_win(tmp_path):
    form, why = decide(listing_of(tmp_path, [blank(50, 50)] * 2), size="24x40", channels="grey")
    assert form == PictureForm(24, 40, 1) and why == "24×40 grey: as asked"


def test_levels_of_deep_pictures_are_those_that_are_in_use(tmp_path):
    numbers = np.linspace(1000, 3000, 40 * 40).reshape(40, 40).astype(np.uint16)
    form, _ = decide(listing_of(tmp_path, [Image.fromarray(numbers)] * 3))
    assert form.channels == 1
    assert form.levels == pytest.approx((1000, 3000), abs=10)


def test_files_that_cannot_be_read_do_not_decide(tmp_path):
    listing = listing_of(tmp_path, [blank(28, 28)] * 3)
    listing.paths[1].write_text("no picture")
    assert decide(listing)[0].shape == (28, 28, 3)


@pytest.mark.parametrize(
    ("pixels", "shape"),
    [
        (np.zeros((5, 28, 28), dtype=np.uint8), (28, 28, 1)),
        (np.zeros((5, 32, 32, 3), dtype=np.uint8), (32, 32, 1)),
        (np.random.default_rng(0).random((5, 32, 32, 3)), (32, 32, 3)),
    ],
)
def test_arrays_are_looked_at_too(pixels, shape):
    names = tuple(f"picture {number + 1}" for number in range(len(pixels)))
    form, _ = decide(Listing("array", names, None, pixels, None))
    assert form.shape == shape


@pytest.mark.parametrize("text", ["", "0", "64x", "axb", "-3", "12x12x3"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="expected one side, as in 64, or height and width"):
        parse_size(text)


def test_facts_of_sizes_leave_out_those_not_known():
    facts = size_facts(np.array([[4, 3], [4, 3], [8, 6], [0, 0]]))
    assert facts["pictures"] == 3 and facts["different"] == 2
    assert facts["commonest"][0] == {"width": 4, "height": 3, "count": 2}
    assert facts["width"][0] == 4 and facts["height"][-1] == 6
