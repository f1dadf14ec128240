"""When two ways to run an update came to the same numbers."""

from __future__ import annotations

import torch

from ranvier.step.executors.agreement import Taken, are_within, have_same_bits

ROUNDING = 1e-3


def taken(
    *, weight: float = 0.9, loss: float = 2.0, gradient: float = 1.0, count: int = 1
) -> Taken:
    """A step that moved a weight from 1, with its loss and gradient."""
    tensors = {
        "parameter/w": torch.tensor([weight, 1.0]),
        "slot/0/mean/0": torch.tensor([gradient / 10, 0.0]),
        "buffer/seen": torch.tensor(count),
    }
    gradients = torch.tensor([gradient, 0.0])
    return Taken(tensors, (torch.tensor(loss), gradients.norm()[None], gradients))


BEFORE = {
    "parameter/w": torch.ones(2),
    "slot/0/mean/0": torch.zeros(2),
    "buffer/seen": torch.tensor(0),
}


def within(came: Taken) -> bool:
    return are_within(ROUNDING, came, taken(), BEFORE)


def test_what_differs_by_rounding_agrees_and_has_other_bits() -> None:
    came = taken(weight=0.90001, loss=2.0001, gradient=1.0001)
    assert within(came)
    assert not have_same_bits(came, taken())
    assert have_same_bits(taken(), taken())


def test_another_loss_or_gradient_does_not_agree() -> None:
    assert not within(taken(loss=2.01))
    assert not within(taken(gradient=1.01))
    assert not within(taken(loss=float("nan")))


def test_an_update_left_out_or_done_twice_does_not_agree() -> None:
    assert not within(taken(weight=1.0))
    assert not within(taken(weight=0.8))
    assert not within(taken(weight=1.1))
    assert not within(taken(count=0))


def test_the_same_nan_agrees() -> None:
    lost = taken(loss=float("nan"), gradient=float("inf"), weight=float("nan"))
    assert have_same_bits(lost, lost)
    assert are_within(ROUNDING, lost, lost, BEFORE)
    assert not are_within(ROUNDING, taken(), lost, BEFORE)


def test_a_step_too_small_to_show_in_the_weights_agrees() -> None:
    still = {**BEFORE, "buffer/seen": torch.tensor(1)}
    nothing = (torch.tensor(2.0), torch.zeros(1), torch.zeros(2))
    moved = {**still, "parameter/w": torch.tensor([1.0 + 1.2e-7, 1.0])}
    assert are_within(ROUNDING, Taken(moved, nothing), Taken(still, nothing), BEFORE)
