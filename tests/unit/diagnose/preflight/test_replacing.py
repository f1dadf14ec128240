"""Which activations a forward pass calls, and the same pass with others in their place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.diagnose.preflight.replacing import Replacing, activations_of

X = torch.linspace(-2, 2, 24).reshape(6, 4)


class Calling(nn.Module):
    """A linear layer and a function."""

    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.function = nn.Linear(4, 4), function

    def forward(self, inputs: Tensor) -> object:
        return self.function(self.linear(inputs))


def layers(*each: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), *each)


@pytest.mark.parametrize(
    ("module", "names", "last"),
    [
        (layers(), [], None),
        (layers(nn.ReLU(), nn.Linear(4, 2)), ["relu"], None),
        (layers(nn.ReLU(inplace=True), nn.Linear(4, 2), nn.Sigmoid()), ["relu", "sigmoid"], 1),
        (layers(nn.Tanh(), nn.Dropout(0.5), nn.Flatten()), ["tanh"], 0),
        (layers(nn.Softmax(1)), ["softmax"], 0),
        (Calling(lambda x: torch.relu(x).sigmoid()), ["relu", "sigmoid"], 1),
        (Calling(lambda x: x.tanh_().relu_()), ["tanh", "relu"], 1),
        (Calling(lambda x: F.log_softmax(x, dim=1)), ["log_softmax"], 0),
        (Calling(lambda x: torch.sigmoid(x).squeeze(-1)), ["sigmoid"], 0),
        (Calling(lambda x: (torch.tanh(x), x)), ["tanh"], 0),
        (Calling(lambda x: {"logits": x, "hidden": torch.tanh(x)}), ["tanh"], None),
        # What comes out is not what an activation gave.
        (Calling(lambda x: 3 * torch.tanh(x)), ["tanh"], None),
        (Calling(lambda x: x * torch.sigmoid(x)), ["sigmoid"], None),
        (Calling(lambda x: (torch.tanh(x), torch.relu(x))[1]), ["tanh", "relu"], 1),
    ],
)
def test_activations_are_found_in_the_order_of_their_calls(
    module: nn.Module, names: list[str], last: int | None
) -> None:
    assert activations_of(module, X) == (names, last)


def test_looking_for_activations_leaves_the_network_alone() -> None:
    module = layers(nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5)).train()
    mean, random = module[1].running_mean.clone(), torch.get_rng_state()
    activations_of(module, X)
    assert torch.equal(mean, module[1].running_mean)
    assert torch.equal(random, torch.get_rng_state())
    assert all(each.training for each in module.modules())
    assert not any(each._forward_hooks for each in module.modules())


def replaced(module: nn.Module, *, is_last: bool = False, **functions: Callable[..., Tensor]):
    with Replacing(module, functions, X, is_last=is_last):
        return module(X)


def test_every_activation_of_that_name_but_the_last_is_another() -> None:
    module = Calling(lambda x: torch.sigmoid(torch.sigmoid(torch.tanh(x))))
    with torch.no_grad():
        inside = module.linear(X)
        assert torch.equal(replaced(module, sigmoid=F.relu), inside.tanh().relu().sigmoid())
        assert torch.equal(
            replaced(module, sigmoid=F.relu, tanh=F.relu), inside.relu().relu().sigmoid()
        )
        assert torch.equal(replaced(module, gelu=F.relu), inside.tanh().sigmoid().sigmoid())


def test_the_last_one_alone_is_left_out() -> None:
    module = Calling(lambda x: torch.sigmoid(torch.sigmoid(x)))
    with torch.no_grad():
        assert torch.equal(replaced(module, is_last=True), module.linear(X).sigmoid())
        assert torch.equal(
            replaced(Calling(torch.tanh), is_last=True, tanh=F.relu), module.linear(X)
        )


def test_inputs_may_be_given_by_name_and_values_changed_in_place() -> None:
    with torch.no_grad():
        linear = Calling(torch.relu).linear(X)
        named = Calling(lambda x: torch.sigmoid(input=x) + 0)
        assert torch.equal(replaced(named, sigmoid=F.relu), linear.relu())
        in_place = Calling(lambda x: F.relu(x, inplace=True) + 0)
        assert torch.equal(replaced(in_place, relu=F.leaky_relu), F.leaky_relu(linear))


def test_the_second_pass_is_counted_from_its_own_start() -> None:
    module = Calling(lambda x: torch.sigmoid(torch.tanh(x)))
    with torch.no_grad(), Replacing(module, {"tanh": F.relu}, X, is_last=False):
        assert torch.equal(module(X), module(X))


def test_what_is_called_outside_of_the_network_is_its_own() -> None:
    module = Calling(lambda x: torch.tanh(x) + 0)
    with Replacing(module, {"tanh": F.relu}, X, is_last=False):
        assert torch.equal(torch.tanh(X), X.tanh())
        module(X)
        assert torch.equal(torch.tanh(X), X.tanh())


def test_after_a_pass_that_failed_nothing_is_replaced() -> None:
    module = Calling(lambda x: torch.tanh(x) + 0)
    with Replacing(module, {"tanh": F.relu}, X, is_last=False):
        with pytest.raises(RuntimeError):
            module(torch.zeros(2, 3))
        assert torch.equal(torch.tanh(X), X.tanh())


def test_gradients_flow_through_what_took_the_place() -> None:
    module = Calling(lambda x: torch.relu(x) + 0)
    replaced(module, relu=F.leaky_relu).sum().backward()
    expected = torch.autograd.grad(F.leaky_relu(module.linear(X)).sum(), module.linear.weight)[0]
    assert torch.equal(module.linear.weight.grad, expected)
