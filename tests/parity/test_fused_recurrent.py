"""Recurrent layers on kernels of our own against torch's, in the same run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ranvier.nn import build
from ranvier.spec import GRU, LSTM, Dense, Network, SimpleRNN
from ranvier.step import Batch
from ranvier.step.capture import capture
from ranvier.step.choice.processor import processor
from ranvier.step.recurrent import FUSED, has_fused_kernels
from ranvier.step.variants import Variant
from ranvier.step.variants.functions import Replaced
from tests.parity.updates import Update, differing

pytestmark = pytest.mark.skipif(not has_fused_kernels(), reason="there is no native library here")

KINDS: dict[str, dict[str, Any]] = {
    "LSTM": {},
    "GRU": {},
    "RNN": {"nonlinearity": "tanh"},
    "relu": {"nonlinearity": "relu"},
}
# rows, places, features, units, and what the module is told.
SIZES: list[tuple[int, int, int, int, dict[str, Any]]] = [
    (1, 1, 1, 1, {}),
    (64, 9, 1, 128, {}),
    (3, 9, 20, 33, {"bidirectional": True, "bias": False}),
    (33, 40, 17, 16, {"num_layers": 2, "bidirectional": True}),
    (70, 5, 40, 17, {"num_layers": 3}),
    (2, 300, 2, 5, {"batch_first": False}),
]
every_kind = pytest.mark.parametrize("kind", KINDS)


def module(kind: str, features: int, units: int, settings: dict[str, Any]) -> nn.RNNBase:
    torch.manual_seed(0)
    cell = getattr(nn, kind if kind in ("LSTM", "GRU") else "RNN")
    return cell(features, units, **{"batch_first": True, **KINDS[kind], **settings})


def everything(
    layer: nn.RNNBase, rows: Tensor, dtype: torch.dtype, *, fused: bool, half: bool = False
) -> list[Tensor]:
    """Outputs, final state, and the gradients of input, first state and weights."""
    layer = layer.to(dtype)
    draw = torch.Generator().manual_seed(1)

    def like(tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=draw).to(dtype)

    passes = layer.num_layers * (2 if layer.bidirectional else 1)
    batch = rows.shape[0 if layer.batch_first else 1]
    parts = 2 if layer.mode == "LSTM" else 1
    start = [
        torch.randn(passes, batch, layer.hidden_size, generator=draw).to(dtype).requires_grad_()
        for _ in range(parts)
    ]
    rows = rows.to(dtype).requires_grad_()
    with (
        Replaced(FUSED if fused else {}),
        torch.autocast("cpu", torch.bfloat16, enabled=half),
    ):
        outputs, state = layer(rows, tuple(start) if parts == 2 else start[0])
    given = [outputs, *(state if parts == 2 else (state,))]
    total = torch.stack([(each.to(dtype) * like(each)).sum() for each in given]).sum()
    return [*given, *torch.autograd.grad(total, [rows, *start, *layer.parameters()])]


def farthest(came: list[Tensor], exact: list[Tensor]) -> float:
    """The largest distance from exact numbers, in shares of the largest of each tensor."""
    distances = [
        ((mine - its).abs().max() / its.abs().max().clamp_min(1e-6)).item()
        for mine, its in zip((each.double() for each in came), exact, strict=True)
    ]
    return max(distances)


@every_kind
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_values_and_gradients_are_torch_s_within_rounding(kind: str, size: Any) -> None:
    rows, places, features, units, settings = size
    layer = module(kind, features, units, settings)
    first = (rows, places) if layer.batch_first else (places, rows)
    signal = torch.randn(*first, features, generator=torch.Generator().manual_seed(2))
    single = everything(layer, signal, torch.float32, fused=True)
    theirs = everything(layer, signal, torch.float32, fused=False)
    exact = everything(layer, signal, torch.float64, fused=False)
    assert farthest(single, exact) < 2e-6 + 3 * farthest(theirs, exact)


@every_kind
def test_mixed_precision_is_as_near_as_torch_s(kind: str) -> None:
    if not processor().multiplies_bfloat16:
        pytest.skip("this processor does not multiply bfloat16")
    layer = module(kind, 7, 40, {"num_layers": 2, "bidirectional": True})
    signal = torch.randn(30, 12, 7, generator=torch.Generator().manual_seed(2))
    ours = everything(layer, signal, torch.float32, fused=True, half=True)
    theirs = everything(layer, signal, torch.float32, fused=False, half=True)
    exact = everything(layer, signal, torch.float64, fused=False)
    assert farthest(ours, exact) < 1.5 * farthest(theirs, exact)


@every_kind
def test_threads_change_no_bit(kind: str) -> None:
    layer = module(kind, 5, 48, {"bidirectional": True})
    signal = torch.randn(37, 11, 5, generator=torch.Generator().manual_seed(2))
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3, 2):
            torch.set_num_threads(threads)
            found.append(everything(layer, signal, torch.float32, fused=True))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@every_kind
def test_what_is_not_a_number_stays_in_its_row(kind: str) -> None:
    layer = module(kind, 2, 6, {})
    signal = torch.zeros(3, 5, 2)
    signal[1, 2, 0] = float("nan")
    with Replaced(FUSED), torch.no_grad():
        outputs, _ = layer(signal)
    is_nan = outputs.isnan()
    assert is_nan[1, 2:].all()
    assert not is_nan[1, :2].any() and not is_nan[[0, 2]].any()
    gradients = everything(layer, signal, torch.float32, fused=True)[-4:]
    assert any(gradient.isnan().any() for gradient in gradients)


def test_other_numbers_and_projections_stay_with_torch() -> None:
    draw = torch.randn(2, 3, 4, dtype=torch.float64)
    for layer in (nn.GRU(4, 5).double(), nn.LSTM(4, 5, proj_size=2).double()):
        with Replaced(FUSED):
            came, _ = layer(draw)
        assert torch.equal(came, layer(draw)[0])


def test_a_packed_sequence_stays_with_torch() -> None:
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(3, 2, 4), [3, 2])
    layer = nn.LSTM(4, 5)
    with Replaced(FUSED):
        came, _ = layer(packed)
    assert torch.equal(came.data, layer(packed)[0].data)


def forecaster(kind: Any, *, variant: Variant) -> Update:
    network = Network(kind(24, sequence=False), Dense(1))
    draw = torch.Generator().manual_seed(0)
    batches = [
        Batch(torch.randn(20, 16, 2, generator=draw), torch.randn(20, generator=draw))
        for _ in range(3)
    ]
    return Update(lambda: build(network, (16, 2)), batches, options={"variant": variant})


@pytest.mark.parametrize("kind", [LSTM, GRU, SimpleRNN])
def test_twenty_updates_train_as_torch_s_do(kind: Any) -> None:
    _, wanted = forecaster(kind, variant=Variant()).run("eager")
    _, came = forecaster(kind, variant=Variant(recurrent="fused")).run("eager")
    assert differing(came, wanted) != []
    for name, tensor in came.items():
        torch.testing.assert_close(tensor, wanted[name], rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("kind", [LSTM, GRU, SimpleRNN])
def test_a_replay_of_fused_layers_gives_the_bits_of_fused_layers(kind: Any) -> None:
    update = forecaster(kind, variant=Variant(recurrent="fused"))
    _, wanted = update.run("eager")
    replayed, came = update.run("replay")
    assert replayed.remarks == []
    assert differing(came, wanted) == []


def test_a_captured_fused_layer_is_two_operations_however_long_the_sequence() -> None:
    program = forecaster(GRU, variant=Variant(recurrent="fused")).program()
    state = program.first_state(torch.device("cpu"))
    captured = capture(program, state, Batch(torch.randn(4, 2000, 2), torch.randn(4)))
    names = [str(node.target) for node in captured.module.graph.nodes]
    assert [name for name in names if name.startswith("ranvier")] == [
        "ranvier.recurrent_forward.default",
        "ranvier.recurrent_backward.default",
    ]
    assert len(names) < 200
