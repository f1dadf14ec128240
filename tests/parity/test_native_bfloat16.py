"""The update in C with products in bfloat16: rounded operands, and nothing else changed."""

from __future__ import annotations

import pytest
import torch

from ranvier.nn import build
from ranvier.optim import AdamW, Muon, Optimizer
from ranvier.spec import BatchNorm, Dense, Dropout, Network
from ranvier.step import Batch
from ranvier.step.executors import Native
from ranvier.step.native import Engine, library
from ranvier.step.variants import Variant
from tests.parity.updates import Update, differing

LIBRARY = library()
pytestmark = pytest.mark.skipif(
    isinstance(LIBRARY, str) or not LIBRARY.rv_has_bf16(),
    reason="no native library that multiplies bfloat16",
)

HALF = Variant(number_format="bfloat16")
WIDE = Network(
    Dense(128, activation="relu"), BatchNorm(), Dropout(0.1), Dense(96, activation="relu"), Dense(3)
)


def update(variant: Variant, optimizer: Optimizer | None = None) -> Update:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(20, 64, 128, generator=draw)
    batches = [Batch(rows, rows[:, :3].argmax(1)) for rows in inputs]
    options = {"variant": variant}
    return Update(lambda: build(WIDE, (128,), seed=0), batches, optimizer or AdamW(0.003), options)


def rounding_products(engine: Engine) -> list[bool]:
    """Of each product of the tape whether it rounds what it multiplies."""
    products = [i for i in engine.tape.instructions if i.operation == "product"]
    return [i.arguments[-1] == 1 for i in products]


def engine_of(case: Update) -> Engine:
    program = case.program()
    native = Native(program, program.first_state(torch.device("cpu")))
    native.run(case.batches[0], 1e-3)
    assert [remark.text for remark in native.remarks] == []
    (engine,) = native._engines.values()
    assert engine is not None
    return engine


def test_a_training_follows_that_of_float32() -> None:
    rounded, came = update(HALF).run("native")
    assert [remark.text for remark in rounded.remarks] == []
    _, wanted = update(Variant()).run("native")
    assert torch.equal(came.pop("random/cpu"), wanted.pop("random/cpu"))
    assert differing(came, wanted)
    fallen = wanted["losses"][0] - wanted["losses"][-1]
    assert fallen > 0.5
    assert (came["losses"] - wanted["losses"]).abs().max() < 0.03 * fallen


def test_a_training_gives_the_same_bits_each_time() -> None:
    assert not differing(update(HALF).run("native")[1], update(HALF).run("native")[1])


def test_products_too_small_to_gain_stay_in_float32() -> None:
    # Forward, and the gradients of weight and input: only the last layer's are small.
    assert sorted(rounding_products(engine_of(update(HALF)))) == [False] * 3 + [True] * 5
    assert not any(rounding_products(engine_of(update(Variant()))))


def test_the_products_of_an_optimizer_stay_in_float32() -> None:
    moved_alone = rounding_products(engine_of(update(HALF)))
    with_muon = rounding_products(engine_of(update(HALF, Muon(0.003))))
    assert len(with_muon) > len(moved_alone)
    assert sum(with_muon) == sum(moved_alone)
