"""A choice is kept for the same program on the same machine, and nothing else gets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ranvier.losses import Focal
from ranvier.optim import SGD
from ranvier.step import Batch
from ranvier.step.choice import Choice, Limits, Trial
from ranvier.step.choice.cache import keep_choice, key_of, load_choice
from tests.unit.step.choice.training import (
    EAGER,
    REPLAY,
    REPLAY_IN_BFLOAT16,
    first_batch,
    training,
)

CHOICE = Choice(REPLAY_IN_BFLOAT16, "measured", (Trial(EAGER, 3.0), Trial(REPLAY, note="slow")))


def key(**changed: Any) -> str:
    program, _ = training()
    program = changed.pop("program", program)
    given = {
        "batch": first_batch(),
        "planned_updates": 5000,
        "limits": Limits(),
        "data": "",
        **changed,
    }
    batch = given.pop("batch")
    return key_of(program, program.first_state(torch.device("cpu")), batch, **given)


def test_the_same_program_has_the_same_key() -> None:
    assert key() == key()


CHANGES: dict[str, dict[str, Any]] = {
    "updates": {"planned_updates": 6000},
    "limits": {"limits": Limits(forced={"attention": "fused"})},
    "exact": {"limits": Limits(exact=True)},
    "data": {"data": "other rows"},
    "rows": {"batch": Batch(torch.zeros(8, 5), torch.zeros(8, dtype=torch.int64))},
    "type": {"batch": Batch(torch.zeros(16, 5).double(), first_batch().targets)},
    "weights": {"batch": first_batch()._replace(weights=torch.ones(16))},
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_program_or_plan_has_another_key(name: str) -> None:
    assert key(**CHANGES[name]) != key()


@pytest.mark.parametrize(
    "options",
    [{"optimizer": SGD(0.01)}, {"loss": Focal()}, {"clip_norm": 1.0}, {"average_decay": 0.0}],
    ids=str,
)
def test_another_setting_of_the_program_has_another_key(options: dict[str, Any]) -> None:
    program, _ = training()
    assert key(program=replace(program, **options)) != key()


def test_a_kept_choice_comes_back(tmp_path: Path) -> None:
    assert load_choice(tmp_path, "abc") is None
    assert keep_choice(tmp_path, "abc", CHOICE)
    assert load_choice(tmp_path, "abc") == CHOICE


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', "\0"])
def test_a_damaged_file_is_taken_for_none(tmp_path: Path, damage: str) -> None:
    keep_choice(tmp_path, "abc", CHOICE)
    (tmp_path / "choices" / "abc.json").write_text(damage)
    assert load_choice(tmp_path, "abc") is None


def test_a_file_that_somebody_edited_is_taken_for_none(tmp_path: Path) -> None:
    keep_choice(tmp_path, "abc", CHOICE)
    file = tmp_path / "choices" / "abc.json"
    file.write_text(file.read_text().replace("bfloat16", "float32"))
    assert load_choice(tmp_path, "abc") is None


def test_an_executor_that_is_not_known_here_is_taken_for_none(tmp_path: Path) -> None:
    strange = Choice(replace(REPLAY, executor="from_the_future"), "measured")
    keep_choice(tmp_path, "abc", strange)
    assert load_choice(tmp_path, "abc") is None


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "choices").write_text("a file where the folder should be")
    assert not keep_choice(tmp_path, "abc", CHOICE)
    assert load_choice(tmp_path, "abc") is None
