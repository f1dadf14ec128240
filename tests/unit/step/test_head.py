"""From a network's outputs to the loss and to people."""

from __future__ import annotations

import pytest
import torch

from ranvier.core.errors import ShapeError
from ranvier.core.task import Task
from ranvier.step import Head

CLASSES = Task("classification", "kind", ("a", "b", "c"))
TWO = Task("classification", "kind", ("no", "yes"))
NUMBER = Task("regression", "price")


def test_probabilities_are_softmax_of_the_logits() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0]])
    predicted = Head.fit(CLASSES, (3,), None).predict(logits)
    assert torch.allclose(predicted.float(), torch.softmax(logits, 1))


def test_one_logit_for_two_classes_is_a_sigmoid() -> None:
    head = Head.fit(TWO, (1,), None)
    predicted = head.predict(torch.tensor([[0.0], [2.0]]))
    assert head.for_loss(torch.zeros(5, 1)).shape == (5,)
    assert torch.allclose(predicted[:, 1].float(), torch.sigmoid(torch.tensor([0.0, 2.0])))
    assert torch.allclose(predicted.sum(1), torch.ones(2, dtype=torch.float64))


def test_members_are_averaged_as_probabilities_not_as_logits() -> None:
    logits = torch.tensor([[[4.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    predicted = Head.fit(CLASSES, (2, 3), 2).predict(logits)
    assert torch.allclose(predicted.float(), torch.softmax(logits, -1).mean(1))


def test_members_of_a_regression_are_averaged() -> None:
    head = Head.fit(NUMBER, (4, 1), 4)
    assert torch.equal(
        head.predict(torch.arange(4.0).reshape(1, 4, 1)), torch.tensor([1.5], dtype=torch.float64)
    )


def test_outputs_that_cannot_answer_the_task_are_refused_with_a_mend() -> None:
    with pytest.raises(ShapeError) as caught:
        Head.fit(CLASSES, (5,), None)
    assert str(caught.value) == (
        "the network gives (5,) per row; expected (3,) for 3 classes of 'kind'. "
        "End it with Dense(3)."
    )
