"""A network of convolutions learns in C with bfloat16 products as it does in float32."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ranvier.nn import build
from ranvier.optim import AdamW
from ranvier.spec.architectures import resnet
from ranvier.step import Batch
from ranvier.step.executors import Native
from ranvier.step.native import library
from ranvier.step.variants import Variant
from tests.parity.updates import CPU, Update

found = library()
pytestmark = [
    pytest.mark.skipif(isinstance(found, str), reason=str(found)),
    pytest.mark.skipif(
        not isinstance(found, str) and not found.rv_has_bf16(),
        reason="this processor does not multiply bfloat16",
    ),
]
STEPS = 20
NETWORK = resnet(20, blocks=(1, 1, 1), filters=8, classes=3, shortcut="projection")


def pictures(rows: int = 24) -> Batch:
    """Noise, with a bright square where the class says."""
    draw = torch.Generator().manual_seed(0)
    classes = torch.randint(0, 3, (rows,), generator=draw)
    rows_BHWC = torch.randn(rows, 15, 15, 1, generator=draw)
    for row, which in enumerate(classes.tolist()):
        rows_BHWC[row, 5 * which : 5 * which + 5, 3:8] += 2.0
    return Batch(rows_BHWC, classes)


def losses(number_format: str, *, threads: int) -> Tensor:
    torch.manual_seed(0)
    batch = pictures()
    module = build(NETWORK, (15, 15, 1))
    program = replace(
        Update(lambda: module, [batch], AdamW(1e-3)).program(),
        variant=Variant(number_format=number_format),
    )
    native = Native(program, program.first_state(CPU), threads=threads)
    came = torch.stack([native.run(batch, 1e-3).loss for _ in range(STEPS)])
    assert not native.remarks
    return came


@pytest.mark.parametrize("threads", [1, 2])
def test_a_residual_network_reaches_the_loss_of_float32(threads: int) -> None:
    exact, rounded = losses("float32", threads=threads), losses("bfloat16", threads=threads)
    assert exact[-1] < exact[0] / 4
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.02)
