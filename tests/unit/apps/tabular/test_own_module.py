"""A researcher's own module, trained on a table."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import ranvier as rv
from ranvier.core.errors import ConfigError, NetworkError
from tests.unit.apps.tabular.conftest import stopped, weights_of


class Own(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Dropout(0.1))
        self.answer = nn.Linear(width, 3)

    def forward(self, rows: Tensor) -> Tensor:
        return self.answer(self.body(rows))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.manual_seed(0)
    module = Own()
    path = tmp_path_factory.mktemp("own") / "run"
    return module, rv.train(module, "iris", epochs=60, learning_rate=0.01, out=path)


def test_it_is_trained_as_a_copy_and_learns(trained):
    module, run = trained
    torch.manual_seed(0)
    assert all(map(torch.equal, module.state_dict().values(), Own().state_dict().values()))
    assert run.metrics["test"]["accuracy"] > 0.85
    assert isinstance(run.model, Own)


def test_its_run_has_a_report_with_its_layers(trained):
    assert "Tanh" in trained[1].report().read_text()


def test_its_run_is_loaded_with_a_module_like_it(trained):
    _, run = trained
    again = rv.load(run.path, module=Own())
    assert again.evaluate("iris") == run.evaluate("iris")
    with pytest.raises(NetworkError, match="network: Own was written elsewhere"):
        _ = rv.load(run.path).model
    with pytest.raises(NetworkError, match="Own has other weights than the Own that is described"):
        _ = rv.load(run.path, module=Own(8)).model


def test_its_run_is_replayed_bit_for_bit(trained):
    module, run = trained
    assert rv.verify(run.path, module=module).is_whole


def test_it_fits_as_a_scikit_learn_estimator():
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    classifier = rv.NetworkClassifier(Own(), epochs=40, learning_rate=0.02, random_state=0)
    assert classifier.fit(X, y).score(X, y) > 0.85


def half_frozen(seed: int) -> Own:
    torch.manual_seed(seed)
    module = Own()
    for parameter in module.body.parameters():
        parameter.requires_grad_(False)
    return module


def test_frozen_weights_come_back_with_the_model_and_with_a_resumed_run(train, tmp_path):
    first = half_frozen(0)
    whole = train("iris", first, target="species", epochs=5, out=tmp_path / "whole")
    path = stopped(train, tmp_path / "stopped", "iris", first, target="species")
    # A module like it, drawn anew: what was frozen at the start must not be this one's.
    resumed = rv.resume(path, module=half_frozen(1))
    assert weights_of(resumed) == weights_of(whole)
    loaded = rv.load(path, module=half_frozen(2)).model
    for name, frozen in first.body.state_dict().items():
        assert torch.equal(loaded.body.state_dict()[name], frozen)
    assert not torch.equal(loaded.answer.weight, first.answer.weight)
    assert rv.verify(path, module=half_frozen(3)).is_whole


def test_what_is_no_network_is_refused():
    with pytest.raises(ConfigError, match="expected a rv.Network, an nn.Module, or None"):
        rv.train("network.json", "iris")
