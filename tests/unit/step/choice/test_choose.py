"""From a program to what runs it: forced, by rule, known from before, or measured now."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from ranvier.core.errors import ConfigError
from ranvier.step.choice import Candidate, Choice, candidates, choose, executor_of, search
from ranvier.step.choice.choose import MEASURED_FROM
from ranvier.step.choice.processor import Processor
from ranvier.step.executors import Eager, Replay
from ranvier.step.variants import Variant
from tests.unit.step.choice.training import clock, rows, training

SECONDS = 1e3
"""A step of a second: a training of many is worth a trial."""


@pytest.fixture(autouse=True)
def _on_a_processor_with_bfloat16_and_without_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = Processor("made up", frozenset({"avx512_bf16"}))
    monkeypatch.setattr(candidates, "processor", lambda: fake)
    # What the library does has tests of its own; here it would only make the others slow.
    monkeypatch.setattr(candidates, "_ON_PROCESSOR", ("replay", "eager"))


def usual(candidate: Candidate) -> float:
    """Replay is a little faster than eager, bfloat16 twice as fast, one thread slower."""
    factor = 1.0 if candidate.executor == "eager" else 0.95
    return SECONDS * factor * (0.5 if candidate.variant.number_format == "bfloat16" else 1.0)


def chosen(
    cache: Path | None, milliseconds: Callable[[Candidate], float] = usual, **options: Any
) -> Choice:
    program, state = training()
    given: dict[str, Any] = {"planned_updates": MEASURED_FROM, **options}
    return choose(
        program,
        state,
        rows,
        learning_rate=lambda step: 0.01,
        cache=cache,
        timer=clock(milliseconds),
        **given,
    )


def forbidden(candidate: Candidate) -> float:
    raise AssertionError(f"{candidate} was measured")


def test_bfloat16_is_chosen_where_it_is_faster_and_trains_as_well(tmp_path: Path) -> None:
    found = chosen(tmp_path)
    assert (found.executor, found.variant.number_format) == ("replay", "bfloat16")
    assert found.line.startswith("runs as replay in bfloat16")
    assert "475 ms a step (replay in float32 950; eager in float32 1000)" in found.line


def test_what_changes_bits_must_be_clearly_faster(tmp_path: Path) -> None:
    def hardly(candidate: Candidate) -> float:
        return SECONDS * (0.92 if candidate.variant.number_format == "bfloat16" else 1.0)

    assert chosen(tmp_path, hardly).variant.is_plain


def test_what_trains_worse_is_not_chosen_however_fast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.Quality, "accepts", lambda self, candidate: False)
    found = chosen(tmp_path)
    assert (found.executor, found.variant.number_format) == ("replay", "float32")
    assert "replay in bfloat16 475: its losses are too far off" in found.line


def test_the_faster_of_what_keeps_bits_runs_where_bits_must_stay(tmp_path: Path) -> None:
    found = chosen(tmp_path, exact=True)
    assert (found.executor, found.variant.is_plain) == ("replay", True)
    assert {trial.candidate.variant for trial in found.tried} == {found.variant}


def test_eager_runs_where_replay_is_slower(tmp_path: Path) -> None:
    found = chosen(tmp_path, lambda c: SECONDS * (2 if c.executor == "replay" else 1))
    assert (found.executor, found.variant.is_plain) == ("eager", True)


def test_a_second_training_of_the_same_gets_the_choice_unmeasured(tmp_path: Path) -> None:
    first = chosen(tmp_path)
    assert chosen(tmp_path, forbidden) == first


def test_another_training_is_measured_anew(tmp_path: Path) -> None:
    chosen(tmp_path)
    with pytest.raises(AssertionError, match="was measured"):
        chosen(tmp_path, forbidden, data="other rows")


def test_a_damaged_choice_is_measured_anew(tmp_path: Path) -> None:
    first = chosen(tmp_path)
    (file,) = (tmp_path / "choices").iterdir()
    file.write_bytes(file.read_bytes()[:-10])
    assert chosen(tmp_path) == first
    assert chosen(tmp_path, forbidden) == first


@pytest.mark.parametrize(
    ("cache", "options", "why"),
    [
        (True, {"planned_updates": MEASURED_FROM - 1}, "999 updates are too few to measure"),
        (False, {}, "there is no folder to keep what is measured"),
        (True, {"forced": {"executor": "replay"}, "exact": True}, "the executor is told"),
    ],
    ids=str,
)
def test_a_choice_by_rule_measures_nothing_and_keeps_bits(
    tmp_path: Path, cache: bool, options: dict[str, Any], why: str
) -> None:
    found = chosen(tmp_path if cache else None, forbidden, **options)
    assert (found.executor, found.variant.is_plain) == ("replay", True)
    assert why in found.line
    assert list(tmp_path.iterdir()) == []


def test_a_training_of_little_time_runs_by_rule_and_that_is_kept(tmp_path: Path) -> None:
    found = chosen(tmp_path, lambda candidate: 1.0)
    assert found.line.endswith("by rule, as 1000 updates take little time")
    assert chosen(tmp_path, forbidden) == found


def test_what_cannot_be_kept_is_not_chosen(tmp_path: Path) -> None:
    (tmp_path / "choices").write_text("a file where the folder should be")
    found = chosen(tmp_path)
    assert found.variant.is_plain
    assert found.line.endswith("by rule, as what was measured could not be kept")


def test_a_choice_that_another_process_kept_meanwhile_goes_before_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Choice(Candidate("eager", Variant(threads=1)), "measured elsewhere")
    kept = iter([None, other])
    # The package holds the function under the module's name.
    module = import_module("ranvier.step.choice.choose")
    monkeypatch.setattr(module, "load_choice", lambda cache, key: next(kept))
    assert chosen(tmp_path) == other


def test_forced_values_run_without_being_asked_about(tmp_path: Path) -> None:
    found = chosen(tmp_path, forced={"number_format": "bfloat16", "executor": "eager"})
    assert (found.executor, found.variant.number_format) == ("eager", "bfloat16")
    few = chosen(None, forbidden, forced={"number_format": "bfloat16"}, planned_updates=3)
    assert (few.executor, few.variant.number_format) == ("replay", "bfloat16")


def test_what_is_forced_and_not_exact_is_refused_with_exact_bits(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="changes bits"):
        chosen(tmp_path, exact=True, forced={"number_format": "bfloat16"})


def test_one_thread_is_tried_where_a_step_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WORTH_SECONDS", 0.0)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = chosen(tmp_path, lambda candidate: 1.0 / (3 - (candidate.variant.threads or 0)))
    finally:
        torch.set_num_threads(before)
    assert found.variant.threads == 1


def test_choosing_leaves_the_training_where_it_was(tmp_path: Path) -> None:
    program, state = training()
    torch.manual_seed(3)
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    report: list[str] = []
    found = choose(
        program,
        state,
        rows,
        learning_rate=lambda step: 0.01,
        planned_updates=MEASURED_FROM,
        cache=tmp_path,
        timer=clock(usual),
        report=report.append,
    )
    assert report == [found.line]
    assert state.step == 0
    for name, tensor in state.tensors().items():
        assert torch.equal(tensor, before[name])


def test_the_executor_of_a_choice_runs_its_variant() -> None:
    program, state = training()
    variant = Variant(number_format="bfloat16")
    for name, kind in (("eager", Eager), ("replay", Replay)):
        executor = executor_of(Choice(Candidate(name, variant), "told"), program, state)
        assert isinstance(executor, kind)
        assert executor.program.variant == variant
        assert executor.state is state


def test_a_network_that_cannot_be_copied_runs_by_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(self: object, memo: object) -> None:
        raise RuntimeError("only leaves can be copied")

    monkeypatch.setattr(torch.nn.Module, "__deepcopy__", refuses, raising=False)
    found = chosen(tmp_path, forbidden)
    assert found.line.endswith("the network cannot be copied: only leaves can be copied")
