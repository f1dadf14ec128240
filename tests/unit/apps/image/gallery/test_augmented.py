"""The sheet of augmentation: what training sees, drawn apart from everything else."""

from __future__ import annotations

import io
from base64 import b64decode

import numpy as np
import pytest
import torch
from PIL import Image

import ranvier as rv
from ranvier.apps.image.gallery.augmented import DRAWS, PICTURES, augmented
from ranvier.core.task import Task
from ranvier.data.image import Pictures

SCALE = rv.Normalization(mean=(60.0,), variance=(400.0,))
PROPER = (
    rv.Conv(4, kernel=3),
    rv.BatchNorm(),
    rv.GlobalAveragePool(),
    rv.Dropout(0.5),
    rv.Dense(3),
)


def network(*layers: object) -> torch.nn.Module:
    return rv.build(rv.Network(SCALE, *layers, *PROPER), (12, 12, 1))


def read(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(b64decode(png))))


def test_the_sheet_holds_each_picture_as_it_is_and_its_draws(
    task: Task, pictures: Pictures
) -> None:
    record = augmented(network(rv.RandomFlip()), task, pictures)
    assert record is not None
    assert record["what"] == "augmented" and len(record["items"]) == PICTURES
    for item in record["items"]:
        plain = read(item["png"])
        row = int(np.flatnonzero(pictures.numbers == item["number"])[0])
        assert np.array_equal(plain, pictures.pixels[row, ..., 0])
        assert item["label"] == task.classes[pictures.truth[row]]
        assert len(item["draws"]) == DRAWS
        for draw in map(read, item["draws"]):
            assert np.array_equal(draw, plain) or np.array_equal(draw, plain[:, ::-1])
    flipped = [
        not np.array_equal(read(item["png"]), read(png))
        for item in record["items"]
        for png in item["draws"]
    ]
    assert 0.2 < np.mean(flipped) < 0.8


@pytest.mark.parametrize(
    "first", [SCALE, rv.Rescaling(1 / 127.5, offset=-1.0)], ids=["normalised", "rescaled"]
)
def test_bytes_come_back_whatever_made_numbers_of_them(
    first: object, task: Task, pictures: Pictures
) -> None:
    module = rv.build(rv.Network(first, rv.RandomFlip(), *PROPER), (12, 12, 1))
    record = augmented(module, task, pictures)
    assert record is not None
    for item in record["items"]:
        plain = read(item["png"])
        for draw in map(read, item["draws"]):
            assert sorted(draw.ravel()) == sorted(plain.ravel())


def test_a_crop_of_another_size_is_shown_in_that_size(task: Task, pictures: Pictures) -> None:
    record = augmented(network(rv.RandomCrop(8, 8)), task, pictures)
    assert record is not None
    assert read(record["items"][0]["draws"][0]).shape == (8, 8)


def test_the_same_seed_draws_the_same_and_another_one_otherwise(
    task: Task, pictures: Pictures
) -> None:
    module = network(rv.RandomFlip(), rv.RandomErasing(0.5))
    first, again = (augmented(module, task, pictures, seed=3) for _ in range(2))
    assert first == again != augmented(module, task, pictures, seed=4)


def test_nothing_of_the_network_or_of_the_random_state_is_changed(
    task: Task, pictures: Pictures
) -> None:
    module = network(rv.RandomFlip(), rv.RandomErasing(0.5)).train()
    module[2].eval()
    modes = [each.training for each in module.modules()]
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    before = torch.random.get_rng_state()
    augmented(module, task, pictures, mixup=0.4, cutmix=1.0)
    assert torch.equal(before, torch.random.get_rng_state())
    assert [each.training for each in module.modules()] == modes
    assert all(torch.equal(state[name], tensor) for name, tensor in module.state_dict().items())


def test_the_layers_are_named_as_they_are_written(task: Task, pictures: Pictures) -> None:
    record = augmented(network(rv.RandomFlip(), rv.RandomErasing(0.5)), task, pictures)
    assert record is not None
    assert record["layers"] == [repr(rv.RandomFlip()), repr(rv.RandomErasing(0.5))]


def test_a_network_that_varies_nothing_has_no_sheet(task: Task, pictures: Pictures) -> None:
    assert augmented(network(), task, pictures) is None


def test_mixtures_say_what_they_are_of_and_in_which_shares(task: Task, pictures: Pictures) -> None:
    record = augmented(network(), task, pictures, cutmix=1.0)
    assert record is not None
    plain = {item["number"]: read(item["png"]).astype(int) for item in record["items"]}
    own = [plain[item["number"]] for item in record["items"]]
    assert len(record["mixed"]) == PICTURES
    for place, item in enumerate(record["mixed"]):
        shown = read(item["png"])
        assert item["kind"] == "cutmix" and item["of"][0] == record["items"][place]["label"]
        kept = np.mean(shown == own[place])
        # What the other picture happens to share with this one is as it was, too.
        assert kept >= item["share"] - 1e-6
        assert any(
            np.mean((shown == own[place]) | (shown == other)) == 1.0 for other in plain.values()
        )
