"""What one update does beside the gradient step: parts, clipping, groups, averages, constraints."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ranvier as rv
from ranvier.core.errors import ConfigError
from ranvier.core.task import Task
from ranvier.losses import CrossEntropy, Loss
from ranvier.nn import build
from ranvier.nn.penalties import add_penalty
from ranvier.optim import patterns_from
from ranvier.step import Batch, Head, Program, State
from ranvier.step.executors import Eager

CPU = torch.device("cpu")
TASK = Task("classification", "y", ("a", "b", "c"))


def network(*, batch_norm: bool = False) -> nn.Module:
    norm = [rv.BatchNorm()] if batch_norm else []
    return build(rv.Network(rv.Dense(8, activation="tanh"), *norm, rv.Dense(3)), 5, seed=3)


def program_of(module: nn.Module | None = None, **options: Any) -> Program:
    options = {"loss": CrossEntropy(), "optimizer": rv.SGD(0.1), **options}
    return Program(module=module or network(), head=Head(TASK), **options)


def batches(count: int, *, rows: int = 12, weighted: bool = False) -> list[Batch]:
    draw = torch.Generator().manual_seed(4)
    return [
        Batch(
            torch.randn(rows, 5, generator=draw),
            torch.randint(3, (rows,), generator=draw),
            torch.rand(rows, generator=draw) if weighted else None,
        )
        for _ in range(count)
    ]


def run(program: Program, data: list[Batch], *, rate: float = 0.1) -> tuple[State, list[float]]:
    state = program.first_state(CPU)
    executor = Eager(program, state)
    return state, [float(executor.run(batch, rate).loss) for batch in data]


def assert_close(left: list[Tensor], right: list[Tensor], tolerance: float = 1e-6) -> None:
    for one, other in zip(left, right, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


class AddsAPenalty(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.inner(inputs)
        if self.training:
            add_penalty(0.3 * outputs.square().mean())
        return outputs


@pytest.mark.parametrize("parts", [2, 5, 100])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss", [CrossEntropy(), CrossEntropy(class_weights=(1.0, 5.0, 0.1))], ids=["plain", "classes"]
)
def test_rows_in_parts_move_as_the_whole_batch_does(parts: int, weighted: bool, loss: Loss) -> None:
    data = batches(6, weighted=weighted, rows=11)
    options = {"loss": loss, "l1": 0.01, "orthogonal": 0.1, "clip_norm": 0.5}
    whole, whole_losses = run(program_of(**options), data)
    parted, parted_losses = run(program_of(**options, accumulate=parts), data)
    assert parted_losses == pytest.approx(whole_losses, rel=1e-5)
    assert_close(parted.parameters, whole.parameters, 1e-5)


def test_terms_that_layers_add_count_in_parts_as_in_the_whole() -> None:
    data = batches(4)  # 12 rows in 3 parts: the mean of the parts' means is the whole one's
    ends = [run(program_of(AddsAPenalty(network()), accumulate=k), data)[0] for k in (1, 3)]
    free, _ = run(program_of(AddsAPenalty(network()).eval()), data)
    assert_close(ends[0].parameters, ends[1].parameters)
    assert not torch.allclose(ends[0].parameters[0], free.parameters[0])


def test_a_layers_term_is_part_of_what_is_made_small_and_not_of_the_loss() -> None:
    (batch,) = batches(1)
    module = AddsAPenalty(network())
    start = copy.deepcopy(module)
    _, (loss,) = run(program_of(module), [batch])
    outputs = start.inner(batch.inputs)
    assert loss == pytest.approx(nn.functional.cross_entropy(outputs, batch.targets).item())
    objective = nn.functional.cross_entropy(outputs, batch.targets) + 0.3 * outputs.square().mean()
    gradients = torch.autograd.grad(objective, list(start.parameters()))
    moved = [p - 0.1 * g for p, g in zip(start.parameters(), gradients, strict=True)]
    assert_close(list(module.parameters()), moved)


def test_rows_that_weigh_nothing_move_nothing_in_parts_too() -> None:
    (batch,) = batches(1)
    program = program_of(accumulate=3)
    before = [p.clone() for p in program.module.parameters()]
    state, losses = run(program, [batch._replace(weights=torch.zeros(12))])
    assert losses == [0.0]
    assert all(torch.equal(p, b) for p, b in zip(state.parameters, before, strict=True))


@pytest.mark.parametrize(
    ("options", "by_hand"),
    [
        ({"clip_norm": 0.01}, lambda ps: nn.utils.clip_grad_norm_(ps, 0.01)),
        ({"clip_value": 0.01}, lambda ps: nn.utils.clip_grad_value_(ps, 0.01)),
        (
            {"clip_each_norm": 0.01},
            lambda ps: [nn.utils.clip_grad_norm_([p], 0.01) for p in ps],
        ),
    ],
    ids=["norm", "value", "each"],
)
def test_each_way_to_clip_is_torchs(options: dict[str, Any], by_hand: Any) -> None:
    (batch,) = batches(1)
    theirs = network()
    nn.functional.cross_entropy(theirs(batch.inputs), batch.targets).backward()
    by_hand(list(theirs.parameters()))
    torch.optim.SGD(theirs.parameters(), lr=0.1).step()
    state, _ = run(program_of(**options), [batch])
    assert_close(state.parameters, list(theirs.parameters()))
    free, _ = run(program_of(), [batch])
    assert not torch.allclose(free.parameters[0], state.parameters[0], atol=1e-4)


def test_adaptive_clipping_bounds_each_units_step_by_its_weights() -> None:
    (batch,) = batches(1)
    program = program_of(clip_adaptive=0.01)
    before = [p.detach().clone() for p in program.module.parameters()]
    state, _ = run(program, [batch], rate=1.0)
    for old, new in zip(before, state.parameters, strict=True):
        units = (old.flatten(1), new.flatten(1)) if old.ndim > 1 else (old[None], new[None])
        moved = (units[1] - units[0]).norm(dim=1)
        assert (moved <= 0.01 * units[0].norm(dim=1).clamp(min=1e-3) * 1.001 + 1e-7).all()


def test_two_ways_to_clip_or_two_averages_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        program_of(clip_norm=1.0, clip_value=0.5)
    assert str(caught.value) == (
        "got 2 ways to clip: clip_norm=1.0, clip_value=0.5; expected one. Keep one of them."
    )
    with pytest.raises(ConfigError, match=r"got 2 averages: average_decay=0.9, average_after=5"):
        program_of(average_decay=0.9, average_after=5)


def test_groups_have_rates_and_penalties_of_their_own() -> None:
    patterns = patterns_from(
        {"dense_0": {"learning_rate_factor": 0.5}, "dense_1.bias": {"l2": 2.0, "l1": 0.1}}
    )
    (batch,) = batches(1)
    start = network()
    with torch.no_grad():
        start.dense_1.bias += 0.5
    loss = nn.functional.cross_entropy(start(batch.inputs), batch.targets)
    gradients = torch.autograd.grad(loss, list(start.parameters()))
    program = program_of(copy.deepcopy(start), patterns=patterns)
    state, _ = run(program, [batch])
    bias = start.dense_1.bias
    expected = [
        start.dense_0.weight - 0.05 * gradients[0],
        start.dense_0.bias - 0.05 * gradients[1],
        start.dense_1.weight - 0.1 * gradients[2],
        bias - 0.1 * (gradients[3] + 2.0 * bias + 0.1 * bias.sign()),
    ]
    assert_close(state.parameters, expected)


def test_a_frozen_parameter_has_no_slot_no_gradient_and_stays() -> None:
    module = network()
    module.dense_0.weight.requires_grad_(False)
    kept = module.dense_0.weight.clone()
    state, _ = run(program_of(module, optimizer=rv.AdamW(0.1)), batches(3))
    assert state.names == ("dense_0.bias", "dense_1.weight", "dense_1.bias")
    assert sum(len(slots["mean"]) for slots in state.slots) == 3
    assert torch.equal(module.dense_0.weight, kept)


def test_a_network_with_nothing_to_train_is_refused() -> None:
    with pytest.raises(ConfigError, match="no parameter is left to train: all are frozen"):
        program_of(network().requires_grad_(False)).first_state(CPU)


def test_the_equal_average_is_the_mean_of_the_weights_since_its_start() -> None:
    program = program_of(average_after=3)
    state = program.first_state(CPU)
    executor = Eager(program, state)
    seen = []
    for step, batch in enumerate(batches(8), start=1):
        executor.run(batch, 0.1)
        seen.append([p.detach().clone() for p in state.parameters])
        counted = seen[3:] if step > 3 else seen[-1:]
        mean = [torch.stack(values).mean(0) for values in zip(*counted, strict=True)]
        assert_close(state.predicting, mean)


@pytest.mark.parametrize("optimizer", [rv.ScheduleFreeAdamW(0.01), rv.ASGD(0.1, start=2)], ids=str)
def test_an_optimiser_with_an_average_of_its_own_answers_with_it(optimizer: rv.Optimizer) -> None:
    program = program_of(optimizer=optimizer)
    state, _ = run(program, batches(6))
    assert state.answer is not None
    slots = [slot for group in state.slots for slot in group["average"]]
    assert all(any(a is s for s in slots) for a in state.predicting)
    assert [a.shape for a in state.predicting] == [p.shape for p in state.parameters]
    assert not torch.equal(state.predicting[0], state.parameters[0])
    with pytest.raises(ConfigError, match="keeps an average of its own to predict with"):
        program_of(optimizer=optimizer, average_decay=0.9).first_state(CPU)


def test_lookahead_answers_with_its_slow_weights() -> None:
    state, _ = run(program_of(optimizer=rv.Lookahead(rv.SGD(0.1), steps=4)), batches(6))
    assert state.predicting[0] is state.shared["lookahead.slow"][0]


def test_a_plain_optimiser_answers_with_the_parameters_themselves() -> None:
    state = program_of().first_state(CPU)
    assert state.answer is None
    assert state.predicting is state.parameters


def test_sam_steps_along_the_gradient_from_uphill() -> None:
    (batch,) = batches(1)
    theirs = network()
    parameters = list(theirs.parameters())
    start = [p.detach().clone() for p in parameters]

    def gradients() -> list[Tensor]:
        loss = nn.functional.cross_entropy(theirs(batch.inputs), batch.targets)
        return list(torch.autograd.grad(loss, parameters))

    first = gradients()
    norm = torch.stack([g.square().sum() for g in first]).sum().sqrt()
    with torch.no_grad():
        for p, g in zip(parameters, first, strict=True):
            p += 0.5 * g / norm
    expected = [p - 0.1 * g for p, g in zip(start, gradients(), strict=True)]
    state, _ = run(program_of(optimizer=rv.SAM(rv.SGD(0.1), rho=0.5)), [batch])
    assert_close(state.parameters, expected)
    plain, _ = run(program_of(), [batch])
    assert not torch.allclose(plain.parameters[0], state.parameters[0], atol=1e-4)


@pytest.mark.parametrize("optimizer", [rv.SAM(rv.SGD(0.1)), rv.LBFGS(iterations=3)], ids=str)
def test_running_statistics_see_the_rows_once_however_often_they_are_evaluated(
    optimizer: rv.Optimizer,
) -> None:
    (batch,) = batches(1)
    often, once = (
        program_of(network(batch_norm=True), optimizer=o) for o in (optimizer, rv.SGD(0.1))
    )
    run(often, [batch])
    run(once, [batch])
    ours, theirs = often.module.state_dict(), once.module.state_dict()
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.equal(ours[f"batch_norm_1.{name}"], theirs[f"batch_norm_1.{name}"])


def test_lbfgs_is_torchs_own_with_its_memory_kept_between_steps() -> None:
    data = batches(1) * 5
    theirs = network().double()
    peer = torch.optim.LBFGS(
        theirs.parameters(), lr=1.0, max_iter=4, history_size=3, line_search_fn="strong_wolfe"
    )
    data = [batch._replace(inputs=batch.inputs.double()) for batch in data]
    for batch in data:

        def closure(batch: Batch = batch) -> Tensor:
            peer.zero_grad()
            loss = nn.functional.cross_entropy(theirs(batch.inputs), batch.targets)
            loss.backward()
            return loss

        peer.step(closure)
    optimizer = rv.LBFGS(iterations=4, history=3)
    state, losses = run(program_of(network().double(), optimizer=optimizer), data, rate=1.0)
    assert losses[-1] < 0.5 * losses[0]
    assert_close(state.parameters, list(theirs.parameters()), 1e-12)


class Clamped(nn.Linear):
    def constrain_(self) -> None:
        self.weight.clamp_(-0.1, 0.1)


def test_layers_constrain_their_weights_after_the_step_and_before_the_average() -> None:
    module = nn.Sequential(Clamped(5, 3))
    start = module[0].weight.detach().clone()
    state, _ = run(program_of(module, average_decay=0.5), batches(1))
    constrained = state.parameters[0].detach()
    assert constrained.abs().max().item() == pytest.approx(0.1)
    assert start.abs().max() > 0.2
    assert state.parameters[0] is module[0].weight
    assert state.average is not None
    torch.testing.assert_close(state.average[0], 0.5 * start + 0.5 * constrained)


def test_whole_programs_keep_one_state_through_a_checkpoint() -> None:
    optimizer = rv.Lookahead(rv.ScheduleFreeAdamW(0.05), steps=2)
    program = program_of(optimizer=optimizer)
    state, _ = run(program, batches(3))
    saved = {name: tensor.clone() for name, tensor in state.tensors().items()}
    other = program_of(optimizer=optimizer)
    fresh = other.first_state(CPU)
    fresh.load(saved, step=3)
    for batch in batches(3):
        Eager(program, state).run(batch, 0.05)
        Eager(other, fresh).run(batch, 0.05)
    ours, theirs = state.tensors(), fresh.tensors()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
