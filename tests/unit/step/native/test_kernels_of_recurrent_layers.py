"""The recurrent kernels at every width of vector, called as the step calls them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ranvier.step.recurrent import kernels as caller
from ranvier.step.recurrent.kernels import Weights, backward, declared, forward
from tests.unit.step.native.compiled import EPSILON, every_width, kernels, numbers

CELLS = {
    "LSTM": nn.LSTM,
    "GRU": nn.GRU,
    "RNN_TANH": nn.RNN,
    "RNN_RELU": lambda *sizes: nn.RNN(*sizes, nonlinearity="relu"),
}
# places, rows, features, units: less than a vector, more than one, more than a tile of rows.
SIZES = [(1, 1, 1, 1), (4, 3, 2, 5), (3, 31, 20, 37)]


def agree(came: Tensor, wanted: Tensor) -> None:
    """Within forty roundings of the largest number: the sums here have up to a hundred terms."""
    assert came.shape == wanted.shape
    error = (came.double() - wanted).abs().max().item()
    assert error <= 40 * EPSILON * max(wanted.abs().max().item(), 1e-3)


@every_width
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_pass_is_torch_s_in_double_precision(
    monkeypatch: pytest.MonkeyPatch,
    width: str,
    cell: str,
    size: tuple[int, int, int, int],
    reverse: bool,
) -> None:
    library = declared(kernels(width))
    monkeypatch.setattr(caller, "kernels", lambda: library)
    places, rows, features, units = size
    torch.manual_seed(0)
    module = CELLS[cell](features, units).double()
    weights = Weights(*(parameter.detach().float() for parameter in module.parameters()))
    parts = 2 if cell == "LSTM" else 1
    starts = [numbers(rows, units) + part for part in range(parts)]
    signal, sent, last = numbers(rows, places, features), numbers(rows, places, units), starts[0]

    memory = starts[1] if parts == 2 else None
    read = forward(cell, signal, weights, starts[0], memory, reverse=reverse)
    found = backward(
        *(cell, weights, memory, read, sent, last, memory),
        reverse=reverse,
        wants_input=True,
    )

    exact = [part.double().unsqueeze(0).requires_grad_() for part in starts]
    turned = signal.double().requires_grad_()
    order = turned.flip(1) if reverse else turned
    outputs, state = module(order.transpose(0, 1), tuple(exact) if parts == 2 else exact[0])
    outputs = outputs.flip(0) if reverse else outputs
    ends = state if parts == 2 else (state,)
    total = (outputs.transpose(0, 1) * sent).sum() + (ends[0][0] * last).sum()
    if parts == 2:
        total = total + (ends[1][0] * memory).sum()
    wanted = torch.autograd.grad(total, [turned, *module.parameters(), *exact])

    agree(read.outputs_TBH, outputs.detach())
    agree(read.hidden_BH, ends[0][0].detach())
    agree(found.input_TBC.transpose(0, 1), wanted[0])
    for mine, its in zip(found[1:5], wanted[1:5], strict=True):
        agree(mine, its)
    agree(found.hidden_BH, wanted[5][0])
    if parts == 2:
        agree(read.memory_BH, ends[1][0].detach())
        agree(found.memory_BH, wanted[6][0])
