"""Folders of pictures: classes, parts, and everything that can be odd about them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ranvier.core.errors import ConfigError, DataError, SourceError
from ranvier.data.image import Listing, list_pictures, summary
from ranvier.data.image.listing import TEST, TRAIN, VALIDATION
from ranvier.runs.settings import TrainSettings

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes files by their paths, as listing opens none of them."""

    def files(*names: str) -> Path:
        root = tmp_path / "pets"
        root.mkdir(exist_ok=True)
        for name in names:
            path = root / name
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x")
        return root

    return files


def listed(root: Path, **options: bool) -> Listing:
    return list_pictures(root, TrainSettings(), **options)


def kinds(listing: Listing) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in listing.problems:
        found.setdefault(problem.kind, []).append(problem.name)
    return found


CATS_AND_DOGS = ("cats/1.png", "cats/2.JPG", "dogs/1.png")


class TestClasses:
    def test_a_folder_at_the_top_is_the_class_of_all_that_lies_below_it(self, make: Make) -> None:
        listing = listed(make(*CATS_AND_DOGS, "dogs/young/small/3.webp"))
        assert listing.names == (*CATS_AND_DOGS, "dogs/young/small/3.webp")
        assert listing.labels == ("cats", "cats", "dogs", "dogs")
        assert listing.parts is None and listing.problems == ()
        assert listing.paths is not None and all(path.is_file() for path in listing.paths)

    def test_the_report_is_told_how_many_there_are_of_each(self, make: Make) -> None:
        facts = listed(make(*CATS_AND_DOGS)).facts
        assert facts is not None
        assert facts["kind"] == "folder" and facts["pictures"] == 3
        assert facts["classes"] == {"cats": 2, "dogs": 1}
        assert facts["suffixes"] == {".png": 2, ".jpg": 1}

    def test_litter_and_hidden_files_are_not_worth_a_word(self, make: Make) -> None:
        litter = ("cats/.DS_Store", "cats/Thumbs.db", "__MACOSX/cats/._1.png", ".cache/x/1.png")
        listing = listed(make(*CATS_AND_DOGS, *litter, "desktop.ini"))
        assert len(listing) == 3 and listing.problems == ()

    def test_other_files_are_told_of_once_for_each_ending(self, make: Make) -> None:
        listing = listed(make(*CATS_AND_DOGS, "cats/1.xml", "cats/2.xml", "README"))
        (xml, plain) = sorted(listing.problems, key=lambda problem: problem.name, reverse=True)
        assert xml.name == "cats/1.xml" and "2 files ending in '.xml'" in xml.detail
        assert plain.name == "README" and not plain.is_left_out

    def test_an_empty_class_folder_is_a_problem_and_no_class(self, make: Make) -> None:
        listing = listed(make(*CATS_AND_DOGS, "birds/"))
        assert kinds(listing) == {"empty class folder": ["birds"]}
        assert set(listing.labels or ()) == {"cats", "dogs"}

    def test_one_class_only_is_refused(self, make: Make) -> None:
        with pytest.raises(DataError) as caught:
            listed(make("cats/1.png", "cats/2.png"))
        assert "one class only, 'cats' (2 pictures); expected at least two" in str(caught.value)

    def test_the_refusal_holds_everything_else_that_was_found(self, make: Make) -> None:
        root = make("cats/1.png", "dogs/", "cats/1.xml")
        (root / "cats" / "gone.png").symlink_to(root / "nowhere.png")
        with pytest.raises(DataError) as caught:
            listed(root)
        for words in ("of one class only, 'cats'", "'dogs' are empty", "broken link", ".xml"):
            assert words in str(caught.value)

    def test_a_folder_too_high_up_is_answered_with_the_right_one(self, make: Make) -> None:
        with pytest.raises(DataError, match="folders lie in 'pets': if they are the classes"):
            listed(make("pets/cats/1.png", "pets/dogs/1.png"))

    def test_names_that_only_case_tells_apart_are_named(self, make: Make) -> None:
        root = make(*CATS_AND_DOGS, "cats/A.png", "cats/a.png")
        if len(list((root / "cats").iterdir())) < 4:
            pytest.skip("this file system does not tell A from a")
        assert kinds(listed(root)) == {"same name but for case": ["cats/a.png"]}

    def test_a_target_makes_no_sense_for_folders(self, make: Make) -> None:
        with pytest.raises(ConfigError, match="the folders are the classes. Leave --target out"):
            list_pictures(make(*CATS_AND_DOGS), TrainSettings(target="breed"))

    def test_a_folder_without_pictures_says_what_it_holds(self, make: Make) -> None:
        with pytest.raises(SourceError, match=r"without pictures \(2 \.txt\); expected a folder"):
            listed(make("a/1.txt", "b/2.txt"))
        with pytest.raises(SourceError, match="no files at all"):
            listed(make("c/") / "c")

    def test_a_name_that_cannot_be_printed_is_spelled_out(self, make: Make) -> None:
        root = make(*CATS_AND_DOGS)
        try:
            (root / "cats" / "a\nb\udcff.png").write_bytes(b"x")
        except OSError:
            pytest.skip("this file system has no such names")
        listing = listed(root)
        assert "cats/a\\nb\\udcff.png" in listing.names
        assert listing.paths is not None and all(path.exists() for path in listing.paths)


