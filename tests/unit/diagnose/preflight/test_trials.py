"""Trials: each changes what it says and nothing else, and what is tried is left as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR

from ranvier.diagnose.evidence import TrialFacts
from ranvier.diagnose.preflight import trials as trials_module
from ranvier.diagnose.preflight.trials import SEED, trial_facts

UPDATES = 20
RATES = {f"rate × {factor}" for factor in ("0.01", "0.1", "10", "100")}
ALWAYS = {"as it is", "Adam", "fresh weights", *RATES}

GENERATOR = torch.Generator().manual_seed(1)
X = torch.randn(120, 4, generator=GENERATOR) * torch.tensor([1.0, 5.0, 0.1, 2.0]) + 1
Y = (X[:, :1] - X[:, 1:2] / 5 + torch.randn(120, 1, generator=GENERATOR) / 10).sigmoid()
LABELS = (Y[:, 0] > Y.median()).long()


def network(*layers: Callable[[], nn.Module], outputs: int = 1, seed: int = 3) -> nn.Sequential:
    """A linear layer, these, and another linear one behind the first of them."""
    torch.manual_seed(seed)
    inside, *behind = [layer() for layer in layers]
    return nn.Sequential(nn.Linear(4, 8), inside, nn.Linear(8, outputs), *behind)


def descent(module: nn.Module, rate: float = 0.1, **settings: Any) -> torch.optim.SGD:
    return torch.optim.SGD(module.parameters(), rate, **settings)


def tried(
    module: nn.Module,
    optimizer: Any = None,
    loss: Callable[..., Tensor] = F.mse_loss,
    inputs: Tensor = X,
    targets: Tensor = Y,
    *,
    updates: int | None = UPDATES,
    **settings: Any,
) -> dict[str, TrialFacts]:
    found = trial_facts(
        module, optimizer or descent(module), loss, inputs, targets, updates=updates, **settings
    )
    return {each.name: each for each in found}


def came_to(*given: Any, name: str = "as it is", **settings: Any) -> tuple[float, float]:
    """The loss before and after, of a trial that was made."""
    found = tried(*given, **settings)[name]
    assert found.before is not None and found.after is not None
    assert found.after != found.before
    return found.before, found.after


class Functional(nn.Module):
    """Activations called as functions, methods and with keywords."""

    def __init__(self, inside: Callable[[Tensor], Tensor], last: Callable[[Tensor], Tensor]):
        super().__init__()
        torch.manual_seed(3)
        self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 1)
        self.inside, self.last = inside, last

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.two(self.inside(self.one(inputs))))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.memory, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.memory(inputs)[0][:, -1])


class Spy:
    """A loss that notes which targets it was given."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.seen.append(targets.flatten().tolist())
        return F.mse_loss(outputs, targets)


# What is tried is left as it was.


def test_network_optimiser_modes_gradients_and_random_numbers_are_left_as_they_were() -> None:
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Sigmoid(), nn.Dropout(0.3), nn.Linear(8, 1)
    )
    module[1].eval()
    optimizer = torch.optim.Adam(module.parameters(), 0.01, weight_decay=0.1)
    F.mse_loss(module(X), Y).backward()
    optimizer.step()
    weights = copy.deepcopy(module.state_dict())
    gradients = [copy.deepcopy(each.grad) for each in module.parameters()]
    state = copy.deepcopy(optimizer.state_dict())
    modes = [each.training for each in module.modules()]
    random = torch.get_rng_state()
    assert len(tried(module, optimizer)) == 10
    assert torch.equal(random, torch.get_rng_state())
    assert modes == [each.training for each in module.modules()]
    assert weights.keys() == module.state_dict().keys()
    assert all(torch.equal(weights[n], value) for n, value in module.state_dict().items())
    for was, parameter in zip(gradients, module.parameters(), strict=True):
        assert torch.equal(was, parameter.grad)
    now = optimizer.state_dict()
    assert now["param_groups"] == state["param_groups"]
    for key, slots in state["state"].items():
        assert all(torch.equal(value, now["state"][key][name]) for name, value in slots.items())
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in module.modules())


