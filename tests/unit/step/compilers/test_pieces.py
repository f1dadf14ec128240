"""Operations on lists, taken apart, give what their kernels give."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ranvier.nn import build
from ranvier.optim import OPTIMIZERS, SGD, Adam, AdamW, Optimizer
from ranvier.spec import Dense, Network
from ranvier.step.capture import capture
from ranvier.step.compilers.pieces import InPieces
from tests.parity.test_replay import batches
from tests.parity.updates import CPU, Update

EVERY: list[tuple[Optimizer, dict[str, Any]]] = [
    *((kind(), {"clip_norm": 0.5}) for kind in OPTIMIZERS.values() if kind.capturable),
    (Adam(0.01, weight_decay=0.1, amsgrad=True), {"average_decay": 0.9}),
    (SGD(0.01, momentum=0.9, nesterov=True, weight_decay=0.1), {"clip_each_norm": 0.1}),
    (SGD(0.01, momentum=0.9, dampening=0.5), {"clip_value": 0.01}),
    (AdamW(0.01), {"average_after": 3, "clip_adaptive": 0.1, "accumulate": 2}),
]


@pytest.mark.parametrize(("optimizer", "options"), EVERY, ids=str)
def test_an_update_in_pieces_is_the_update_within_rounding(
    optimizer: Optimizer, options: dict[str, Any]
) -> None:
    network = Network(Dense(16, activation="tanh"), Dense(3))
    given = batches(4, 8)
    update = Update(lambda: build(network, 5).double(), _doubled(given), optimizer, options)
    program = update.program()
    state = program.first_state(CPU)
    module = capture(program, state, update.batches[0]).module
    assert [name for name in _operations(module) if "_f" in name]
    tensors = [tensor.detach().clone() for tensor in state.named().values()]
    _, wanted = update.run("eager", steps=8)
    losses = []
    for step in range(8):
        batch = update.batches[step % 4]
        rate = torch.tensor(0.01 * (1 - step / 16), dtype=torch.float64)
        with torch.no_grad():
            losses.append(InPieces(module).run(*tensors, batch.inputs, batch.targets, rate)[0])
    torch.testing.assert_close(torch.stack(losses), wanted["losses"], rtol=1e-7, atol=1e-9)
    for name, tensor in zip(state.named(), tensors, strict=True):
        torch.testing.assert_close(tensor, wanted[name], rtol=1e-6, atol=1e-8, msg=name)


def test_nothing_on_lists_is_left_in_pieces() -> None:
    update = Update(lambda: build(Network(Dense(3)), 5), batches(1, 8), None, {"clip_norm": 0.5})
    program = update.program()
    state = program.first_state(CPU)
    module = capture(program, state, update.batches[0]).module
    seen: list[str] = []

    class Watched(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(func._schema.name)
            return func(*args, **(kwargs or {}))

    tensors = [tensor.detach().clone() for tensor in state.named().values()]
    batch = update.batches[0]
    rate: Tensor = torch.tensor(0.01, dtype=torch.float64)
    with torch.no_grad(), Watched():
        InPieces(module).run(*tensors, batch.inputs, batch.targets, rate)
    assert "aten::addcmul_" in seen
    assert not [name for name in seen if "_foreach" in name or "_fused" in name]


def _operations(module: torch.fx.GraphModule) -> list[str]:
    return [str(node.target) for node in module.graph.nodes]


def _doubled(given: list[Any]) -> list[Any]:
    return [batch._replace(inputs=batch.inputs.double()) for batch in given]
