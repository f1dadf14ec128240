"""The first operation that gave no number: found in forward pass, loss, way back and update."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.step.locate import Located, locate


class Applies(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, inputs: Tensor) -> Tensor:
        return self.function(inputs)


ROWS = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 1.0], [1.0, -3.0]])
TARGETS = torch.tensor([[1.0], [0.0], [2.0], [1.0]])


def chain(function: Callable[[Tensor], Tensor]) -> nn.Module:
    """first: the inputs as they are; middle: the function; last: their sum."""
    model = nn.Sequential()
    model.add_module("first", nn.Linear(2, 2))
    model.add_module("middle", Applies(function))
    model.add_module("last", nn.Linear(2, 1))
    with torch.no_grad():
        model.first.weight.copy_(torch.eye(2))
        model.first.bias.zero_()
        model.last.weight.fill_(1.0)
        model.last.bias.zero_()
    return model


def found(
    function: Callable[[Tensor], Tensor], loss: Callable[..., Tensor] = F.mse_loss
) -> Located:
    located = locate(chain(function), loss, ROWS, TARGETS)
    assert located is not None
    return located


def test_what_is_finite_is_nowhere() -> None:
    assert locate(chain(torch.relu), F.mse_loss, ROWS, TARGETS) is None


def test_a_logarithm_of_negative_numbers_is_named_with_layer_rows_and_value() -> None:
    located = found(torch.log)
    assert (located.operation, located.layer, located.phase) == ("log", "middle", "forward")
    assert located.rows == (1, 3)
    assert located.values == (-1.0,)


def test_an_overflow_is_named_where_it_happens_not_where_it_shows() -> None:
    located = found(lambda inputs: torch.exp(100 * inputs) * 0.0)
    assert (located.operation, located.layer) == ("exp", "middle")
    assert located.rows == (0, 2, 3)


def test_a_loss_that_divides_by_nought_is_named() -> None:
    located = found(torch.relu, lambda outputs, targets: (outputs / targets).mean())
    assert (located.operation, located.layer, located.phase) == ("div", "loss", "loss")
    assert located.rows == (1,)
    assert located.values == (0.5, 0.0)


def test_a_root_of_nought_breaks_on_the_way_back() -> None:
    located = found(lambda inputs: torch.sqrt((inputs - 1) ** 2))
    assert (located.operation, located.layer, located.phase) == (
        "sqrt_backward", "middle", "backward",
    )  # fmt: skip
    assert located.rows == (0, 2, 3)


def test_a_way_back_through_the_branch_not_taken_leads_to_what_it_held() -> None:
    def root(inputs: Tensor) -> Tensor:
        return torch.where(inputs > 0, torch.sqrt(inputs), torch.zeros_like(inputs))

    assert found(root).operation == "sqrt"


def test_an_infinity_written_as_a_mask_is_no_fault_of_its_own() -> None:
    def attention(inputs: Tensor, masked: Tensor) -> Tensor:
        scores = (inputs @ inputs.T).masked_fill(masked, -math.inf)
        return torch.softmax(scores, 1) @ inputs

    itself = torch.eye(4, dtype=torch.bool)
    assert locate(chain(lambda x: attention(x, itself)), F.mse_loss, ROWS, TARGETS) is None
    everything = torch.ones(4, 4, dtype=torch.bool)
    located = found(lambda x: attention(x, everything))
    assert (located.operation, located.layer) == ("softmax", "middle")


@pytest.mark.parametrize(("spoil", "layer"), [(0, "the inputs"), (1, "the targets")])
def test_rows_that_came_spoilt_are_named_before_anything_is_computed(
    spoil: int, layer: str
) -> None:
    pair = [ROWS.clone(), TARGETS.clone()]
    pair[spoil][2] = math.nan
    located = locate(chain(torch.relu), F.mse_loss, *pair)
    assert located is not None
    assert (located.layer, located.phase, located.rows) == (layer, "input", (2,))


def test_weights_that_are_lost_already_are_named() -> None:
    model = chain(torch.relu)
    with torch.no_grad():
        model.last.bias.fill_(math.inf)
    located = locate(model, F.mse_loss, ROWS, TARGETS)
    assert located == Located(operation="weights", layer="last.bias", phase="input")


def test_looking_leaves_weights_gradients_and_hooks_alone() -> None:
    model = chain(torch.log)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    locate(model, F.mse_loss, ROWS, TARGETS)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
