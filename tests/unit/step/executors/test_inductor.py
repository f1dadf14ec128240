"""The update through PyTorch's compiler: eager's numbers within rounding, and its own for good."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from ranvier.nn import build
from ranvier.spec import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    GlobalAveragePool,
    LayerNorm,
    Network,
)
from ranvier.step import Batch
from ranvier.step.executors import Inductor
from tests.parity.test_replay import batches
from tests.parity.updates import STEPS, Update, differing

SETTINGS = {"clip_norm": 0.5, "l2": 1e-3, "average_decay": 0.9}
DENSE = Network(Dense(16, activation="relu"), Dropout(0.2), LayerNorm(), Dense(3))


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RANVIER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def dense() -> Update:
    return Update(lambda: build(DENSE, 5), batches(4, 8), options=SETTINGS)


def children() -> list[str]:
    """The processes that this one has started and that are still there, where that can be read."""
    listed = Path("/proc/self/task").glob("*/children")
    return [child for each in listed for child in each.read_text().split()]


def assert_close(came: dict[str, Tensor], wanted: dict[str, Tensor], share: float) -> None:
    """Every tensor, by how far it is off of its size; random states to the bit."""
    for name, tensor in wanted.items():
        if name.startswith("random/"):
            assert torch.equal(came[name], tensor)
        else:
            off = torch.linalg.vector_norm((came[name] - tensor).double())
            assert off <= share * (1e-3 + torch.linalg.vector_norm(tensor.double())), name


def test_a_dense_network_with_dropout_clipping_and_average_trains_as_eager_does(
    dense: Update, capfd: pytest.CaptureFixture[str]
) -> None:
    before = children()
    made, came = dense.run("inductor")
    assert made.remarks == []
    assert capfd.readouterr() == ("", "")
    assert set(children()) <= set(before)
    _, wanted = dense.run("eager")
    assert_close(came, wanted, 1e-4)
    _, again = dense.run("inductor")
    assert differing(came, again) == []


def test_going_on_from_a_saved_state_comes_to_the_same_bits(dense: Update) -> None:
    _, wanted = dense.run("inductor")
    first = dense.executor("inductor")
    torch.manual_seed(1)
    for step in range(7):
        first.run(dense.batches[step % 4], 0.01 * (1 - step / (2 * STEPS)))
    saved = {name: tensor.detach().clone() for name, tensor in first.state.tensors().items()}
    second = dense.executor("inductor")
    second.state.load(saved, step=7)
    for step in range(7, STEPS):
        rate = 0.01 * (1 - step / (2 * STEPS))
        if step % 3:
            second.run(dense.batches[step % 4], rate)
        else:
            second.run_observed(dense.batches[step % 4], rate)
    came = second.state.tensors()
    assert differing(came, {name: wanted[name] for name in came}) == []


def test_no_compiler_leaves_training_to_eager_with_a_line(
    dense: Update, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from torch._inductor import config

    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))
    with config.patch({"cpp.cxx": (str(tmp_path / "none"),)}):
        made, came = dense.run("inductor")
    (remark,) = made.remarks
    assert remark.is_fallback
    assert remark.text == (
        "inductor: runs eagerly, as PyTorch's compiler finds no C++ compiler on this machine"
    )
    _, wanted = dense.run("eager")
    assert differing(came, wanted) == []


def test_a_compiled_update_that_is_wrong_is_found_out(
    dense: Update, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(module: torch.fx.GraphModule) -> object:
        def run(*tensors: Tensor) -> tuple[Tensor, ...]:
            with torch.no_grad():
                loss, norms, *gradients = module(*tensors)
            tensors[0].sub_(1.0)
            return (loss, norms, *gradients)

        return run

    monkeypatch.setattr("ranvier.step.executors.inductor.inductor_function", half)
    made, came = dense.run("inductor")
    assert [remark.text for remark in made.remarks] == [
        "inductor: runs eagerly, as the captured update gave other numbers at its check"
    ]
    _, wanted = dense.run("eager")
    assert differing(came, wanted) == []
    assert isinstance(made, Inductor)


@pytest.mark.slow
def test_convolution_and_batch_norm_train_as_eager_does() -> None:
    network = Network(
        Conv(8, 3, activation="relu"), BatchNorm(), GlobalAveragePool(), Dropout(0.2), Dense(3)
    )
    draw = torch.Generator().manual_seed(0)
    given = [Batch(torch.randn(8, 9, 9, 1, generator=draw), torch.arange(8) % 3) for _ in range(3)]
    update = Update(lambda: build(network, (9, 9, 1)), given, options={"clip_norm": 0.5})
    made, came = update.run("inductor")
    assert made.remarks == []
    _, wanted = update.run("eager")
    assert_close(came, wanted, 1e-3)
