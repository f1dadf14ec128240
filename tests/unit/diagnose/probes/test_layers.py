"""Layers that are modules, and layers that are only called."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.diagnose.probes.layers import dead_shares, looked_at, seems_dead, statistics
from ranvier.step.probes import activation_statistics, effective_rank, layer_outputs


class Pictures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.second, self.head = nn.Conv2d(4, 5, 3), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(x)))
        x = torch.tanh(self.second(x)).mean((2, 3))
        return torch.sigmoid(self.head(F.relu(x))).squeeze(1)


def test_functions_are_named_by_the_module_that_calls_them_and_counted():
    names = [layer.name for layer in looked_at(Pictures(), torch.randn(3, 1, 6, 6))]
    assert names == ["first", "norm", "relu", "second", "tanh", "relu 2", "head", "sigmoid"]


def test_a_function_inside_a_part_has_the_path_of_the_part():
    class Part(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x).relu()

    names = [layer.name for layer in looked_at(nn.Sequential(Part(), Part()), torch.randn(2, 3))]
    assert names == ["0.inner", "0.relu", "1.inner", "1.relu"]


def test_the_units_of_a_convolution_are_its_channels():
    model = Pictures().eval()
    with torch.no_grad():
        model.norm.bias.copy_(torch.tensor([0.0, -99.0, 0.0, -99.0]))
    assert statistics(model, torch.randn(8, 1, 6, 6))["relu"]["dead"] == 0.5


def test_units_of_torchs_modules_are_channels_too_and_of_recurrent_ones_the_last_axis():
    convolution = nn.Sequential(nn.Conv1d(2, 4, 1), nn.ReLU())
    recurrent = nn.LSTM(2, 3, batch_first=True)
    with torch.no_grad():
        convolution[0].weight.zero_()
        convolution[0].bias.copy_(torch.tensor([1.0, -1.0, -1.0, -1.0]))
        for parameter in recurrent.parameters():
            parameter[2::3] = -50.0  # the third unit's gates never open
    assert statistics(convolution, torch.rand(6, 2, 7))["1"]["dead"] == 0.75
    (layer,) = looked_at(nn.ModuleList([recurrent])[0], torch.rand(6, 7, 2))
    assert layer.axis == -1
    table = activation_statistics(
        layer_outputs(nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU()), torch.ones(3, 1, 4, 4)),
        nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU()),
    )
    assert set(table["dead"]) <= {0.0, 0.5, 1.0}


def test_an_answer_is_not_saturated_and_a_hidden_function_is():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1), nn.Sigmoid())
    with torch.no_grad():
        model[0].weight.fill_(100.0)
        model[2].weight.fill_(100.0)
    table = statistics(model, torch.randn(50, 2))
    assert table["1"]["saturated"] > 0.9
    assert table["3"]["saturated"] is None


def test_a_unit_that_is_silent_on_few_rows_is_asked_on_more():
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0], [1.0]]))
        model[0].bias.copy_(torch.tensor([0.0, -2.5]))
    few, more = torch.linspace(0, 1, 32)[:, None], torch.linspace(0, 3, 1024)[:, None]
    found = statistics(model, few)["1"]
    assert found["dead"] == 0.5
    assert seems_dead(found)
    assert dead_shares(model, more)["1"] == 0.0


def test_the_effective_rank_is_the_exponential_of_the_entropy_of_squares():
    random = np.random.default_rng(0)
    rows = random.normal(size=(20, 6)) * np.array([5.0, 2.0, 1.0, 0.1, 0.0, 0.0])
    share = np.linalg.svd(rows - rows.mean(0), compute_uv=False) ** 2
    share = share[share > 1e-20] / share.sum()
    expected = np.exp(-(share * np.log(share)).sum())
    assert effective_rank(torch.from_numpy(rows)) == pytest.approx(expected)
    assert effective_rank(torch.ones(5, 3)) == 1.0