def test_a_loss_that_knows_the_network_leaves_no_gradient_on_it() -> None:
    module = network(nn.Tanh)

    def penalised(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(outputs, targets) + sum(p.square().sum() for p in module.parameters())

    assert came_to(module, descent(module), penalised)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_inputs_and_targets_are_left_as_they_were() -> None:
    inputs, targets = X.clone(), Y.clone()
    tried(network(nn.Tanh), inputs=inputs, targets=targets)
    assert torch.equal(inputs, X) and torch.equal(targets, Y)


# On what they are trained, and how long.


def test_the_same_updates_give_the_same_losses_twice() -> None:
    module = network(nn.Tanh, lambda: nn.Dropout(0.5))
    first = tried(module)
    torch.rand(5)
    assert tried(module) == first


def test_all_trials_see_the_same_batches_and_measure_on_the_same_rows() -> None:
    spy, module = Spy(), network(nn.Tanh)
    found = tried(module, descent(module, 1e-3), spy, batch_size=25)
    a_trial = UPDATES + 2
    assert len(spy.seen) == a_trial * len(found)
    first = spy.seen[:a_trial]
    for begin in range(0, len(spy.seen), a_trial):
        assert spy.seen[begin : begin + a_trial] == first
    measured, *batches, again = first
    assert measured == again == Y.flatten().tolist()
    assert {len(batch) for batch in batches} == {25}
    # Four full batches of an epoch share no row, and the next epoch has another order.
    assert len({value for batch in batches[:4] for value in batch}) == 100
    assert batches[4:8] != batches[:4]


@pytest.mark.parametrize("updates", [20, 33, 510])
def test_there_are_exactly_as_many_updates_as_asked_for(
    updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_module, "_changes", lambda *_: iter(()))
    spy = Spy()
    found = tried(network(nn.Tanh), None, spy, updates=updates)
    assert found["as it is"].updates == updates
    assert len(spy.seen) == updates + 2


def test_fewer_than_twenty_updates_tell_nothing() -> None:
    assert tried(network(nn.Tanh), updates=19) == {}
    assert tried(network(nn.Tanh), updates=None, seconds=0.0) == {}


def test_where_there_is_time_they_are_no_more_than_the_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trials_module, "MOST_UPDATES", 21)
    found = tried(network(nn.Tanh), updates=None, seconds=1e6)
    assert {each.updates for each in found.values()} == {21}


def test_large_networks_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    module = network(nn.Tanh)
    numbers = 4 * 8 + 8 + 8 + 1
    monkeypatch.setattr(trials_module, "MOST_PARAMETERS", numbers)
    assert tried(module)
    monkeypatch.setattr(trials_module, "MOST_PARAMETERS", numbers - 1)
    assert tried(module) == {}


def test_of_many_rows_some_from_all_over_are_taken() -> None:
    spy, module = Spy(), network(nn.Tanh)
    inputs, targets = torch.zeros(1500, 4), torch.arange(1500.0)[:, None]
    tried(module, descent(module, 1e-9), spy, inputs, targets)
    seen = {value for batch in spy.seen for value in batch}
    assert len(seen) <= 1024
    assert min(seen) < 10 and max(seen) > 1490


def test_fewer_rows_than_a_batch_are_one_batch() -> None:
    spy = Spy()
    tried(network(nn.Tanh), None, spy, X[:7], Y[:7], batch_size=64)
    assert {len(each) for each in spy.seen} == {7}


def test_what_is_measured_is_measured_without_dropout() -> None:
    module = network(nn.Tanh, lambda: nn.Dropout(0.9))
    before, _ = came_to(module)
    with torch.no_grad():
        assert before == pytest.approx(float(F.mse_loss(module.eval()(X), Y)))


# What there is to change.


@pytest.mark.parametrize(
    ("module", "settings", "others"),
    [
        (network(nn.Identity), {}, {"standardised inputs"}),
        (network(nn.Tanh), {}, {"standardised inputs", "ReLU inside"}),
        (network(nn.Sigmoid), {}, {"standardised inputs", "ReLU inside"}),
        (network(nn.ReLU), {}, {"standardised inputs", "leaky ReLU inside"}),
        (
            network(nn.ReLU, nn.Sigmoid),
            {},
            {"standardised inputs", "leaky ReLU inside", "no last activation"},
        ),
        (network(nn.Identity, nn.Sigmoid), {}, {"standardised inputs", "no last activation"}),
        (
            network(nn.Identity, lambda: nn.Dropout(0.1)),
            {},
            {"standardised inputs", "no regularisation"},
        ),
        (
            network(nn.Identity),
            {"weight_decay": 0.1},
            {"standardised inputs", "no regularisation"},
        ),
        (
            Functional(torch.tanh, lambda x: x.sigmoid()),
            {},
            {"standardised inputs", "ReLU inside", "no last activation"},
        ),
        (Functional(F.relu, lambda x: x), {}, {"standardised inputs", "leaky ReLU inside"}),
    ],
)
def test_only_what_a_network_has_is_changed(
    module: nn.Module, settings: dict[str, Any], others: set[str]
) -> None:
    found = tried(module, descent(module, 0.01, **settings))
    assert found.keys() == ALWAYS | others
    assert next(iter(found)) == "as it is"


