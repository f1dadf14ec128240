"""Modules that were written elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ranvier.core.errors import NetworkError, ShapeError
from ranvier.nn import build, wrap
from ranvier.nn.foreign import build_or_copy
from ranvier.spec import Dense, Network


class Convolutional(nn.Module):
    """A block inside, a weight of its own, a module that is called twice, one that never is."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Dropout(0.5))
        self.twice = nn.Linear(4, 4)
        self.gain = nn.Parameter(torch.ones(3))
        self.never = nn.Linear(2, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        places = self.block(pictures).flatten(2).mean(2)
        return self.twice(self.twice(places)) * self.gain.sum()


def test_a_module_is_described_as_it_ran():
    module = Convolutional()
    rows = {row.path: row for row in wrap(module).describe((1, 6, 6)).rows}
    assert list(rows) == [
        "foreign_0",
        "foreign_0.block",
        "foreign_0.block.0",
        "foreign_0.block.1",
        "foreign_0.block.2",
        "foreign_0.twice",
    ]
    assert rows["foreign_0.block.0"].output_shape == (4, 4, 4)
    # A multiply-add is two: 4 filters of 9 numbers at 16 places; a 4 by 4 product, twice.
    assert rows["foreign_0.block.0"].flops == 2 * 4 * 9 * 16
    assert rows["foreign_0.twice"].flops == 2 * 2 * 16
    assert rows["foreign_0"].parameters == sum(p.numel() for p in module.parameters())


def test_looking_changes_nothing_about_a_module():
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    module[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    wrap(module).describe(3)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [each.training for each in module.modules()] == [True, True, False]
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in module.modules())


def test_the_description_comes_back_from_its_json_and_draws_itself():
    network = wrap(Convolutional()).network((1, 6, 6))
    assert Network.from_json(network.to_json()) == network
    assert "Conv2d" in network.draw()


def test_an_example_serves_where_zeros_will_not_do():
    module = nn.Embedding(5, 3)
    with pytest.raises(NetworkError, match="Embedding: called with zeros of shape \\(2, 4\\)"):
        wrap(module).describe(4)
    example = torch.zeros(2, 4, dtype=torch.long)
    assert wrap(module, example).network().output_shape(4) == (4, 3)


def test_attention_is_counted_as_the_products_that_it_is():
    module = nn.MultiheadAttention(8, 2, batch_first=True)
    rows = torch.zeros(1, 5, 8)
    described = wrap(module, (rows, rows, rows)).describe()
    projections, scores = 4 * 5 * 8 * 8, 2 * 5 * 5 * 8
    assert described.flops == 2 * (projections + scores)


def test_a_described_module_meets_another_shape_with_a_refusal():
    network = wrap(nn.Linear(3, 2)).network(3)
    with pytest.raises(ShapeError, match="Wrap the module again with an example of the new shape"):
        network.describe(input=4)


def test_a_module_without_a_known_input_is_refused():
    with pytest.raises(NetworkError, match="rv.wrap: no input is known"):
        wrap(nn.Linear(3, 2)).describe()


def test_what_is_no_module_is_refused():
    with pytest.raises(NetworkError, match="rv.wrap: got Dense; expected an nn.Module"):
        wrap(Dense(3))


def test_a_description_of_a_foreign_module_cannot_be_built():
    network = wrap(nn.Linear(3, 2)).network(3)
    for make in (lambda: build(network, 3), lambda: build_or_copy(network, 3, None)):
        with pytest.raises(NetworkError, match="Linear was written elsewhere and cannot be built"):
            make()


def test_another_module_than_the_described_one_is_refused_with_what_differs():
    network = wrap(nn.Linear(3, 2)).network(3)
    with pytest.raises(NetworkError, match=r"differ in weight \(2, 3\), weight \(2, 4\)\. Give"):
        build_or_copy(network, 3, nn.Linear(4, 2))
    with pytest.raises(NetworkError, match="Leave the module out"):
        build_or_copy(Network(Dense(2)), 3, nn.Linear(3, 2))
