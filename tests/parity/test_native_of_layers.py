"""Every layer and ready architecture trains in C as it does eagerly, or is replayed by name."""

from __future__ import annotations

import pytest
import torch

from ranvier.optim import SGD
from ranvier.step.native import library
from tests.laws.examples import EXAMPLES
from tests.laws.examples.example import Example
from tests.laws.test_architectures import SMALL, Small
from tests.laws.test_sequence_architectures import CASES, Case
from tests.parity.updates import Update, update_of_architecture, update_of_layer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(isinstance(library(), str), reason=str(library())),
]
TOLERANCE = 1e-4


def assert_alike(update: Update, *, steps: int) -> None:
    """The numbers of eager within rounding, or its bits and the operation that is missing."""
    native, came = update.run("native", steps=steps)
    _, wanted = update.run("eager", steps=steps)
    for remark in native.remarks:
        assert remark.is_fallback
        assert "check" not in remark.text
        assert "failed" not in remark.text
    tolerance = 0.0 if native.remarks else TOLERANCE
    for name, tensor in wanted.items():
        size = float(tensor.double().abs().max()) if tensor.numel() else 0.0
        torch.testing.assert_close(
            came[name],
            tensor,
            rtol=tolerance,
            atol=tolerance * max(size, 1e-2),
            equal_nan=True,
            msg=lambda text, name=name: f"{name}: {text}",
        )


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_layer_trains_to_the_numbers_of_eager(example: Example) -> None:
    update = update_of_layer(example, optimizer=SGD(0.01, momentum=0.9))
    assert_alike(update, steps=10)


@pytest.mark.parametrize("case", [*SMALL, *CASES], ids=str)
def test_an_architecture_trains_to_the_numbers_of_eager(case: Small | Case) -> None:
    update = update_of_architecture(case, optimizer=SGD(0.01, momentum=0.9))
    assert_alike(update, steps=6)
