"""What a population promises beside the numbers: parts, checkpoints, words."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ranvier.core.errors import ConfigError, DamagedError
from ranvier.core.task import Task
from ranvier.losses import CrossEntropy
from ranvier.nn import build
from ranvier.optim import LBFGS, SGD, AdamW, Optimizer
from ranvier.optim.groups import GroupSettings
from ranvier.spec import BatchNorm, Dense, Dropout, Network
from ranvier.step import Batch, Head, Program
from ranvier.step.population import Member, Population

HEAD = Head(Task("classification", "y", ("a", "b", "c")))
NETWORK = Network(Dense(8, activation="relu"), BatchNorm(), Dropout(0.3), Dense(3))


def member(k: int, optimizer: Optimizer | None = None, **options: Any) -> Member:
    program = Program(
        module=build(NETWORK, 5, seed=k),
        head=HEAD,
        loss=CrossEntropy(),
        optimizer=optimizer or AdamW(0.01 + 0.01 * k, weight_decay=0.1 * k),
        **options,
    )
    return Member(program, seed=k)


def batches(count: int, rows: int = 8) -> list[Batch]:
    generator = torch.Generator().manual_seed(3)
    return [
        Batch(
            torch.randn(rows, 5, generator=generator),
            torch.randint(0, 3, (rows,), generator=generator),
        )
        for _ in range(count)
    ]


def copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("is_exact", [False, True], ids=["", "exact"])
def test_members_that_are_kept_go_on_as_if_the_others_had_stayed(is_exact: bool) -> None:
    whole, halved = (Population([member(k) for k in range(4)], is_exact=is_exact) for _ in range(2))
    for batch in batches(3):
        whole.run(batch)
        halved.run(batch)
    halved.keep([3, 1])
    for batch in batches(4):
        losses = whole.run(batch).loss
        assert torch.equal(halved.run(batch).loss, losses[[3, 1]])
    assert len(halved) == 2
    assert same(copies(halved.tensors_of(0)), copies(whole.tensors_of(3)))
    assert same(copies(halved.tensors_of(1)), copies(whole.tensors_of(1)))
    assert halved.remarks == whole.remarks == []


def test_a_member_that_is_left_out_keeps_what_it_has_learnt() -> None:
    population = Population([member(k) for k in range(3)])
    population.run(batches(1)[0])
    left = population.module(1)
    before = copies(left.state_dict())
    population.keep([0, 2])
    for batch in batches(2):
        population.run(batch)
    assert same(before, copies(left.state_dict()))


def test_a_population_goes_on_from_its_checkpoint_bit_for_bit() -> None:
    first = Population([member(k) for k in range(3)])
    for batch in batches(3):
        first.run(batch)
    saved = copies(first.tensors())
    second = Population([member(k) for k in range(3)])
    second.load(saved, step=first.step)
    assert second.step == 3
    for batch in batches(4):
        assert torch.equal(first.run(batch).loss, second.run(batch).loss)
    assert same(copies(first.tensors()), copies(second.tensors()))


def test_a_member_goes_on_alone_from_its_own_checkpoint() -> None:
    population = Population([member(k) for k in range(2)], is_exact=True)
    for batch in batches(3):
        population.run(batch)
    alone = member(1)
    state = alone.program.first_state(torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        state.load(copies(population.tensors_of(1)), step=population.step)
        for batch in batches(3):
            rate = alone.program.optimizer.learning_rate
            alone.program.update(alone.program.module, state, batch, rate)
    for batch in batches(3):
        population.run(batch)
    for name, tensor in state.named().items():
        assert torch.equal(tensor, population.state(1).named()[name]), name


def test_a_module_always_holds_the_latest_weights() -> None:
    population = Population([member(k) for k in range(2)])
    for batch in batches(3):
        population.run(batch)
        stacked = population.tensors()["parameter/dense_0.weight"]
        assert torch.equal(population.module(1).get_parameter("dense_0.weight"), stacked[1])
    assert population.state(1).step == 3


def test_the_global_random_state_is_left_alone() -> None:
    population = Population([member(k) for k in range(2)])
    before = torch.get_rng_state()
    for batch in batches(3):
        population.run(batch)
    assert torch.equal(torch.get_rng_state(), before)


def test_shared_rows_and_the_same_rows_for_each_are_the_same_step() -> None:
    shared, own = (Population([member(k) for k in range(2)]) for _ in range(2))
    for inputs, targets, _ in batches(3):
        once = shared.run(Batch(inputs, targets))
        for_each = own.run(
            Batch(inputs.expand(2, *inputs.shape), targets.expand(2, -1)), own_rows=True
        )
        torch.testing.assert_close(once.loss, for_each.loss)
    assert shared.remarks == own.remarks == []


def test_rows_by_index_are_the_batches_they_name() -> None:
    named, given = (Population([member(k) for k in range(2)]) for _ in range(2))
    rows = batches(1, rows=24)[0]
    order = torch.randperm(24, generator=torch.Generator().manual_seed(1)).view(3, 8)
    scalars = named.run_rows(rows, list(order), [0.1, [0.1, 0.2], 0.3])
    for index, rates, loss in zip(order, [0.1, [0.1, 0.2], 0.3], scalars.loss, strict=True):
        batch = Batch(rows.inputs[index], rows.targets[index])
        assert torch.equal(given.run(batch, rates).loss, loss)
    assert scalars.loss.shape == (3, 2)
    assert scalars.gradient_norms.shape == (3, 2, 6)


def test_weights_of_rows_may_leave_out_rows_of_some_members() -> None:
    inputs, targets, _ = batches(1)[0]
    weights = torch.ones(2, 8)
    weights[1, 5:] = 0
    options = {"optimizer": SGD(0.1)}
    population = Population([member(k, **options) for k in range(2)])
    rows = Batch(inputs.expand(2, 8, 5), targets.expand(2, 8), weights)
    for _ in range(2):
        loss = population.run(rows, own_rows=True).loss
    assert population.remarks == []
    alone = member(1, **options)
    state = alone.program.first_state(torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for _ in range(2):
            scalars, _ = alone.program.update(
                alone.program.module, state, Batch(inputs, targets, weights[1]), 0.1
            )
    torch.testing.assert_close(loss[1], scalars.loss)


def test_one_learning_rate_serves_all_or_each_has_its_own() -> None:
    one, each = (Population([member(k, SGD()) for k in range(2)]) for _ in range(2))
    for batch in batches(3):
        torch.testing.assert_close(one.run(batch, 0.1).loss, each.run(batch, [0.1, 0.1]).loss)


def test_a_last_short_batch_is_one_of_another_form() -> None:
    population = Population([member(k) for k in range(2)])
    for batch in [*batches(2), *batches(2, rows=5)]:
        assert population.run(batch).loss.shape == (2,)
    assert population.remarks == []


class Branching(nn.Module):
    """Asks a number what to do."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 3)

    def forward(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.first(rows)
        return scores * 2 if scores.sum() > 0 else scores


def test_what_cannot_be_captured_is_trained_one_after_another_and_says_why() -> None:
    torch.manual_seed(0)
    members = [
        Member(Program(module=Branching(), head=HEAD, loss=CrossEntropy(), optimizer=SGD()))
        for _ in range(2)
    ]
    modules = [copy.deepcopy(each.program.module) for each in members]
    population = Population(members)
    for batch in batches(2):
        population.run(batch, 0.1)
    (remark,) = population.remarks
    assert remark.is_fallback
    assert "one after another, as what runs next depends on values" in remark.text
    for k, module in enumerate(modules):
        program = replace(members[k].program, module=module)
        state = program.first_state(torch.device("cpu"))
        for batch in batches(2):
            program.update(module, state, batch, 0.1)
        assert same(copies(module.state_dict()), copies(population.module(k).state_dict()))


def test_an_optimizer_that_looks_at_values_trains_members_one_after_another() -> None:
    population = Population([member(k, LBFGS()) for k in range(2)])
    for batch in batches(2):
        population.run(batch)
    (remark,) = population.remarks
    assert "lbfgs looks at values to decide what runs next" in remark.text


def test_a_setting_that_decides_what_runs_is_named() -> None:
    population = Population([member(0), member(1, clip_norm=1.0)])
    for batch in batches(2):
        population.run(batch)
    (remark,) = population.remarks
    assert "member 1 runs" in remark.text
    assert "a setting decides what is run" in remark.text


def test_members_of_other_shapes_are_refused_with_the_tensor_that_differs() -> None:
    wide = Program(
        module=build(Network(Dense(9), Dense(3)), 5),
        head=HEAD,
        loss=CrossEntropy(),
        optimizer=SGD(),
    )
    thin = Program(
        module=build(Network(Dense(8), Dense(3)), 5),
        head=HEAD,
        loss=CrossEntropy(),
        optimizer=SGD(),
    )
    with pytest.raises(ConfigError, match=r"member 1: .* parameter/dense_0.bias differs"):
        Population([Member(wide), Member(thin)])


def test_a_module_of_two_members_is_refused() -> None:
    one = member(0)
    with pytest.raises(ConfigError, match="two members have the same module"):
        Population([one, Member(one.program, seed=1)])


def test_no_members_are_refused() -> None:
    with pytest.raises(ConfigError, match="no members"):
        Population([])


def test_members_whose_layers_thaw_later_are_refused() -> None:
    resting = {"dense_0": GroupSettings(thaws_after=1)}
    with pytest.raises(ConfigError, match="thaws_after"):
        Population([member(0, patterns=resting)])


def test_learning_rates_that_are_not_one_for_each_are_refused() -> None:
    population = Population([member(k) for k in range(3)])
    with pytest.raises(ConfigError, match=r"shape \(2,\) came for 3 members"):
        population.run(batches(1)[0], [0.1, 0.2])


def test_rows_that_are_not_one_batch_for_each_are_refused() -> None:
    population = Population([member(k) for k in range(3)])
    with pytest.raises(ConfigError, match="rows of 8 members came for a population of 3"):
        population.run(batches(1)[0], own_rows=True)


@pytest.mark.parametrize("positions", [[], [0, 0], [3], [-1]])
def test_positions_that_are_none_are_refused(positions: list[int]) -> None:
    population = Population([member(k) for k in range(3)])
    with pytest.raises(ConfigError, match="expected different positions from 0 to 2"):
        population.keep(positions)


def test_a_checkpoint_of_another_population_is_refused() -> None:
    two, three = (Population([member(k) for k in range(n)]) for n in (2, 3))
    with pytest.raises(DamagedError, match="does not fit this population of 3"):
        three.load(two.tensors(), step=0)
