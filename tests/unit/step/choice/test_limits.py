"""What is forced stays, what changes bits is refused where bits must stay."""

from __future__ import annotations

import pytest
import torch

from ranvier.core.errors import ConfigError, UnknownNameError
from ranvier.step.choice import Candidate, Limits
from ranvier.step.variants import Variant


def test_nothing_forced_leaves_the_threads_of_the_process() -> None:
    assert Limits().base == Variant(threads=torch.get_num_threads())


def test_forced_values_go_into_every_candidate() -> None:
    limits = Limits(forced={"number_format": "bfloat16", "threads": 3})
    assert limits.base == Variant(number_format="bfloat16", threads=3)
    assert not limits.allow(Candidate("replay", Variant(threads=3)))
    assert limits.allow(
        Candidate("replay", Variant(number_format="bfloat16", attention="plain", threads=3))
    )


@pytest.mark.parametrize(
    ("forced", "came"),
    [({"number_format": "bfloat16"}, "bfloat16"), ({"executor": "inductor"}, "inductor")],
    ids=str,
)
def test_exact_bits_and_what_changes_them_are_refused_together(
    forced: dict[str, str], came: str
) -> None:
    with pytest.raises(ConfigError, match=f"exact: got .*{came}.*changes bits"):
        Limits(exact=True, forced=forced)


def test_exact_bits_leave_the_executors_that_keep_them() -> None:
    limits = Limits(exact=True)
    assert limits.allow(Candidate("replay", limits.base))
    assert not limits.allow(Candidate("native", limits.base))
    assert not limits.allow(Candidate("replay", Variant(number_format="bfloat16")))


def test_a_name_that_is_not_known_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"number_formt cannot be forced.*'number_format'"):
        Limits(forced={"number_formt": "bfloat16"})
    with pytest.raises(UnknownNameError, match="'replay'"):
        Limits(forced={"executor": "repaly"})


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        (Limits(), False),
        (Limits(exact=True), False),
        (Limits(forced={"executor": "replay"}), False),
        (Limits(exact=True, forced={"executor": "replay"}), True),
        (Limits(forced={"executor": "inductor"}), True),
        (Limits(forced={"executor": "replay", **Variant(threads=1).to_json()}), True),
    ],
    ids=str,
)
def test_nothing_is_open_once_the_executor_and_all_its_bits_are_told(
    limits: Limits, wanted: bool
) -> None:
    assert limits.leaves_one is wanted