class TestPrediction:
    def test_pictures_without_classes_are_enough_to_predict_and_not_to_train(
        self, make: Make
    ) -> None:
        root = make("1.png", "2.png")
        listing = listed(root, for_prediction=True)
        assert listing.names == ("1.png", "2.png") and listing.labels is None
        with pytest.raises(DataError) as caught:
            listed(root)
        assert "2 pictures in no class folder; expected a folder for each class" in str(
            caught.value
        )

    def test_one_class_is_enough_to_predict(self, make: Make) -> None:
        assert listed(make("cats/1.png"), for_prediction=True).labels == ("cats",)

    def test_every_picture_is_predicted_wherever_it_lies(self, make: Make) -> None:
        listing = listed(make(*CATS_AND_DOGS, "9.png"), for_prediction=True)
        assert len(listing) == 4 and listing.labels is None

    def test_loose_pictures_are_left_out_of_training(self, make: Make) -> None:
        listing = listed(make(*CATS_AND_DOGS, "8.png", "9.png"))
        assert len(listing) == 3
        assert kinds(listing) == {"in no class folder": ["the top folder"]}

    def test_a_file_and_a_list_of_files_are_predicted(self, make: Make) -> None:
        root = make(*CATS_AND_DOGS)
        one = list_pictures(root / "cats/1.png", TrainSettings(), for_prediction=True)
        assert one.paths == (root / "cats/1.png",)
        several = [str(root / name) for name in (*CATS_AND_DOGS, "gone.png")]
        listing = list_pictures(several, TrainSettings(), for_prediction=True)
        assert len(listing) == 3 and kinds(listing) == {"missing file": [several[3]]}
        with pytest.raises(DataError, match="paths without labels"):
            list_pictures(several, TrainSettings())
        with pytest.raises(DataError, match="one picture; expected many"):
            list_pictures(root / "cats/1.png", TrainSettings())

    def test_a_file_that_is_not_there_is_answered_with_the_nearest(self, make: Make) -> None:
        root = make(*CATS_AND_DOGS)
        with pytest.raises(SourceError, match=r"no such file or folder\. Did you mean '.*2\.JPG'"):
            list_pictures(root / "cats/2.jpg", TrainSettings(), for_prediction=True)


class TestParts:
    def test_train_val_and_test_are_respected_in_any_case(self, make: Make) -> None:
        listing = listed(
            make("Train/a/1.png", "Train/b/2.png", "VAL/a/3.png", "VAL/b/4.png", "test/a/5.png")
            and make("test/b/6.png")
        )
        assert listing.labels == ("a", "b", "a", "b", "a", "b")
        assert listing.parts is not None
        expected = [TRAIN, TRAIN, VALIDATION, VALIDATION, TEST, TEST]
        assert listing.parts.tolist() == expected

    def test_a_class_called_train_among_vehicles_is_a_class(self, make: Make) -> None:
        listing = listed(make("train/1.png", "car/1.png", "bus/1.png"))
        assert set(listing.labels or ()) == {"train", "car", "bus"} and listing.parts is None

    def test_a_class_that_is_missing_to_train_on_is_refused(self, make: Make) -> None:
        root = make("train/a/1.png", "train/b/2.png", "test/a/3.png", "test/c/4.png")
        with pytest.raises(DataError) as caught:
            listed(root)
        assert "train/c: a missing class folder, while other parts hold pictures" in str(
            caught.value
        )

    def test_a_class_that_is_missing_in_the_test_is_a_problem(self, make: Make) -> None:
        listing = listed(make("train/a/1.png", "train/b/2.png", "test/a/3.png"))
        assert kinds(listing) == {"missing class folder": ["test/b"]}

    def test_no_part_to_train_on_is_refused(self, make: Make) -> None:
        root = make("val/a/1.png", "val/b/1.png", "test/a/2.png", "test/b/2.png")
        with pytest.raises(DataError, match="'test', 'val' and no 'train'; expected a part to"):
            listed(root)

    def test_a_test_part_without_classes_is_left_out_and_said_once(self, make: Make) -> None:
        root = make("train/a/1.png", "train/b/1.png", *(f"test/{n}.png" for n in range(50)))
        listing = listed(root)
        assert listing.names == ("train/a/1.png", "train/b/1.png")
        (problem,) = listing.problems
        assert (
            problem.name == "test" and "50 pictures lie in no folder of a class" in problem.detail
        )

    def test_a_folder_that_is_no_part_is_told_of(self, make: Make) -> None:
        listing = listed(make("train/a/1.png", "train/b/2.png", "test/a/3.png", "more/a/4.png"))
        assert kinds(listing)["in no part"] == ["more"] and len(listing) == 3

    def test_equal_names_in_two_parts_are_told_of_once_for_a_folder(self, make: Make) -> None:
        names = [
            f"{part}/{kind}/{n}.png" for part in ("train", "test") for kind in "ab" for n in "12"
        ]
        listing = listed(make(*names))
        found = [each for each in listing.problems if each.kind == "same name in two parts"]
        assert len(found) == 2 and not any(each.is_left_out for each in found)
        assert "2 of its names" in found[0].detail and len(listing) == 8