def test_a_network_without_layers_that_draw_anew_gets_no_fresh_weights() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 1))

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs @ self.weight

    assert "fresh weights" not in tried(Own())


# Each change is what it says: as if the network had been built that way.


def test_a_changed_rate_is_that_rate_in_every_group() -> None:
    module = network(nn.Tanh)

    def in_groups(factor: float) -> torch.optim.Optimizer:
        groups = [
            {"params": module[0].parameters(), "lr": 0.02 * factor},
            {"params": module[2].parameters(), "lr": 0.005 * factor},
        ]
        return torch.optim.SGD(groups, 1.0)

    found = tried(module, in_groups(1.0))
    for factor in (0.01, 0.1, 10.0):
        other = came_to(module, in_groups(factor))
        assert found[f"rate × {factor:g}"].after == pytest.approx(other[1])
    assert len({each.after for name, each in found.items() if name in RATES}) == 4


def test_adam_is_adam_at_its_usual_rate_whatever_the_optimiser() -> None:
    module = network(nn.Tanh)
    expected = came_to(module, torch.optim.Adam(module.parameters(), 1e-3))
    for rate in (1e-6, 5.0):
        found = came_to(module, descent(module, rate, weight_decay=0.5), name="Adam")
        assert found == pytest.approx(expected)


def test_columns_of_a_table_are_standardised_one_by_one() -> None:
    inputs = torch.cat([X[:, :3], torch.full((120, 1), 7.0)], 1)
    module = network(nn.Tanh)
    by_hand = torch.zeros_like(inputs)
    by_hand[:, :3] = (X[:, :3] - X[:, :3].mean(0)) / X[:, :3].std(0, unbiased=False)
    found = came_to(module, name="standardised inputs", inputs=inputs)
    assert found == pytest.approx(came_to(module, inputs=by_hand))


def test_pictures_are_standardised_as_a_whole() -> None:
    torch.manual_seed(3)
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 1))
    pictures = torch.rand(120, 2, 4, 4) * torch.tensor([1.0, 9.0])[:, None, None]
    found = came_to(module, name="standardised inputs", inputs=pictures)
    by_hand = (pictures - pictures.mean()) / pictures.std(unbiased=False)
    assert found == pytest.approx(came_to(module, inputs=by_hand))


def test_fresh_weights_are_drawn_as_the_layers_draw_them() -> None:
    module = network(nn.Tanh)
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    found = came_to(module, name="fresh weights")
    assert found == pytest.approx(came_to(network(nn.Tanh, seed=SEED)))


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh])
def test_relu_takes_the_place_of_what_saturates_inside_but_not_of_the_head(
    activation: Callable[[], nn.Module],
) -> None:
    found = came_to(network(activation, nn.Sigmoid), name="ReLU inside")
    assert found == pytest.approx(came_to(network(nn.ReLU, nn.Sigmoid)))


def test_leaky_relu_takes_the_place_of_relu() -> None:
    found = came_to(network(nn.ReLU, nn.Tanh), name="leaky ReLU inside")
    assert found == pytest.approx(came_to(network(nn.LeakyReLU, nn.Tanh)))


@pytest.mark.parametrize("last", [torch.sigmoid, lambda x: x.tanh(), lambda x: F.relu(input=x)])
def test_activations_that_are_functions_are_replaced_too(last: Callable[..., Tensor]) -> None:
    module = Functional(lambda x: torch.tanh(input=x), last)
    found = came_to(module, name="ReLU inside")
    assert found == pytest.approx(came_to(Functional(torch.relu, last)))
    without = came_to(module, name="no last activation")
    assert without == pytest.approx(came_to(Functional(torch.tanh, lambda x: x)))


@pytest.mark.parametrize(
    "last",
    [lambda: nn.Softmax(1), lambda: nn.LogSoftmax(dim=-1), nn.Sigmoid],
)
def test_without_its_last_activation_a_network_gives_logits(last: Callable[[], nn.Module]) -> None:
    given = {"loss": F.cross_entropy, "targets": LABELS}
    found = came_to(network(nn.Tanh, last, outputs=3), name="no last activation", **given)
    assert found == pytest.approx(came_to(network(nn.Tanh, outputs=3), **given))


