"""A choice says in a line what runs and why, and comes back from JSON."""

from __future__ import annotations

import json

import pytest

from ranvier.core.errors import ConfigError
from ranvier.step.choice import Candidate, Choice, Trial
from ranvier.step.variants import Variant

PLAIN = Variant(threads=2)
FAST = Variant(number_format="bfloat16", attention="plain", threads=2)
TRIED = (
    Trial(Candidate("eager", PLAIN), 173.2),
    Trial(Candidate("replay", PLAIN), 168.0),
    Trial(Candidate("replay", FAST), 73.9),
    Trial(Candidate("replay", Variant(threads=1)), note="it failed"),
)


def test_the_line_names_what_runs_what_it_takes_and_what_else_was_tried() -> None:
    assert Choice(Candidate("replay", FAST), "measured", TRIED).line == (
        "runs as replay in bfloat16 with plain attention, 2 threads: 74 ms a step (eager in "
        "float32 173; replay in float32 168; replay in float32, 1 thread: it failed)"
    )


def test_the_line_of_a_choice_by_rule_gives_the_rule() -> None:
    choice = Choice(Candidate("replay", PLAIN), "by rule, as 10 updates are too few to measure")
    assert choice.line == (
        "runs as replay in float32, 2 threads: by rule, as 10 updates are too few to measure"
    )


def test_a_choice_comes_back_from_json_as_it_was() -> None:
    choice = Choice(Candidate("replay", FAST), "measured", TRIED)
    assert Choice.from_json(json.loads(json.dumps(choice.to_json()))) == choice


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"executor": "replay", "variant": {"number_format": "int3"}, "reason": "", "tried": []},
        {"executor": "replay", "variant": [], "reason": "", "tried": []},
        {"executor": "replay", "variant": {}, "reason": "", "tried": [3]},
        [],
    ],
    ids=str,
)
def test_anything_else_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Choice.from_json(document)
