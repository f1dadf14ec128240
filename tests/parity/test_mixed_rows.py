"""Mixup and cutmix inside the update: the same bits however it runs, and the loss of both rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ranvier.core.errors import ConfigError, ShapeError
from ranvier.core.task import Task
from ranvier.losses import BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError, MinedTriplet
from ranvier.optim import SAM, AdamW, Optimizer
from ranvier.step import Batch, Head, Program
from ranvier.step.mixing import Mixing
from ranvier.step.population import Member, Population
from tests.parity.updates import CLASSES, Update, differing

ONE = Task("classification", "y", CLASSES)
TWO = Task("classification", "y", ("no", "yes"))
ANY = Task("multilabel", "y", CLASSES)
NUMBER = Task("regression", "y")


class Pictures(nn.Module):
    """Bytes or numbers in, a convolution with dropout, answers out."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.2)
        self.dense = nn.Linear(4 * 36, outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = self.convolution((inputs.float() / 255).movedim(-1, 1))
        return self.dense(self.dropout(torch.relu(self.norm(hidden)).flatten(1)))


@dataclass(frozen=True)
class Asked(Update):
    """An update for any task."""

    task: Task = ONE
    single: bool = False

    def program(self) -> Program:
        return Program(
            module=self.module().train(),
            head=Head(self.task, single_logit=self.single, loss=self.loss),
            loss=self.loss or CrossEntropy(),
            optimizer=self.optimizer or AdamW(0.01),
            **(self.options or {}),
        )


def asked(
    task: Task = ONE,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    single: bool = False,
    weighted: bool = False,
    **options: Any,
) -> Asked:
    draw = torch.Generator().manual_seed(0)

    def batch() -> Batch:
        inputs = torch.randint(0, 256, (8, 8, 8, 3), generator=draw, dtype=torch.uint8)
        targets = torch.randint(0, 1 + task.outputs - (not single), (8,), generator=draw)
        if single:
            targets = targets.clamp(max=1)
        if task.is_multilabel:
            targets = torch.randint(0, 2, (8, 3), generator=draw, dtype=torch.uint8)
        elif task.kind == "regression":
            targets = torch.randn(8, generator=draw)
        return Batch(inputs, targets, torch.rand(8, generator=draw) if weighted else None)

    def module() -> nn.Module:
        torch.manual_seed(0)
        return Pictures(1 if single else task.outputs)

    given = {"mixup": 0.4, "cutmix": 1.0, **options}
    return Asked(module, [batch() for _ in range(3)], optimizer, given, loss, task, single)


CASES = {
    "both": asked(),
    "mixup": asked(cutmix=0.0),
    "cutmix": asked(mixup=0.0),
    "weights": asked(weighted=True),
    "in parts": asked(accumulate=3),
    "smoothed, with class weights": asked(
        loss=CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0, 0.5))
    ),
    "evaluated twice an update": asked(optimizer=SAM(AdamW(0.01))),
    "one score": asked(TWO, loss=BinaryCrossEntropy(), single=True),
    "any classes": asked(ANY, loss=BinaryCrossEntropy(class_weights=(1.0, 3.0))),
    "a number": asked(NUMBER, loss=MeanSquaredError()),
}
every_case = pytest.mark.parametrize("update", CASES.values(), ids=CASES)


@every_case
def test_a_replayed_update_on_mixed_rows_gives_the_bits_of_eager(update: Asked) -> None:
    _, wanted = update.run("eager")
    replayed, came = update.run("replay")
    assert replayed.remarks == []
    assert differing(came, wanted) == []


@every_case
def test_native_updates_on_mixed_rows_are_those_of_eager(update: Asked) -> None:
    random = []

    def ran(name: str) -> tuple[Any, dict[str, torch.Tensor]]:
        made, left = update.run(name)
        random.append(torch.get_rng_state())
        return made, left

    (_, wanted), (native, came) = ran("eager"), ran("native")
    if not any(remark.is_fallback for remark in native.remarks):
        torch.testing.assert_close(came["losses"], wanted["losses"], rtol=1e-3, atol=1e-4)
    else:
        assert differing(came, wanted) == []
    assert torch.equal(*random)


def test_native_takes_what_is_mixed_itself() -> None:
    native, _ = CASES["both"].run("native", steps=4)
    assert native.remarks == []


