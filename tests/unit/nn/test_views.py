"""Answers averaged over views of pictures: which views, what average, and that it exports."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor, nn

from ranvier.core.errors import ConfigError, ShapeError
from ranvier.core.task import Task, TaskKind
from ranvier.nn import AveragedViews, Views
from ranvier.step import Head

EVERY = Views(flip=True, flip_vertical=True, shift=2)


def pictures(rows: int = 3) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (rows, 6, 5, 3), generator=draw, dtype=torch.uint8)


class Network(nn.Module):
    def __init__(self, outputs: int = 4, members: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.dense = nn.Linear(6 * 5 * 3, outputs * (members or 1))
        self.shape = (outputs,) if members is None else (members, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.dense(inputs.to(self.dense.weight.dtype).flatten(1) / 50)
        return hidden.unflatten(1, self.shape)


@pytest.mark.parametrize(
    ("names", "views", "count"),
    [
        ("none", Views(), 1),
        ("", Views(), 1),
        ("flip", Views(flip=True), 2),
        ("flip,shift", Views(flip=True, shift=1), 10),
        ("flip,flip_vertical,shift2", EVERY, 20),
    ],
)
def test_views_go_by_their_names(names: str, views: Views, count: int) -> None:
    assert Views.from_names(names) == views
    assert Views.from_names(views.names) == views
    assert views.names == (names or "none")
    assert Views.from_names(None) == Views()
    assert views.count == count == len(list(views.of(pictures())))


def test_views_that_are_not_known_are_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown view 'flop'. Did you mean 'flip'?"):
        Views.from_names("flop,shift")
    with pytest.raises(ConfigError, match="unknown view 'flip2'"):
        Views.from_names("flip2")
    with pytest.raises(ConfigError, match="shift=-1; expected a number of pixels of at least 0"):
        Views(shift=-1)
    with pytest.raises(ShapeError, match="got inputs of shape .2, 5.; expected pictures"):
        list(EVERY.of(torch.zeros(2, 5)))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_every_view_is_a_mirror_image_or_the_picture_moved_with_its_edge_repeated(
    dtype: torch.dtype,
) -> None:
    inputs = pictures().to(dtype)
    views = list(EVERY.of(inputs))
    assert torch.equal(views[0], inputs)
    assert all(view.shape == inputs.shape and view.dtype == dtype for view in views)
    assert any(torch.equal(view, inputs.flip(2)) for view in views)
    assert any(torch.equal(view, inputs.flip(1, 2)) for view in views)
    padded = nn.functional.pad(inputs.movedim(-1, 1).double(), (2, 2, 2, 2), mode="replicate")
    for down in (0, 4):
        for right in (0, 4):
            moved = padded[:, :, down : down + 6, right : right + 5].movedim(1, -1).to(dtype)
            assert any(torch.equal(view, moved) for view in views)
    distinct = {view.double().numpy().tobytes() for view in views}
    assert len(distinct) == EVERY.count


CASES = {
    "classes": (Task("classification", "y", tuple("abcd")), 4, None, False),
    "one score": (Task("classification", "y", ("no", "yes")), 1, None, True),
    "any classes": (Task("multilabel", "y", tuple("abcd")), 4, None, False),
    "a number": (Task("regression", "y"), 1, None, False),
    "members": (Task("classification", "y", tuple("abcd")), 4, 3, False),
}


@pytest.mark.parametrize(("task", "outputs", "members", "single"), CASES.values(), ids=CASES)
def test_the_head_reads_the_mean_of_what_it_reads_of_every_view(
    task: Task, outputs: int, members: int | None, single: bool
) -> None:
    module, head = Network(outputs, members).double(), Head(task, members, single_logit=single)
    averaged = EVERY.around(module, task.kind)
    with torch.no_grad():
        each = torch.stack([head.predict(module(view)) for view in EVERY.of(pictures())])
        came = head.predict(averaged(pictures()))
    torch.testing.assert_close(came, each.mean(0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
def test_outputs_of_any_size_give_a_finite_answer_and_gradient(kind: str) -> None:
    module = Network()
    with torch.no_grad():
        module.dense.weight.mul_(1e4)
    outputs = AveragedViews(module, EVERY, cast(TaskKind, kind))(pictures())
    outputs.square().sum().backward()
    assert torch.isfinite(outputs).all()
    assert module.dense.weight.grad is not None
    assert torch.isfinite(module.dense.weight.grad).all()
    assert module.dense.weight.grad.abs().max() > 0


def test_one_view_is_the_network_itself_and_more_hold_nothing_else() -> None:
    module = Network()
    assert Views().around(module, "classification") is module
    state = EVERY.around(module, "classification").state_dict()
    assert {name: t.data_ptr() for name, t in state.items()} == {
        f"module.{name}": t.data_ptr() for name, t in module.state_dict().items()
    }


@pytest.mark.parametrize("is_training", [False, True])
def test_the_network_stays_in_its_mode(is_training: bool) -> None:
    module = Network().train(is_training)
    assert EVERY.around(module, "classification").training == is_training
    assert module.training == is_training


def test_it_exports_with_any_number_of_pictures() -> None:
    averaged = Views(flip=True, shift=1).around(Network().eval(), "classification")
    rows = {0: torch.export.Dim("rows", min=1, max=64)}
    program = torch.export.export(averaged, (pictures(),), dynamic_shapes=(rows,))
    for count in (1, 7):
        inputs = pictures(count)
        torch.testing.assert_close(program.module()(inputs), averaged(inputs))