def test_the_losss_own_activation_is_left_in_its_place() -> None:
    def through_sigmoid(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(torch.sigmoid(torch.tanh(outputs)), targets)

    found = came_to(network(nn.Tanh), None, through_sigmoid, name="ReLU inside")
    assert found == pytest.approx(came_to(network(nn.ReLU), None, through_sigmoid))


class OtherDropout(nn.Module):
    """Dropout as others write it: its rate is no `p`."""

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.9

    def forward(self, inputs: Tensor) -> Tensor:
        return F.dropout(inputs, self.share, self.training)


@pytest.mark.parametrize(
    "dropout",
    [lambda: nn.Dropout(0.9), lambda: nn.Dropout(0.9, inplace=True), OtherDropout],
)
def test_without_regularisation_there_is_neither_dropout_nor_decay(
    dropout: Callable[[], nn.Module],
) -> None:
    module = network(dropout)
    found = came_to(module, descent(module, 0.01, weight_decay=1.0), name="no regularisation")
    plain = network(nn.Identity)
    assert found == pytest.approx(came_to(plain, descent(plain, 0.01)))


# Other networks.


def test_recurrent_networks_are_tried_on_their_sequences() -> None:
    sequences = X[:, None, :].expand(-1, 5, -1) + torch.arange(5.0)[:, None]
    module = Recurrent()
    found = tried(module, inputs=sequences)
    assert found.keys() == ALWAYS | {"standardised inputs"}
    assert None not in {found[name].after for name in ("as it is", "Adam", "rate × 0.1")}
    by_hand = (sequences - sequences.mean()) / sequences.std(unbiased=False)
    expected = came_to(module, inputs=by_hand)
    assert found["standardised inputs"].after == pytest.approx(expected[1])


def test_codes_that_are_looked_up_are_not_standardised() -> None:
    torch.manual_seed(3)
    module = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.ReLU(), nn.Linear(8, 1))
    codes = torch.randint(0, 9, (120, 2))
    found = tried(module, descent(module, 1e-3), inputs=codes)
    assert found.keys() == ALWAYS | {"leaky ReLU inside"}
    assert all(each.after is not None for each in found.values())


# Other optimisers.


def test_optimisers_that_evaluate_the_loss_again_are_tried() -> None:
    module = network(nn.Tanh)
    optimizer = torch.optim.LBFGS(module.parameters(), 0.1, max_iter=4)
    weights = copy.deepcopy(module.state_dict())
    found = tried(module, optimizer)
    best, slow = found["as it is"], found["rate × 0.01"]
    assert best.before is not None and best.after is not None and slow.after is not None
    assert best.after < 0.5 * best.before
    assert best.after < slow.after < best.before
    assert not optimizer.state
    assert all(torch.equal(weights[n], value) for n, value in module.state_dict().items())


class Own(torch.optim.Optimizer):
    """Plain descent with a memory beside its state, and a step that takes no function."""

    def __init__(self, parameters: Any, rate: float) -> None:
        super().__init__(parameters, {"lr": rate})
        self.steps: list[int] = []

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        self.steps.append(len(self.steps))
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter -= group["lr"] * parameter.grad


class Unasked(Own):
    """As many are written: without gradients, also for the function it is given."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        value = None if closure is None else closure()
        super().step()
        return value


@pytest.mark.parametrize("kind", [Own, Unasked])
def test_optimisers_that_somebody_wrote_are_tried(kind: type[Own]) -> None:
    module = network(nn.Tanh)
    optimizer = kind(module.parameters(), 0.1)
    found, expected = tried(module, optimizer), tried(module)
    for name, each in expected.items():
        assert found[name].after == pytest.approx(each.after)
    assert optimizer.steps == []


def test_the_step_of_a_schedule_is_not_taken_for_the_copys() -> None:
    module = network(nn.Tanh)
    optimizer = descent(module)
    StepLR(optimizer, 10)
    weights = copy.deepcopy(module.state_dict())
    assert tried(module, optimizer) == tried(module)
    assert all(torch.equal(weights[n], value) for n, value in module.state_dict().items())


# What fails.


@pytest.mark.parametrize("error", [ValueError, RuntimeError, AssertionError, TypeError])
def test_a_loss_that_refuses_a_changed_network_loses_that_trial_alone(
    error: type[Exception],
) -> None:
    def of_shares(outputs: Tensor, targets: Tensor) -> Tensor:
        if not bool(((outputs >= 0) & (outputs <= 1)).all()):
            raise error("shares lie between 0 and 1")
        return F.binary_cross_entropy(outputs, targets)

    module = network(nn.Tanh, nn.Sigmoid)
    found = tried(module, descent(module, 1e-3), of_shares)
    refused = found.pop("no last activation")
    assert (refused.before, refused.after) == (None, None)
    assert len(found) == 9
    assert all(each.after is not None for each in found.values())


def test_a_trial_whose_loss_overflows_has_come_to_nothing() -> None:
    module = network(nn.Identity)
    found = tried(module, descent(module, 10.0))["rate × 100"]
    assert found.before is not None and found.after is None