def test_members_of_a_population_are_mixed_as_each_alone() -> None:
    update, seeds = replace(CASES["both"], optimizer=AdamW(0.01)), (3, 4)
    left = []
    for seed in seeds:
        executor = update.executor("eager")
        torch.manual_seed(seed)
        left.append([executor.run(batch, 0.01).loss for batch in update.batches])
    population = Population([Member(update.program(), seed=seed) for seed in seeds])
    together = [population.run(batch, 0.01).loss for batch in update.batches]
    torch.testing.assert_close(torch.stack(together, 1), torch.tensor(left))


def test_the_loss_of_mixed_rows_is_that_of_both_rows_as_they_weigh() -> None:
    (batch, *_), head = CASES["weights"].batches, Head(ONE)
    mix = Mixing(mixup=1.0)
    draw = torch.Generator().manual_seed(2)
    inputs, soft, weights = mix(batch, head, generator=draw.manual_seed(2))
    assert inputs.dtype == torch.float32 and weights is not None and batch.weights is not None
    # The same draws on numbers that tell who is mixed with whom.
    marks = Batch(batch.inputs, torch.arange(8.0))
    order = torch.randperm(8, generator=draw.manual_seed(2))
    share = _share(mix, marks, order, draw.manual_seed(2))
    logits = torch.randn(8, 3, generator=draw)
    loss = CrossEntropy(label_smoothing=0.1)
    own, other = (loss.each(logits, batch.targets[each]) for each in (torch.arange(8), order))
    wanted = share * batch.weights * own + (1 - share) * batch.weights[order] * other
    torch.testing.assert_close(weights * loss.each(logits, soft), wanted)
    torch.testing.assert_close(soft.sum(1), torch.ones(8))


def _share(mix: Mixing, marks: Batch, order: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    between = mix(marks, Head(NUMBER), generator=draw).targets
    mine, other = marks.targets, marks.targets[order]
    return torch.where(mine == other, 1.0, (between - other) / (mine - other))


def test_rows_are_mixed_in_training_alone_and_the_recorded_loss_is_theirs() -> None:
    update = CASES["both"]
    plain = replace(update, options={})
    (_, came), (_, wanted) = update.run("eager", steps=1), plain.run("eager", steps=1)
    assert not torch.equal(came["losses"], wanted["losses"])
    module = update.program().module.eval()
    with torch.no_grad():
        one, other = (module(update.batches[0].inputs) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("task", "loss", "told"),
    [
        (ONE, CrossEntropy(ignore=255), "its option ignore=255 looks for a class number"),
        (ONE, MinedTriplet(), "it takes each row's target whole"),
    ],
    ids=["ignored class", "embeddings"],
)
def test_a_loss_that_takes_no_mixed_target_is_refused(task: Task, loss: Loss, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(task, loss=loss, cutmix=0.0).program()
    assert str(caught.value) == (
        f"loss {loss.kind}: mixup gives rows that are partly of one class and partly of another, "
        f"and {told}. Leave mixup out, or take another loss, such as cross_entropy."
    )


def test_inputs_that_cannot_be_mixed_and_alphas_that_cannot_be_are_refused() -> None:
    targets = torch.tensor([0, 1])
    with pytest.raises(ShapeError, match="cutmix: got inputs of shape .2, 5.; expected pictures"):
        Mixing(cutmix=1.0)(Batch(torch.zeros(2, 5), targets), Head(ONE))
    with pytest.raises(ConfigError, match="got inputs of int64; expected numbers or bytes"):
        Mixing(mixup=1.0)(Batch(torch.zeros(2, 5, dtype=torch.int64), targets), Head(ONE))
    with pytest.raises(ConfigError, match="mixup=-1: expected a number of at least 0"):
        Mixing(mixup=-1.0)


def test_a_coin_takes_mixup_or_cutmix_for_a_whole_batch() -> None:
    (batch, *_), ways = CASES["both"].batches, set()
    whole = np.unique(batch.inputs)
    for seed in range(20):
        draw = torch.Generator().manual_seed(seed)
        mixed = Mixing(mixup=1.0, cutmix=1.0)(batch, Head(ONE), generator=draw).inputs
        ways.add("cutmix" if np.isin(np.unique(mixed), whole).all() else "mixup")
    assert ways == {"mixup", "cutmix"}
