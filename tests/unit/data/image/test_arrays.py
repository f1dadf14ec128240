"""Pictures in arrays: in memory, in files of NumPy, and in IDX files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier.core.errors import DataError, SourceError
from ranvier.data.image import Listing, is_pictures, join_arrays, list_pictures
from ranvier.data.image.listing import TEST, TRAIN, VALIDATION
from ranvier.runs.settings import TrainSettings

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (6, 8, 9), dtype=np.uint8)
Y = np.array([0, 1, 2, 0, 1, 2])
X_TEST, Y_TEST = X[:2] ^ 255, Y[:2]


def listed(source: Any, *, for_prediction: bool = False, **settings: Any) -> Listing:
    assert is_pictures(source, TrainSettings(**settings))
    return list_pictures(source, TrainSettings(**settings), for_prediction=for_prediction)


def pixels(listing: Listing) -> np.ndarray:
    assert listing.pixels is not None and listing.paths is None
    return np.asarray(listing.pixels)


def write_idx(path: Path, array: np.ndarray) -> None:
    kinds = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    body = array.astype(array.dtype.newbyteorder(">")).tobytes()
    data = bytes([0, 0, kinds[array.dtype.name], array.ndim]) + sizes + body
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


class TestMemory:
    def test_a_pair_is_pictures_and_labels(self) -> None:
        listing = listed((X, Y))
        np.testing.assert_array_equal(pixels(listing), X)
        assert listing.labels == (0, 1, 2, 0, 1, 2) and listing.parts is None
        assert listing.names[0] == "picture 1" and listing.names[-1] == "picture 6"

    def test_pictures_alone_are_enough_to_predict(self) -> None:
        assert listed(X, for_prediction=True).labels is None
        with pytest.raises(DataError, match=r"has pictures \(images\) and no labels; expected one"):
            listed(X)

    def test_tensors_are_taken_as_they_are(self) -> None:
        torch = pytest.importorskip("torch")
        listing = listed((torch.from_numpy(X), torch.from_numpy(Y)))
        np.testing.assert_array_equal(pixels(listing), X)
        assert listing.labels == (0, 1, 2, 0, 1, 2)
        halves = torch.zeros(2, 3, 8, 8, dtype=torch.bfloat16, requires_grad=True)
        assert pixels(listed(halves, for_prediction=True)).shape == (2, 8, 8, 3)

    def test_channels_that_come_first_are_put_last_and_that_is_said(self) -> None:
        colour = RNG.random((6, 3, 8, 9))
        listing = listed((colour, Y))
        np.testing.assert_array_equal(pixels(listing), colour.transpose(0, 2, 3, 1))
        assert listing.facts is not None and "first" in listing.facts["axes"]
        last = listed((colour.transpose(0, 2, 3, 1), Y))
        assert last.facts is not None and "axes" not in last.facts

    def test_parts_by_name_are_respected(self) -> None:
        listing = listed({"x_train": X, "y_train": Y, "x_test": X_TEST, "y_test": Y_TEST})
        assert listing.parts is not None
        assert listing.parts.tolist() == [TRAIN] * 6 + [TEST] * 2
        np.testing.assert_array_equal(pixels(listing), np.concatenate([X, X_TEST]))
        assert listed({"train": (X, Y), "test": (X_TEST, Y_TEST)}).labels == listing.labels

    def test_nought_and_one_for_each_class_are_several_classes(self) -> None:
        holds = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 1]])
        listing = listed((X, holds))
        assert listing.labels is not None
        assert listing.labels[:3] == (("0", "1"), (), ("1",))
        named = listed((X, holds), target="cat,dog,ape")
        assert named.labels is not None and named.labels[0] == ("cat", "dog")

    def test_a_single_one_in_each_row_is_the_class(self) -> None:
        one_hot = np.eye(3)[Y]
        assert listed((X, one_hot)).labels == (0, 1, 2, 0, 1, 2)
        several = listed((X, one_hot), task="multilabel").labels
        assert several is not None and several[0] == ("0",)

    def test_labels_in_a_column_are_one_each(self) -> None:
        assert listed((X, Y[:, None])).labels == (0, 1, 2, 0, 1, 2)

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ((X, Y[:5]), r"labels of shape \(5,\) for 6 pictures; expected one label for each"),
            ((X, RNG.random((6, 3))), "picture 1 has 0.* for class 0; expected 0 or 1 for each"),
            ((X.astype(complex), Y), "values of type complex128; expected"),
            ((X[..., None].repeat(5, -1), Y), "expected .N, height, width., with 1 to 4 channels"),
            (({"images": X}), "no labels; expected one for each picture"),
            (
                {"x_train": X, "y_train": Y, "x_test": X[:, :5], "y_test": Y},
                r"parts with pictures of shapes \(5, 9\) and \(8, 9\); expected one for all",
            ),
            ((X, [[1], 2, None, 1, 2, 3]), "label|labels"),
        ],
    )
    def test_what_does_not_fit_is_refused_in_words(self, source: Any, words: str) -> None:
        if isinstance(source, tuple) and isinstance(source[1], list):
            source = (source[0], np.array(source[1], dtype=object))
        with pytest.raises(DataError, match=words):
            listed(source)

    def test_all_that_does_not_fit_is_named_at_once(self) -> None:
        with pytest.raises(DataError) as caught:
            listed({"x_train": X, "y_train": Y[:2], "x_test": X, "y_test": Y[:3]})
        assert "y_train" in str(caught.value) and "y_test" in str(caught.value)

    def test_tables_in_memory_are_no_pictures(self) -> None:
        for table in (np.zeros((5, 3)), (np.zeros((5, 3)), np.zeros(5)), {"a": [1, 2]}, None, 7):
            assert not is_pictures(table, TrainSettings())

    def test_parts_too_large_for_memory_are_joined_in_a_file(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(join_arrays, "_MOST_BYTES", 1)
        monkeypatch.setattr(join_arrays, "_PIECE", 200)
        joined = join_arrays.joined([X, X_TEST])
        assert isinstance(joined, np.memmap)
        np.testing.assert_array_equal(joined, np.concatenate([X, X_TEST]))


class TestNumPyFiles:
    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    @pytest.mark.parametrize(
        "names",
        [
            ("x_train", "y_train", "x_test", "y_test"),
            ("train_images", "train_labels", "test_images", "test_labels"),
            ("X_train", "y_train", "X_test", "y_test"),
        ],
    )
    def test_npz_as_others_write_it(
        self, tmp_path: Path, save: Any, names: tuple[str, ...]
    ) -> None:
        save(tmp_path / "a.npz", **dict(zip(names, (X, Y, X_TEST, Y_TEST))))
        listing = listed(tmp_path / "a.npz")
        np.testing.assert_array_equal(pixels(listing), np.concatenate([X, X_TEST]))
        assert listing.labels == (0, 1, 2, 0, 1, 2, 0, 1)
        assert listing.parts is not None and listing.parts[-1] == TEST

    def test_three_parts_with_labels_in_columns_as_medmnist_has_them(self, tmp_path: Path) -> None:
        arrays = {}
        for part in ("train", "val", "test"):
            arrays |= {f"{part}_images": X, f"{part}_labels": Y[:, None]}
        np.savez(tmp_path / "a.npz", **arrays)
        listing = listed(tmp_path / "a.npz")
        assert listing.parts is not None
        assert sorted(set(listing.parts.tolist())) == [TRAIN, VALIDATION, TEST]

    @pytest.mark.parametrize("names", [("images", "labels"), ("X", "y"), ("arr_0", "arr_1")])
    def test_one_part_by_names_or_by_shapes(self, tmp_path: Path, names: tuple[str, str]) -> None:
        np.savez(tmp_path / "a.npz", **dict(zip(names, (X, Y))))
        assert listed(tmp_path / "a.npz").labels == (0, 1, 2, 0, 1, 2)

    def test_an_array_that_fits_nothing_is_told_of(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", images=X, labels=Y, weights=np.ones(6))
        (problem,) = listed(tmp_path / "a.npz").problems
        assert problem.name == "weights" and not problem.is_left_out

    def test_pictures_in_rows_of_a_table_are_answered_with_the_way_out(
        self, tmp_path: Path
    ) -> None:
        np.savez(tmp_path / "a.npz", X=X[:, :8, :8].reshape(6, 64), y=Y)
        with pytest.raises(DataError, match=r"array.reshape\(-1, 8, 8\) is what is wanted"):
            listed(tmp_path / "a.npz")

    def test_what_is_not_compressed_is_mapped(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", images=X, labels=Y)
        assert isinstance(listed(tmp_path / "a.npz").pixels, np.memmap)
        np.save(tmp_path / "images.npy", np.asfortranarray(X))
        listing = listed(tmp_path / "images.npy", for_prediction=True)
        assert isinstance(listing.pixels, np.memmap)
        np.testing.assert_array_equal(pixels(listing), X)

    def test_fortran_order_and_words_come_back(self, tmp_path: Path) -> None:
        words = np.array(["cat", "dog", "cat", "dog", "ape", "ape"])
        np.savez_compressed(tmp_path / "a.npz", images=np.asfortranarray(X), labels=words)
        listing = listed(tmp_path / "a.npz")
        np.testing.assert_array_equal(pixels(listing), X)
        assert listing.labels == tuple(words.tolist())

    def test_the_labels_of_a_single_array_are_looked_for_beside_it(self, tmp_path: Path) -> None:
        for name, array in {"x_train": X, "y_train": Y, "x_test": X_TEST, "y_test": Y_TEST}.items():
            np.save(tmp_path / f"{name}.npy", array)
        assert listed(tmp_path / "x_test.npy").labels == (0, 1)
        whole = listed(tmp_path)
        assert len(whole) == 8 and whole.parts is not None and whole.parts[-1] == TEST

    def test_folders_for_parts_hold_images_and_labels(self, tmp_path: Path) -> None:
        for part, arrays in {"train": (X, Y), "test": (X_TEST, Y_TEST)}.items():
            (tmp_path / part).mkdir()
            for name, array in zip(("images", "labels"), arrays):
                np.save(tmp_path / part / f"{name}.npy", array)
        assert len(listed(tmp_path)) == 8 and len(listed(tmp_path / "train")) == 6

    def test_objects_are_refused_unread(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", images=X, labels=np.array(["a", None] * 3, dtype=object))
        with pytest.raises(DataError, match="objects are pickles, which could run anything"):
            listed(tmp_path / "a.npz")


class TestIdx:
    @pytest.mark.parametrize("ending", ["", ".gz"])
    def test_the_four_files_of_mnist_are_two_parts(self, tmp_path: Path, ending: str) -> None:
        files = {"train-images-idx3": X, "train-labels-idx1": Y, "t10k-images-idx3": X_TEST}
        for name, array in {**files, "t10k-labels-idx1": Y_TEST}.items():
            write_idx(tmp_path / f"{name}-ubyte{ending}", array.astype(np.uint8))
        listing = listed(tmp_path)
        np.testing.assert_array_equal(pixels(listing), np.concatenate([X, X_TEST]))
        assert listing.labels == (0, 1, 2, 0, 1, 2, 0, 1)
        assert listing.parts is not None and listing.parts.tolist() == [TRAIN] * 6 + [TEST] * 2
        one = listed(tmp_path / f"t10k-images-idx3-ubyte{ending}")
        assert one.labels == (0, 1) and one.parts is None

    def test_a_file_that_is_there_packed_and_unpacked_is_taken_once(self, tmp_path: Path) -> None:
        for ending in ("", ".gz"):
            write_idx(tmp_path / f"train-images.idx3-ubyte{ending}", X)
            write_idx(tmp_path / f"train-labels.idx1-ubyte{ending}", Y.astype(np.uint8))
        listing = listed(tmp_path)
        assert len(listing) == 6 and isinstance(listing.pixels, np.memmap)

    def test_two_sets_in_one_folder_are_one_too_many(self, tmp_path: Path) -> None:
        for start in ("letters-train", "digits-train"):
            write_idx(tmp_path / f"{start}-images-idx3-ubyte", X)
            write_idx(tmp_path / f"{start}-labels-idx1-ubyte", Y.astype(np.uint8))
        with pytest.raises(DataError, match="several arrays for one purpose"):
            listed(tmp_path)
        assert len(listed(tmp_path / "digits-train-images-idx3-ubyte")) == 6

    @pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32", "float64"])
    def test_other_numbers_than_bytes_are_read(self, tmp_path: Path, dtype: str) -> None:
        numbers = (X.astype(float) - 100).astype(dtype)
        write_idx(tmp_path / "images-idx3-ubyte", numbers)
        listing = listed(tmp_path / "images-idx3-ubyte", for_prediction=True)
        np.testing.assert_array_equal(pixels(listing), numbers)

    def test_a_file_cut_off_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "images-idx3-ubyte"
        write_idx(path, X)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(DataError, match=r"447 bytes; its header says \(6, 8, 9\).*cut off"):
            listed(path, for_prediction=True)
        packed = tmp_path / "x-images-idx3-ubyte.gz"
        packed.write_bytes(gzip.compress(path.read_bytes())[:-9])
        with pytest.raises(SourceError, match="this IDX file cannot be read"):
            listed(packed, for_prediction=True)


def test_a_known_set_lists_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ranvier.data import known

    for part, arrays in {"train": (X, Y), "test": (X_TEST, Y_TEST)}.items():
        (tmp_path / part).mkdir()
        for name, array in zip(("images", "labels"), arrays):
            np.save(tmp_path / part / f"{name}.npy", array)
    monkeypatch.setattr(known, "get", lambda name: tmp_path / name.partition(":")[2])
    whole, test = listed("mnist"), listed("mnist:test")
    assert whole.target == "digit" and whole.source == "mnist" and whole.facts is not None
    assert whole.facts["parts"] == {"train": 6, "test": 2}
    assert test.parts is None and test.labels == (0, 1)
    assert not is_pictures("letter", TrainSettings()) and not is_pictures("gone", TrainSettings())
