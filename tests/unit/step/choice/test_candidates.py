"""Only what a network calls and a processor can do is worth a trial."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ranvier.nn import build
from ranvier.spec import GRU, Conv, Dense, Flatten, Layer, MultiHeadAttention, Network
from ranvier.step import Batch
from ranvier.step.choice import Candidate, Limits, Scratch, candidates
from ranvier.step.choice.candidates import SMALL, by_rule, executors, variants, with_one_thread
from ranvier.step.choice.operations import multiply_adds
from ranvier.step.choice.processor import Processor, processor
from ranvier.step.variants import Variant
from tests.unit.step.choice.training import first_batch, training

LIMITS = Limits(forced={"threads": 2})
WITH_UNITS = Processor("made up", frozenset({"fpu", "amx_bf16"}))
WITHOUT = Processor("made up", frozenset({"fpu", "avx2"}))


def words_of(layer: Layer, shape: tuple[int, ...], limits: Limits = LIMITS) -> list[str]:
    """The variants that are tried for a layer before one class score."""
    program, _ = training()
    module = build(Network(layer, Flatten(), Dense(3)), shape)
    program = replace(program, module=module)
    scratch = Scratch(program, program.first_state(torch.device("cpu")))
    batch = Batch(torch.randn(4, *shape), torch.zeros(4, dtype=torch.int64))
    return [each.variant.words for each in variants(scratch, batch, "replay", limits)]


@pytest.fixture
def with_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "processor", lambda: WITH_UNITS)


@pytest.mark.usefixtures("with_units")
def test_a_dense_network_is_tried_in_bfloat16_alone() -> None:
    assert words_of(Dense(4), (5,)) == ["bfloat16, 2 threads"]


@pytest.mark.usefixtures("with_units")
def test_attention_and_convolution_are_tried_where_there_are_some() -> None:
    assert words_of(MultiHeadAttention(heads=2), (5, 4)) == [
        "float32 with plain attention, 2 threads",
        "bfloat16, 2 threads",
        "bfloat16 with plain attention, 2 threads",
    ]
    assert words_of(Conv(4, kernel=3), (6, 6, 2)) == [
        "float32, channels first, 2 threads",
        "bfloat16, 2 threads",
        "bfloat16, channels first, 2 threads",
    ]


@pytest.mark.usefixtures("with_units")
@pytest.mark.parametrize("has_library", [True, False])
def test_fused_recurrent_layers_are_tried_where_there_are_some_and_their_library(
    has_library: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "has_fused_kernels", lambda: has_library)
    found = words_of(GRU(3), (5, 2))
    assert "bfloat16, 2 threads" in found
    assert ("float32, fused recurrent layers, 2 threads" in found) is has_library
    assert ("bfloat16, fused recurrent layers, 2 threads" in found) is has_library
    assert not any("recurrent" in words for words in words_of(Dense(4), (5,)))
    forced = Limits(forced={"threads": 2, "recurrent": "plain"})
    assert not any("recurrent" in words for words in words_of(GRU(3), (5, 2), forced))


def test_bfloat16_is_not_tried_where_it_would_be_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "processor", lambda: WITHOUT)
    assert words_of(Dense(4), (5,)) == []


@pytest.mark.usefixtures("with_units")
def test_what_is_forced_is_not_tried_otherwise() -> None:
    limits = Limits(forced={"threads": 2, "number_format": "float32"})
    assert words_of(MultiHeadAttention(heads=2), (5, 4), limits) == [
        "float32 with plain attention, 2 threads"
    ]
    assert words_of(Dense(4), (5,), Limits(exact=True)) == []


def test_a_graphics_processor_has_executors_of_its_own() -> None:
    names = [each.executor for each in executors(torch.device("cuda"), Limits(exact=True))]
    assert names == ["cudagraph", "replay", "eager"]
    assert [each.executor for each in executors(torch.device("cpu"), Limits(exact=True))] == [
        "replay",
        "eager",
    ]


def test_what_is_told_runs_whatever_the_size_of_the_network() -> None:
    program, state = training()
    rows = SMALL // multiply_adds(program.module, state, 1) + 1
    large = Batch(torch.zeros(1, 5).expand(rows, 5), torch.zeros(1).expand(rows))
    told = Limits(forced={"executor": "native"})
    assert by_rule(program, state, large, told, "told").executor == "native"


def test_by_rule_the_library_runs_what_is_small_and_replay_the_rest() -> None:
    program, state = training()
    batch = first_batch()
    assert by_rule(program, state, batch, Limits(), "told").executor == "native"
    assert by_rule(program, state, batch, Limits(exact=True), "told").executor == "replay"
    rows = SMALL // multiply_adds(program.module, state, 1) + 1
    large = Batch(torch.zeros(1, 5).expand(rows, 5), torch.zeros(1).expand(rows))
    assert by_rule(program, state, large, Limits(), "told").executor == "replay"


def test_one_thread_is_tried_once_and_only_where_it_is_open() -> None:
    two = Candidate("replay", Variant(threads=2))
    one = Candidate("replay", Variant(threads=1))
    assert with_one_thread(two, Limits()) == [one]
    assert with_one_thread(one, Limits()) == []
    assert with_one_thread(two, LIMITS) == []
    assert with_one_thread(two, Limits(exact=True, forced={"threads": 2})) == []


def test_the_processor_has_a_name() -> None:
    assert processor().name
    assert WITH_UNITS.multiplies_bfloat16
    assert not WITHOUT.multiplies_bfloat16
