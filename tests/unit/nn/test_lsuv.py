"""Layer-sequential unit variance: what each layer gives for a batch has variance 1."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ranvier.core.errors import DataError, NetworkError
from ranvier.nn import build, lsuv_
from ranvier.spec import (
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    MemberDense,
    Members,
    Network,
    Residual,
)

ROWS = 10 * torch.randn(256, 20, generator=torch.Generator().manual_seed(0)) + 3


def outputs_before_activation(module: nn.Module, rows: torch.Tensor) -> list[torch.Tensor]:
    """z = W x + b of every dense layer, computed from what goes into it."""
    seen: list[torch.Tensor] = []
    hooks = [
        inner.register_forward_hook(
            lambda layer, given, _: seen.append(given[0] @ layer.weight.T + layer.bias)
        )
        for inner in module.modules()
        if isinstance(inner, nn.Linear)
    ]
    with torch.no_grad():
        module.eval()(rows)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("function", ["relu", "tanh", "sigmoid", "silu", "selu", "softsign"])
def test_every_layer_of_a_deep_network_gives_unit_variance_whatever_its_activation(function):
    module = build(Network(*[Dense(64, activation=function)] * 12, Dense(3)), 20)
    reported = lsuv_(module, ROWS)
    measured = [z.var(correction=0).item() for z in outputs_before_activation(module, ROWS)]
    assert measured == pytest.approx([1.0] * 13, abs=0.1)
    assert measured == pytest.approx(list(reported.values()), rel=1e-4)


def test_without_it_the_same_network_is_far_off():
    module = build(Network(*[Dense(64, activation="sigmoid")] * 12, Dense(3)), 20)
    measured = [z.var(correction=0).item() for z in outputs_before_activation(module, ROWS)]
    assert max(measured) > 20 and min(measured) < 0.5


def test_weights_become_multiples_of_orthogonal_ones():
    module = build(Network(Dense(16, activation="relu"), Dense(3)), 20)
    lsuv_(module, ROWS)
    product = module[0].weight @ module[0].weight.T
    torch.testing.assert_close(product / product[0, 0], torch.eye(16), rtol=0, atol=1e-5)


def test_without_orthogonal_each_weight_keeps_its_direction():
    module = build(Network(Dense(16, activation="relu"), Dense(3)), 20)
    before = [p.detach().clone() for p in (module[0].weight, module[1].weight)]
    lsuv_(module, ROWS, orthogonal=False)
    for old, new in zip(before, (module[0].weight, module[1].weight), strict=True):
        ratio = new / old
        torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio), rtol=1e-4, atol=0)
        assert abs(ratio[0, 0].item() - 1) > 0.05


def test_a_foreign_module_with_convolutions_attention_and_shared_weights():
    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv1d(3, 8, 3, padding=1)
            self.again = nn.Conv1d(8, 8, 3, padding=1)
            self.look = nn.MultiheadAttention(8, 2, batch_first=True)
            self.state = nn.GRU(8, 8, batch_first=True)
            self.last = nn.Linear(8, 4)

        def forward(self, series: torch.Tensor) -> torch.Tensor:
            places = self.again(self.again(torch.relu(self.first(series)))).movedim(1, 2)
            looked, _ = self.look(places, places, places)
            return self.last(self.state(looked)[0])

    module = Foreign()
    start = module.state.weight_hh_l0.detach().clone()
    variances = lsuv_(module, 5 * torch.randn(64, 3, 12))
    assert list(variances) == [
        *("first.weight", "again.weight", "look.in_proj_weight", "look.out_proj.weight"),
        "last.weight",
    ]
    assert list(variances.values()) == pytest.approx([1.0] * 5, abs=0.1)
    assert torch.equal(module.state.weight_hh_l0, start)


def test_members_of_an_ensemble_each_become_orthogonal():
    module = build(Network(Members(3), MemberDense(8, activation="relu"), MemberDense(2)), 20)
    variances = lsuv_(module, ROWS)
    assert list(variances.values()) == pytest.approx([1.0, 1.0], abs=0.1)
    weight_KIU = module[1].weight
    product_KUU = weight_KIU.transpose(1, 2) @ weight_KIU
    shape = product_KUU / product_KUU[:, :1, :1]
    torch.testing.assert_close(shape, torch.eye(8).expand(3, 8, 8), rtol=0, atol=1e-5)
    assert not torch.equal(weight_KIU[0], weight_KIU[1])


def test_nothing_but_the_weights_changes():
    network = Network(Dense(8, activation="relu"), BatchNorm(), Dropout(0.5), Residual(Dense(8)))
    module = build(network, 20).train()
    module[2].eval()
    weights = {name for name, p in module.named_parameters() if p.dim() == 2}
    rest = {k: v.clone() for k, v in module.state_dict().items() if k not in weights}
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    lsuv_(module, ROWS)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(module.state_dict()[name], value) for name, value in rest.items())
    assert module.training and module[0].training and not module[2].training
    assert all(p.requires_grad and p.grad is None for p in module.parameters())


def test_it_is_a_function_of_the_seed():
    def start(seed: int) -> torch.Tensor:
        module = build(Network(Dense(4), Dense(2)), 20)
        lsuv_(module, ROWS, seed=seed)
        return module[0].weight

    assert torch.equal(start(1), start(1))
    assert not torch.equal(start(1), start(2))


def test_a_batch_that_tells_nothing_is_refused():
    module = build(Network(Dense(4, name="first"), Dense(2)), 20)
    with pytest.raises(DataError) as caught:
        lsuv_(module.train(), torch.zeros(8, 20))
    assert str(caught.value) == (
        "lsuv_: first.weight gives numbers of variance 0 on this batch; expected one that is "
        "finite and above 0. Give a batch of different rows, as they come in training, and let "
        "weights that start at zero turn (orthogonal=True)."
    )
    assert module.training


def test_a_module_without_a_product_is_refused():
    module = build(Network(Embedding(5, 2), Flatten()), 3)
    with pytest.raises(NetworkError) as caught:
        lsuv_(module, torch.randint(0, 5, (8, 3)))
    assert str(caught.value) == (
        "lsuv_: got a module without dense layers or convolutions; expected some."
    )
