"""Networks however they are written: what computes, what ends them, what nobody registered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.diagnose.preflight.calls import calls_of
from ranvier.diagnose.preflight.reach import pairs_every_row, reached
from ranvier.diagnose.preflight.wiring import layer_facts, output_facts, parameter_facts


class Ending(nn.Module):
    """A linear layer and whatever follows it."""

    def __init__(self, ending: Callable[[Tensor], Tensor], units: int = 2) -> None:
        super().__init__()
        self.linear, self.ending = nn.Linear(3, units), ending

    def forward(self, x: Tensor) -> Tensor:
        return self.ending(self.linear(x))


@pytest.mark.parametrize(
    ("ending", "activation"),
    [
        (lambda x: x, None),
        (lambda x: x.softmax(-1), "softmax"),
        (lambda x: F.log_softmax(x, dim=1), "log_softmax"),
        (torch.sigmoid, "sigmoid"),
        (lambda x: x.sigmoid().squeeze(-1), "sigmoid"),
        (lambda x: x.sigmoid()[:, 0], "sigmoid"),
        (lambda x: torch.tanh(x).reshape(-1, 1, 2).flatten(1), "tanh"),
        (lambda x: F.dropout(x.relu(), 0.5, False), "relu"),
        (lambda x: x.clamp(min=0), "relu"),
        (lambda x: torch.clamp(x, 0, 1), "hardsigmoid"),
        (lambda x: torch.maximum(x, torch.zeros(())), "relu"),
        (lambda x: x * torch.sigmoid(x), "silu"),
        (lambda x: x.sigmoid() * 10, None),
        (lambda x: x.relu() + 1, None),
    ],
)
def test_the_last_activation_is_found_whatever_its_shape_since(ending, activation):
    assert output_facts(Ending(ending), torch.randn(5, 3)).activation == activation


def test_products_with_parameters_are_layers_and_products_of_data_are_not():
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(3, 4))
            self.register_buffer("mask", torch.ones(3, 4))

        def forward(self, x: Tensor) -> Tensor:
            x = x @ (self.w * self.mask)
            return torch.einsum("nf,mf->nm", x, x) @ x

    _, calls = calls_of(Own(), torch.randn(5, 3))
    assert [call.name for call in calls if call.role == "weights"] == ["linear"]


def test_recurrent_and_attending_layers_have_a_function_of_their_own():
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, 4, batch_first=True)
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            x, _ = self.lstm(x)
            return self.attention(x, x, x)[0]

    facts = layer_facts(Both(), torch.randn(6, 5, 3))
    assert [(each.kind, each.activation) for each in facts] == [
        ("lstm", "tanh"),
        ("multi_head_attention_forward", "softmax"),
    ]
    assert facts[-1].is_output


def test_layers_in_a_list_are_named_though_nobody_registered_them():
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [nn.Linear(3, 3)]
            self.head, self.spare = nn.Linear(3, 1), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.hidden[0](x))

    model = Listed()
    rows = torch.randn(8, 3), torch.randn(8, 1)
    found = reached(model, F.mse_loss, *rows)
    assert set(found.unregistered) == {"hidden[0].weight", "hidden[0].bias"}
    assert found.reached == {"head.weight", "head.bias"}
    known = reached(model, F.mse_loss, *rows, optimized=model.hidden[0].parameters())
    assert known.unregistered == ()


def test_parameters_behind_a_detach_are_not_reached():
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.back, self.head = nn.Linear(3, 3), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.back(x).detach())

    found = reached(Detached(), F.mse_loss, torch.randn(8, 3), torch.randn(8, 1))
    assert found.reached == {"head.weight", "head.bias"}


@pytest.mark.parametrize("loss", [
    F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss,
    lambda o, t: ((o - t) ** 2).mean(), lambda o, t: (o - t).abs().sum(),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_loss_that_pairs_every_row_is_seen_in_the_graph_after_the_backward_pass(loss):
    model, x, y = nn.Linear(3, 1), torch.randn(8, 3), torch.randn(8)
    for targets, pairs in ((y, True), (y[:, None], False)):
        value = loss(model(x), targets)
        value.backward()
        assert pairs_every_row(value) is pairs
    value = loss(model(x).squeeze(1), y)
    assert pairs_every_row(value) is False
    assert pairs_every_row(3.0) is None


def test_complex_parameters_have_a_variance():
    model = nn.Linear(3, 2, dtype=torch.complex64)
    assert parameter_facts(model, None)[0].variance > 0
