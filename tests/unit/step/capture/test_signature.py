"""What changes after a capture is seen before the next step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ranvier.core.errors import ConfigError
from ranvier.step import Batch, Executor
from ranvier.step.executors.captured import MOST_CAPTURES
from tests.parity.updates import Update, differing
from tests.unit.step.capture.test_guard import batch


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.5), nn.BatchNorm1d(6), nn.Linear(6, 3))


def trained(name: str, change: str) -> tuple[Executor, dict[str, torch.Tensor]]:
    """Some steps, a change, some more."""
    executor, _ = Update(network, [batch()]).run(name, steps=4)
    layer = executor.program.module.get_submodule("1" if change == "dropout" else "2")
    layer.eval()
    for _ in range(4):
        executor.run(batch(), 0.01)
    return executor, executor.state.tensors()


@pytest.mark.parametrize(("change", "path"), [("dropout", "1"), ("norm", "2")])
def test_a_layer_that_goes_to_evaluation_mode_is_captured_again(change: str, path: str) -> None:
    _, wanted = trained("eager", change)
    replayed, came = trained("replay", change)
    (remark,) = replayed.remarks
    assert remark.text == f"replay: captured again, as {path} went to evaluation mode"
    assert differing(came, wanted) == []


def test_a_parameter_frozen_meanwhile_is_refused_as_eager_refuses_it() -> None:
    for name in ("eager", "replay"):
        executor, _ = Update(network, [batch()]).run(name, steps=4)
        executor.program.module.get_parameter("0.weight").requires_grad_(False)
        with pytest.raises(ConfigError, match="0.weight: does not require grad any more"):
            executor.run(batch(), 0.01)


def test_inputs_of_another_precision_are_captured_again() -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 3))

    codes = torch.randint(0, 9, (8, 2))
    targets = torch.randint(0, 3, (8,))
    mixed = [Batch(codes, targets), Batch(codes.int(), targets)]
    _, wanted = Update(network, mixed).run("eager")
    replayed, came = Update(network, mixed).run("replay")
    (remark,) = replayed.remarks
    assert "inputs [8, 2] int64 on cpu became [8, 2] int32 on cpu" in remark.text
    assert differing(came, wanted) == []


def test_batches_of_too_many_forms_run_eagerly_and_say_so() -> None:
    sizes = [batch(rows) for rows in range(4, 4 + MOST_CAPTURES + 2)]
    _, wanted = Update(network, sizes).run("eager", steps=3 * len(sizes))
    replayed, came = Update(network, sizes).run("replay", steps=3 * len(sizes))
    reasons = {remark.text for remark in replayed.remarks if remark.is_fallback}
    assert reasons == {"replay: runs eagerly, as its batches have too many forms"}
    assert differing(came, wanted) == []
