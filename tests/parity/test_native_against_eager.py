"""The update in C gives eager's numbers within rounding, and always the same ones."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from ranvier.losses import (
    CrossEntropy,
    Huber,
    Loss,
    MeanSquaredError,
)
from ranvier.nn import build
from ranvier.optim import OPTIMIZERS, SGD, AdamW, Optimizer, RMSprop
from ranvier.spec import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LayerNorm,
    MaxPool,
    MemberDense,
    Members,
    Network,
    PiecewiseEmbedding,
    Residual,
    SharedDense,
    TableFeatures,
)
from ranvier.step import Batch
from ranvier.step.executors import Native
from ranvier.step.native import library
from tests.parity.updates import Update, differing

pytestmark = pytest.mark.skipif(isinstance(library(), str), reason=str(library()))

ROWS, FEATURES, STEPS = 16, 5, 20
PLAIN = Network(Dense(16, activation="relu"), Dense(12, activation="tanh"), Dense(3))
MIXED = Network(
    Dense(16, activation="relu"),
    BatchNorm(),
    Dropout(0.2),
    Residual(Dense(16, activation="gelu")),
    LayerNorm(),
    Dense(3),
)
ACTIVATIONS = (
    "relu", "elu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid", "softplus", "softsign",
    "hard_sigmoid", "hard_silu", "leaky_relu", "relu6", "log_sigmoid", "softmax", "exponential",
    "celu", "hard_tanh", "tanh_shrink",
)  # fmt: skip
OPTIONS: list[dict[str, Any]] = [
    {"clip_norm": 0.1, "l2": 1e-2, "average_decay": 0.9},
    {"clip_each_norm": 0.05, "average_after": 4},
    {"clip_value": 0.01, "l1": 1e-3},
    {"clip_adaptive": 0.1, "orthogonal": 0.01},
    {"accumulate": 3},
]


def batches(
    shape: tuple[int, ...] = (FEATURES,),
    *,
    rows: int = ROWS,
    weighted: bool = False,
    numbers: bool = False,
) -> list[Batch]:
    draw = torch.Generator().manual_seed(0)

    def targets() -> Tensor:
        if numbers:
            return torch.randn(rows, generator=draw)
        return torch.randint(0, 3, (rows,), generator=draw)

    return [
        Batch(
            torch.randn(rows, *shape, generator=draw),
            targets(),
            torch.rand(rows, generator=draw) if weighted else None,
        )
        for _ in range(STEPS)
    ]


def update(
    network: Network = PLAIN,
    optimizer: Optimizer | None = None,
    data: list[Batch] | None = None,
    *,
    loss: Loss | None = None,
    **options: Any,
) -> Update:
    data = batches() if data is None else data
    shape = tuple(data[0].inputs.shape[1:])

    def module() -> torch.nn.Module:
        return build(network, shape, seed=0)

    return Update(module, data, optimizer or SGD(0.05, momentum=0.9), options, loss)


def assert_as_eager(case: Update, *, tolerance: float = 1e-4) -> None:
    native, came = case.run("native")
    assert [remark.text for remark in native.remarks] == []
    _, wanted = case.run("eager")
    assert came.keys() == wanted.keys()
    assert torch.equal(came.pop("random/cpu"), wanted.pop("random/cpu"))
    for name, tensor in wanted.items():
        torch.testing.assert_close(
            came[name],
            tensor,
            rtol=tolerance,
            atol=tolerance * max(1e-2, _largest(tensor)),
            msg=lambda text, name=name: f"{name}: {text}",
        )


def _largest(tensor: Tensor) -> float:
    return float(tensor.double().abs().max()) if tensor.numel() else 0.0


@pytest.mark.parametrize("kind", [k for k in OPTIMIZERS.values() if k.capturable], ids=str)
def test_every_optimizer(kind: type[Optimizer]) -> None:
    assert_as_eager(update(optimizer=kind(), clip_norm=0.5))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("optimizer", [AdamW(0.01), RMSprop(0.001)], ids=["adamw", "rmsprop"])
def test_what_an_update_does_beside_the_step(optimizer: Optimizer, options: dict[str, Any]) -> None:
    assert_as_eager(update(MIXED, optimizer, **options))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str) -> None:
    assert_as_eager(update(Network(Dense(16, activation=activation), Dense(3))))


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}], ids=str)
def test_weights_of_the_rows(options: dict[str, Any]) -> None:
    assert_as_eager(update(MIXED, AdamW(0.01), batches(weighted=True), **options))


@pytest.mark.parametrize("loss", [MeanSquaredError(), Huber()], ids=str)
def test_numbers_as_targets(loss: Loss) -> None:
    network = Network(Dense(16, activation="silu"), Dropout(0.1), Dense(1))
    assert_as_eager(update(network, AdamW(0.01), batches(numbers=True), loss=loss))


def test_random_numbers_that_torch_draws_beforehand() -> None:
    network = Network(GaussianNoise(0.1), Dense(16, activation="relu"), Dropout(0.3), Dense(3))
    assert_as_eager(update(network))


def test_a_picture_goes_through_convolution_and_pooling() -> None:
    network = Network(
        Conv(4, kernel=3, activation="relu", padding="same"),
        MaxPool(2),
        Conv(6, kernel=3),
        BatchNorm(),
        Flatten(),
        Dense(3),
    )
    assert_as_eager(update(network, data=batches((8, 8, 1), rows=6)))


@pytest.mark.parametrize("shares", [True, False])
def test_the_ensemble_that_tables_get(shares: bool) -> None:
    edges = tuple(tuple(float(e) for e in range(-2, 3)) for _ in range(3))
    first = SharedDense(16, activation="relu") if shares else MemberDense(16, activation="relu")
    network = Network(
        TableFeatures(
            numeric=3,
            cardinalities=(4, 9),
            numbers=PiecewiseEmbedding(edges=edges, units=4),
            one_hot_up_to=5,
            embedding=3,
        ),
        Members(4),
        first,
        Dropout(0.1),
        MemberDense(3),
    )
    draw = torch.Generator().manual_seed(0)
    data = []
    for batch in batches((3,)):
        codes = [torch.randint(0, c, (ROWS, 1), generator=draw) for c in (4, 9)]
        rows = torch.cat([batch.inputs, *codes], 1)
        data.append(Batch(rows, batch.targets))
    case = Members4(update(network, data=data))
    assert_as_eager(case)


class Members4(Update):
    """The update of an ensemble of four members."""

    def __init__(self, case: Update) -> None:
        super().__init__(case.module, case.batches, case.optimizer, case.options, CrossEntropy())

    def program(self) -> Any:
        from dataclasses import replace

        program = super().program()
        return replace(program, head=replace(program.head, members=4))


def test_numbers_do_not_depend_on_how_steps_are_put_into_calls() -> None:
    case = update(MIXED, AdamW(0.01))
    _, one_by_one = case.run("native")
    together = case.executor("native")
    torch.manual_seed(1)
    rows = Batch(*(torch.cat(parts) for parts in zip(*(b[:2] for b in case.batches))))
    rates = [0.01 * (1 - step / (2 * STEPS)) for step in range(STEPS)]
    cuts, losses = [0, 1, 6, STEPS], []
    for first, last in zip(cuts, cuts[1:], strict=False):
        here = Batch(
            rows.inputs[first * ROWS : last * ROWS], rows.targets[first * ROWS : last * ROWS]
        )
        bounds = list(range(0, (last - first + 1) * ROWS, ROWS))
        losses.append(together.run_rows(here, bounds, rates[first:last]).loss)
    left = {k: v for k, v in one_by_one.items() if k not in ("losses", "norms")}
    assert differing(dict(together.state.tensors()), left) == []
    assert torch.equal(torch.cat(losses), one_by_one["losses"])


def test_the_same_run_gives_the_same_bits() -> None:
    case = update(MIXED, AdamW(0.01), clip_norm=0.5)
    assert differing(case.run("native")[1], case.run("native")[1]) == []


def test_two_threads_give_eagers_numbers_and_always_the_same() -> None:
    network = Network(
        Dense(128, activation="relu"), LayerNorm(), Dense(200, activation="gelu"), Dense(3)
    )
    case = update(network, data=batches((64,), rows=256)[:4])
    _, wanted = case.run("eager", steps=8)
    left = []
    for _ in range(2):
        program = case.program()
        native = Native(program, program.first_state(torch.device("cpu")), threads=2)
        for step in range(8):
            native.run(case.batches[step % 4], 0.01 * (1 - step / 16))
        left.append({name: t.detach().clone() for name, t in native.state.named().items()})
    assert differing(left[0], left[1]) == []
    for name, tensor in left[0].items():
        torch.testing.assert_close(tensor, wanted[name], rtol=1e-4, atol=1e-5)


def test_a_short_last_batch_has_a_tape_of_its_own() -> None:
    case = update(MIXED, AdamW(0.01))
    executors = [case.executor(name) for name in ("native", "eager")]
    rows = Batch(torch.randn(40, FEATURES), torch.randint(0, 3, (40,)))
    for made in executors:
        torch.manual_seed(1)
        scalars = made.run_rows(rows, [0, 16, 32, 40], [0.01, 0.01, 0.005])
        assert scalars.loss.shape == (3,)
        assert scalars.gradient_norms.shape == (3, len(made.state.parameters))
        assert made.state.step == 3
    native, eager = executors
    for name, tensor in eager.state.named().items():
        torch.testing.assert_close(native.state.named()[name], tensor, rtol=1e-3, atol=1e-4)


def test_a_resumed_run_goes_on_with_the_same_bits() -> None:
    case = update(MIXED, AdamW(0.01), average_decay=0.9)
    first = case.executor("native")
    for batch in case.batches[:5]:
        first.run(batch, 0.01)
    saved = {name: tensor.detach().clone() for name, tensor in first.state.tensors().items()}
    for batch in case.batches[5:10]:
        first.run(batch, 0.01)
    second = case.executor("native")
    second.run(case.batches[0], 0.5)
    second.state.load(saved, step=5)
    for batch in case.batches[5:10]:
        second.run(batch, 0.01)
    assert differing(dict(second.state.named()), dict(first.state.named())) == []


def test_a_nan_in_the_data_reaches_the_loss_the_norms_and_the_weights() -> None:
    case = update(MIXED, AdamW(0.01))
    native = case.executor("native")
    native.run(case.batches[0], 0.01)
    inputs = case.batches[1].inputs.clone()
    inputs[3, 2] = math.nan
    scalars = native.run(Batch(inputs, case.batches[1].targets), 0.01)
    assert scalars.loss.isnan()
    assert scalars.gradient_norms.isnan().all()
    assert all(parameter.isnan().any() for parameter in native.state.parameters)


def test_observed_gradients_are_those_of_the_step() -> None:
    case = update(PLAIN, SGD(0.1), clip_value=0.01)
    native, eager = case.executor("native"), case.executor("eager")
    for batch in case.batches[:3]:
        _, came = native.run_observed(batch, 0.1)
        _, wanted = eager.run_observed(batch, 0.1)
        for one, other in zip(came, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_parameter_that_moved_in_memory_is_followed() -> None:
    case = update(PLAIN, SGD(0.1))
    native = case.executor("native")
    native.run(case.batches[0], 0.1)
    parameter = native.state.parameters[0]
    parameter.data = parameter.data.clone()
    before = parameter.detach().clone()
    native.run(case.batches[1], 0.1)
    assert not torch.equal(parameter, before)


def test_a_target_that_names_no_class_is_refused_as_an_index() -> None:
    case = update()
    native = case.executor("native")
    native.run(case.batches[0], 0.1)
    with pytest.raises(IndexError, match="a target names no class"):
        native.run(Batch(case.batches[0].inputs, torch.full((ROWS,), 3)), 0.1)


def test_what_is_not_supported_is_named_and_replayed_with_eagers_bits() -> None:
    network = Network(Dense(8), Dense(3))
    case = update(network)

    class Sorted(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = build(network, (FEATURES,), seed=0)

        def forward(self, rows: Tensor) -> Tensor:
            return self.inner(rows.sort(1).values)

    sorting = Update(Sorted, case.batches, SGD(0.05), {})
    native, came = sorting.run("native")
    assert isinstance(native, Native)
    (remark,) = native.remarks
    assert remark.is_fallback
    assert remark.text == "native: replays the update, as the operation sort"
    assert differing(came, sorting.run("eager")[1]) == []


def test_without_a_library_the_update_is_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    import ranvier.step.executors.native as module

    monkeypatch.setattr(module, "library", lambda: "this machine has no C compiler")
    case = update()
    native, came = case.run("native")
    assert native.remarks[0].text == "native: replays the update, as this machine has no C compiler"
    assert differing(came, case.run("eager")[1]) == []
