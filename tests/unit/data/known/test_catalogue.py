"""The table of known data sets."""

from __future__ import annotations

import re

import pytest

from ranvier.core.errors import UnknownNameError
from ranvier.data.known import DataSet, catalogue, data_set, is_known, is_known_pictures, target_of

ALL = catalogue()


def test_the_catalogue_holds_the_tables_that_the_targets_speak_of() -> None:
    names = [known.name for known in ALL]
    assert {"employment", "letter", "diamonds", "iris", "digits"} <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("known", ALL, ids=lambda known: known.name)
def test_every_entry_says_whose_the_data_is_and_what_it_holds(known: DataSet) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", known.name)
    assert known.license and known.source and known.reference and known.target
    assert (known.columns > 1) is not known.is_pictures
    assert 0 <= known.test_rows < known.rows


@pytest.mark.parametrize("known", ALL, ids=lambda known: known.name)
def test_what_is_fetched_is_pinned_by_version_and_digest(known: DataSet) -> None:
    fetched = known.registry != "installed"
    assert bool(known.version) is fetched
    assert bool(re.fullmatch(r"[0-9a-f]{64}", known.sha256)) is fetched


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        data_set("leter")
    assert str(caught.value) == "unknown data set 'leter'. Did you mean 'letter'?"


def test_an_unknown_part_is_answered_with_the_parts_there_are() -> None:
    with pytest.raises(UnknownNameError) as caught:
        data_set("letter:validation")
    assert str(caught.value) == (
        "letter:validation: 'letter' has no part 'validation'. Its parts are 'train' and 'test'."
    )
    with pytest.raises(UnknownNameError, match=r"'iris' has no part 'test'\. It has no parts\."):
        data_set("iris:test")


def test_a_part_is_known_where_the_split_is_official_and_a_path_is_not() -> None:
    assert is_known("letter:test") and is_known("letter") and not is_known("iris:test")
    assert not is_known("letter.csv") and not is_known(r"C:\letter") and not is_known({"a": [1]})


def test_pictures_and_tables_are_told_apart() -> None:
    assert is_known_pictures("mnist") and is_known_pictures("fashion-mnist:train")
    assert not is_known_pictures("letter") and not is_known_pictures("mnist.png")
    assert {known.name for known in ALL if known.is_pictures} == {"mnist", "fashion-mnist"}


def test_the_target_of_a_part_is_that_of_the_whole() -> None:
    assert target_of("letter:test") == target_of("letter") == "lettr"