class TestLinks:
    def test_a_loop_of_links_ends_and_is_named(self, make: Make) -> None:
        root = make(*CATS_AND_DOGS)
        (root / "cats" / "again").symlink_to(root, target_is_directory=True)
        (root / "dogs" / "me.png").symlink_to(root / "dogs" / "me.png")
        listing = listed(root)
        assert listing.names == CATS_AND_DOGS
        assert kinds(listing) == {"symlink loop": ["cats/again", "dogs/me.png"]}

    def test_a_folder_that_is_linked_twice_is_taken_once(self, make: Make, tmp_path: Path) -> None:
        root = make(*CATS_AND_DOGS)
        (root / "apes").symlink_to(root / "cats", target_is_directory=True)
        listing = listed(root)
        assert listing.names == CATS_AND_DOGS and kinds(listing)["folder met twice"] == ["apes"]

    def test_a_link_to_pictures_elsewhere_is_followed(self, make: Make, tmp_path: Path) -> None:
        root = make(*CATS_AND_DOGS)
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "1.png").write_bytes(b"x")
        (root / "birds").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        assert "birds/1.png" in listed(root).names

    def test_a_web_of_links_is_walked_in_no_time(self, make: Make) -> None:
        # 40 folders, each linked twice from the one before: 2 ** 40 ways.
        root = make(*CATS_AND_DOGS, *(f"cats/{n:02}/" for n in range(40)))
        for n in range(39):
            for name in ("x", "y"):
                link = root / "cats" / f"{n:02}" / name
                link.symlink_to(root / "cats" / f"{n + 1:02}", target_is_directory=True)
        assert len(listed(root)) == 3

    def test_what_is_neither_file_nor_folder_is_named(self, make: Make) -> None:
        root = make(*CATS_AND_DOGS)
        os.mkfifo(root / "cats" / "pipe.png")
        assert kinds(listed(root)) == {"no file": ["cats/pipe.png"]}


class TestPermissions:
    def test_an_unreadable_folder_and_file_are_named(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = make(*CATS_AND_DOGS, "cats/shut/3.png", "dogs/4.png")
        access, scandir = os.access, os.scandir

        def no_access(path: str, mode: int) -> bool:
            return not str(path).endswith("4.png") and access(path, mode)

        def no_scandir(path: Path) -> object:
            if str(path).endswith("shut"):
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "access", no_access)
        monkeypatch.setattr(os, "scandir", no_scandir)
        listing = listed(root)
        assert kinds(listing) == {"unreadable folder": ["cats/shut"], "unreadable": ["dogs/4.png"]}
        assert listing.names == CATS_AND_DOGS


def test_listing_twice_gives_the_same(make: Make) -> None:
    root = make(*CATS_AND_DOGS, "birds/", "cats/x.txt", "9.png")
    first, second = listed(root), listed(root)
    for name in ("names", "paths", "labels", "problems", "facts"):
        assert getattr(first, name) == getattr(second, name)


def test_many_problems_are_summed_up_in_few_lines(make: Make) -> None:
    root = make(*CATS_AND_DOGS)
    for number in range(100):
        (root / "cats" / f"{number:03}.png").symlink_to(root / "nowhere")
    told = summary(listed(root).problems)
    assert told == (
        "100 problems with the pictures:\n  broken link (100, left out): cats/000.png, "
        "cats/001.png, cats/002.png and 97 more: it links to what is not there"
    )


def test_only_some_rows_of_a_listing_keep_what_is_theirs(make: Make) -> None:
    listing = listed(make("train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/4.png"))
    some = listing.only(np.array([3, 0]))
    assert some.names == ("train/b/2.png", "test/a/3.png") and some.labels == ("b", "a")
    assert some.parts is not None and some.parts.tolist() == [TRAIN, TEST] and len(some) == 2
