"""From a folder of pictures to parts of bytes, with what was found on the way."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from ranvier.core.errors import DataError
from ranvier.data.image import prepare as prepare_pictures
from ranvier.data.image.prepare import prepare
from ranvier.runs.settings import TrainSettings


def settings(**given):
    return TrainSettings(**given)


def pixels_of(folder, name):
    return np.asarray(Image.open(folder / name))


def test_a_folder_of_classes_becomes_parts_of_bytes(classes):
    data = prepare(classes, settings())
    assert data.task.classes == ("lying", "standing") and data.task.kind == "classification"
    parts = (data.train, data.validation, data.test)
    assert sum(map(len, parts)) == 60 and data.train.pixels.shape[1:] == (16, 16, 1)
    numbers = np.concatenate([part.numbers for part in parts])
    assert sorted(numbers) == [*range(1, 61)]
    for part in parts:
        for row, name in enumerate(part.names):
            np.testing.assert_array_equal(part.pixels[row, ..., 0], pixels_of(classes, name))
            assert data.task.classes[part.truth[row]] == name.split("/")[0]
        np.testing.assert_array_equal(part.targets, part.truth)
        assert part.pixels.flags.writeable and part.weights is None
    assert data.findings == () and "60" not in data.sizes
    assert data.split.startswith("42 pictures to train, 9 to validate, 9 to test")


def test_mean_and_deviation_are_of_the_training_bytes(classes):
    data = prepare(classes, settings())
    assert data.encoder.mean == pytest.approx((data.train.pixels.mean(),))
    assert data.encoder.deviation == pytest.approx((data.train.pixels.std(),))


def test_the_profile_is_plain_json_and_says_what_there_is(classes):
    (classes / "lying" / "31.png").write_text("a shopping list")
    data = prepare(classes, settings())
    profile = json.loads(json.dumps(data.profile))
    assert (profile["pictures"], profile["left_out"]) == (61, 1)
    assert profile["parts"] == {"train": 42, "validation": 9, "test": 9}
    assert [each["name"] for each in profile["target"]["classes"]] == ["lying", "standing"]
    assert sum(each["train"] for each in profile["target"]["classes"]) == 42
    assert profile["problems"][0]["names"] == ["lying/31.png"]
    assert profile["traits"] == {"PNG": 60} and profile["sizes"]["commonest"][0]["width"] == 16
    assert set(profile["symmetry"]) == {"flips", "flips_vertically", "turns", "evidence"}
    assert profile["symmetry"]["flips"] and not profile["symmetry"]["turns"]


def test_unfit_pictures_are_left_out_by_name_below_the_limit(classes):
    for number in (3, 4):
        (classes / "lying" / f"{number}.png").write_bytes(b"")
    data = prepare(classes, settings())
    (found,) = [finding for finding in data.findings if finding.symptom.startswith("empty")]
    assert found.symptom == "empty: 2 left out" and found.severity == "warning"
    assert found.where == "lying/3.png, lying/4.png"
    assert len(data.train) + len(data.validation) + len(data.test) == 58


def test_above_the_limit_all_problems_are_told_at_once(classes):
    for number in range(4):
        (classes / "lying" / f"{number}.png").write_bytes(b"")
    (classes / "standing" / "9.png").write_text("a shopping list")
    with pytest.raises(DataError) as refusal:
        prepare(classes, settings())
    said = str(refusal.value)
    assert "5 of 60 pictures cannot be read; at most 5% may be left out" in said
    assert "empty (4, left out): lying/0.png" in said and "not a picture (1" in said
    assert "most_left_out=0.09" in said
    assert len(prepare(classes, settings(most_left_out=0.09)).train) > 0


def test_a_folder_of_nothing_but_unfit_files_is_refused_whatever_the_limit(classes):
    for path in classes.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of 60 pictures can be read"):
        prepare(classes, settings(most_left_out=1.0))


def test_copies_of_one_picture_have_nothing_to_learn_from(classes):
    for path in classes.rglob("*.png"):
        Image.new("L", (16, 16), 9).save(path)
    with pytest.raises(DataError, match="all 60 pictures are copies of one"):
        prepare(classes, settings())


def test_training_pictures_of_one_colour_have_nothing_to_learn_from(classes):
    pixels = np.full((20, 8, 8), 9, dtype=np.uint8)
    pixels[15:] = np.random.default_rng(0).integers(0, 255, (5, 8, 8))
    labels = np.arange(20) % 2
    source = {"train": (pixels[:10], labels[:10]), "validation": (pixels[10:15], labels[10:15]),
              "test": (pixels[15:], labels[15:])}  # fmt: skip
    with pytest.raises(DataError, match="every pixel of every training picture is the same"):
        prepare(source, settings())


def test_copies_stay_in_one_part_and_are_said(classes):
    shutil.copy(classes / "lying" / "1.png", classes / "lying" / "99.png")
    data = prepare(classes, settings())
    parts = (data.train, data.validation, data.test)
    homes = [{"lying/1.png", "lying/99.png"} <= set(part.names) for part in parts]
    assert homes.count(True) == 1
    assert any("are copies of others" in finding.symptom for finding in data.findings)
    first, second = sorted(
        int(part.numbers[list(part.names).index(name)])
        for part in parts
        for name in ("lying/1.png", "lying/99.png")
        if name in part.names
    )
    assert data.profile["twins"]["groups"] == [[first, second]]


def test_validation_and_test_of_their_own_are_held_against_training(classes, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(classes, other)
    for path in sorted((other / "standing").iterdir())[1:]:
        path.unlink()
    data = prepare(classes, settings(test=str(other)))
    assert len(data.test) == 31 and "31 pictures to test from their own source" in data.split
    (leak,) = [finding for finding in data.findings if finding.number == 34]
    assert leak.evidence["rows"] == 31 and leak.evidence["shared"] > 15
    assert str(other) in leak.where


def test_a_class_that_only_the_test_has_is_refused_by_name(classes, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(classes / "lying", other / "leaning")
    shutil.copytree(classes / "standing", other / "standing")
    with pytest.raises(DataError, match="class 'leaning' was not trained on"):
        prepare(classes, settings(test=str(other)))


def test_balanced_classes_weigh_in_training_alone(classes):
    for number in range(20):
        (classes / "lying" / f"{number}.png").unlink()
    data = prepare(classes, settings(class_weight="balanced"))
    weights = data.train.weights
    assert weights[data.train.truth == 0].sum() == pytest.approx(
        weights[data.train.truth == 1].sum(), rel=1e-5
    )
    assert data.validation.weights is None


def regression():
    random = np.random.default_rng(0)
    ages = random.uniform(10, 70, 80)
    pixels = np.clip(ages[:, None, None] + random.normal(0, 5, (80, 12, 12)), 0, 255)
    return pixels.astype(np.uint8), ages


def test_numbers_to_predict_are_standardised_by_the_training_part():
    data = prepare(regression(), settings(task="regression"))
    center, scale = data.encoder.target_center, data.encoder.target_scale
    assert (center, scale) == pytest.approx((data.train.truth.mean(), data.train.truth.std()))
    np.testing.assert_allclose(
        data.test.targets, (data.test.truth - center) / scale, rtol=1e-5, atol=1e-6
    )
    assert data.train.targets.dtype == np.float32


def test_the_fingerprint_is_of_pixels_and_labels():
    pixels, ages = regression()
    before = prepare((pixels, ages), settings(task="regression")).fingerprint
    assert prepare((pixels.copy(), ages), settings(task="regression")).fingerprint == before
    other = ages.copy()
    other[3] += 1
    assert prepare((pixels, other), settings(task="regression")).fingerprint != before


def test_the_same_source_gives_the_same_data_twice(classes):
    one, other = prepare(classes, settings()), prepare(classes, settings())
    assert one.fingerprint == other.fingerprint and one.split == other.split
    np.testing.assert_array_equal(one.train.pixels, other.train.pixels)
    assert one.profile == other.profile


def test_progress_tells_of_the_decoding(classes):
    told = []
    prepare_pictures(classes, settings(), progress=lambda *words: told.append(words))
    assert told[-1] == ("decoding pictures", 60, 60)
