"""Near-duplicates: those first that spoil a measurement or contradict each other."""

from __future__ import annotations

from ranvier.apps.image.gallery.twins import MOST_OF_EACH, twins
from ranvier.core.task import Task
from tests.unit.apps.image.gallery.conftest import bars

PARTS = {"train": bars(30), "test": bars(12, first=31, folder="test")}


def test_contradictions_come_first_then_groups_over_parts_then_large_ones(task: Task) -> None:
    same, over_parts, unlike = [1, 4, 7], [2, 32], [1, 2]
    record = twins(task, PARTS, [same, over_parts, unlike])
    assert record is not None
    shown = [[each["number"] for each in item["pictures"]] for item in record["items"]]
    assert shown == [unlike, over_parts, same]
    assert (record["groups"], record["unlike_labels"], record["across_parts"]) == (3, 1, 1)
    first = record["items"][0]["pictures"]
    assert [each["label"] for each in first] == ["lies", "stands"]
    assert [each["part"] for each in record["items"][1]["pictures"]] == ["train", "test"]


def test_of_a_large_group_every_part_is_shown(task: Task) -> None:
    record = twins(task, PARTS, [[1, 4, 7, 10, 13, 16, 31]])
    assert record is not None
    (item,) = record["items"]
    assert item["size"] == 7 and len(item["pictures"]) == MOST_OF_EACH
    assert {each["part"] for each in item["pictures"]} == {"train", "test"}


def test_numbers_of_another_source_are_not_taken_for_those_of_this_one(task: Task) -> None:
    parts = {"train": bars(30), "test": bars(12, folder="elsewhere")}
    record = twins(task, parts, [[1, 4]])
    assert record is not None
    assert [each["part"] for each in record["items"][0]["pictures"]] == ["train", "train"]


def test_pictures_that_were_left_out_are_no_twins(task: Task) -> None:
    assert twins(task, PARTS, [[1, 900], [901, 902]]) is None
    assert twins(task, PARTS, []) is None
