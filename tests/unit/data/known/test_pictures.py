"""What the known sets of pictures hold, and how they are kept."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest

from ranvier.core.errors import MissingExtraError, SourceError
from ranvier.data.known import cache, data_set, get, get_parts, is_cached, pictures
from ranvier.data.known.entry import MEMBERS, DataSet, Member

RNG = np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


FILES = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (6, 4, 5)),
    "train-labels-idx1-ubyte": np.array([0, 1, 2, 9, 8, 0]),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (3, 4, 5)),
    "t10k-labels-idx1-ubyte": np.array([9, 0, 1]),
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fashion-MNIST of nine pictures, whose package comes out of thin air."""
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))

    def read(member: str) -> bytes:
        return gzip.compress(idx(FILES[Path(member).name.removesuffix(".gz")]))

    entry = dataclasses.replace(data_set("fashion-mnist"), rows=9, test_rows=3, shape=(4, 5))
    member = Member(entry, pictures.fashion_mnist)
    monkeypatch.setitem(MEMBERS._members, "fashion-mnist", member)
    monkeypatch.setattr(cache, "download", lambda *_: Path("nothing"))
    monkeypatch.setattr(cache, "member_reader", lambda *_: read)


@pytest.mark.usefixtures("small")
def test_pictures_are_kept_as_plain_arrays_in_a_folder_for_each_part(tmp_path: Path) -> None:
    folder = get("fashion-mnist")
    assert get_parts("fashion-mnist") == {"train": folder / "train", "test": folder / "test"}
    images = np.load(folder / "test/images.npy", allow_pickle=False)
    np.testing.assert_array_equal(images, FILES["t10k-images-idx3-ubyte"])
    labels = np.load(folder / "test/labels.npy", allow_pickle=False)
    assert labels.tolist() == ["Ankle boot", "T-shirt/top", "Trouser"]


@pytest.mark.usefixtures("small")
def test_a_damaged_part_is_made_again(tmp_path: Path) -> None:
    path = get("fashion-mnist:test") / "images.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert not is_cached("fashion-mnist") and is_cached("fashion-mnist:train")
    get("fashion-mnist")
    assert path.read_bytes() == whole


@pytest.mark.usefixtures("small")
def test_a_package_that_gives_other_pictures_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    member = MEMBERS["fashion-mnist"]
    other = dataclasses.replace(member.data_set, shape=(5, 4))
    monkeypatch.setitem(MEMBERS._members, "fashion-mnist", Member(other, member.convert))
    with pytest.raises(SourceError, match=r"gave pictures \{'train': \(6, 4, 5\).*expected"):
        get("fashion-mnist")


def test_the_extent_of_pictures_says_their_sides() -> None:
    assert data_set("mnist").extent == "70,000 × 28×28"
    assert data_set("iris").extent == "150 × 5"


def fetched(entry: DataSet) -> dict[str, Path]:
    try:
        parts = get_parts(entry.name)
    except (SourceError, MissingExtraError) as error:
        pytest.skip(f"the package cannot be had: {error}")
    assert parts is not None
    return parts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        # Counts of the digits as LeCun's page gives them for the training part.
        ("mnist", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("fashion-mnist", [6000] * 10),
    ],
)
def test_the_training_part_has_the_published_number_of_each_class(
    name: str, counts: list[int]
) -> None:
    parts = fetched(data_set(name))
    labels = np.load(parts["train"] / "labels.npy", allow_pickle=False)
    assert np.unique(labels, return_counts=True)[1].tolist() == counts
    images = np.load(parts["test"] / "images.npy", allow_pickle=False, mmap_mode="r")
    assert images.shape == (10_000, 28, 28) and images.dtype == np.uint8
