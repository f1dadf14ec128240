"""The last layer and the loss: what they want of each other (rows 1, 28, 47, 50)."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.doctor.faults.fault import (
    classes,
    fault,
    first_rows,
    outputs,
    with_head,
    with_model,
    with_rows,
)
from benchmarks.doctor.program import Program


def ended(program: Program, end: nn.Module) -> Program:
    """The program with one more module after its last."""
    return with_model(program, lambda model: nn.Sequential(model, end))


def _least_and_most(program: Program) -> tuple[float, float]:
    targets = first_rows(program).targets
    return float(targets.min()), float(targets.max())


@fault(28, "activation", is_structural=True)
def relu_at_the_end_of_a_regression(program: Program) -> Program | None:
    if not program.is_number or _least_and_most(program)[0] > -0.2:
        return None
    return ended(program, nn.ReLU())


@fault(28, "activation", is_structural=True)
def sigmoid_at_the_end_of_a_regression(program: Program) -> Program | None:
    if not program.is_number or _least_and_most(program)[0] > -0.2:
        return None
    return ended(program, nn.Sigmoid())


@fault(28, "activation", is_structural=True)
def tanh_at_the_end_of_a_regression(program: Program) -> Program | None:
    if not program.is_number or _least_and_most(program)[1] < 1.3:
        return None
    return ended(program, nn.Tanh())


@fault(28, "activation", "loss")
def relu_at_the_end_of_a_classifier(program: Program) -> Program | None:
    return ended(program, nn.ReLU()) if program.task in ("classes", "binary") else None


@fault(47, "activation", "loss", is_structural=True)
def softmax_before_cross_entropy(program: Program) -> Program | None:
    return ended(program, nn.Softmax(-1)) if program.task in ("classes", "one_hot") else None


@fault(47, "activation", "loss", is_structural=True)
def sigmoid_before_cross_entropy(program: Program) -> Program | None:
    return ended(program, nn.Sigmoid()) if program.task in ("classes", "one_hot") else None


@fault(47, "activation", "loss", is_structural=True)
def sigmoid_before_a_loss_on_logits(program: Program) -> Program | None:
    if program.task not in ("binary", "indicators"):
        return None
    return replace(ended(program, nn.Sigmoid()), answer=lambda y: y - 0.5)


@fault(47, "activation", "loss", is_structural=True)
def logits_into_a_loss_on_probabilities(program: Program) -> Program | None:
    if program.task != "binary":
        return None
    return replace(program, loss=nn.BCELoss())


@fault(47, "activation", "loss", is_structural=True)
def softmax_on_one_unit(program: Program) -> Program | None:
    if program.task != "binary":
        return None
    return replace(ended(program, nn.Softmax(1)), loss=nn.BCELoss(), answer=lambda y: y - 0.5)


@fault(47, "activation", "loss", is_structural=True)
def likelihood_of_logits(program: Program) -> Program | None:
    """NLLLoss, which wants logarithms of probabilities, on logits."""
    if not isinstance(program.loss, nn.CrossEntropyLoss) or program.task != "classes":
        return None
    return replace(program, loss=nn.NLLLoss())


@fault(47, "activation", "loss", is_structural=True)
def likelihood_of_probabilities(program: Program) -> Program | None:
    """NLLLoss on a softmax, the logarithm forgotten."""
    if not isinstance(program.loss, nn.CrossEntropyLoss) or program.task != "classes":
        return None
    return replace(ended(program, nn.Softmax(1)), loss=nn.NLLLoss())


@fault(47, "loss", "architecture", is_structural=True)
def squares_of_class_numbers(program: Program) -> Program | None:
    """One output that is to be the number of the class."""
    if program.task != "classes" or classes(program) < 3:
        return None
    count = outputs(program)
    return replace(
        with_head(program, lambda head: nn.Linear(head.in_features, 1)),
        loss=lambda outputs, targets: F.mse_loss(outputs, targets.float()[:, None]),
        answer=lambda y: F.one_hot(y.round().long().reshape(-1).clamp(0, count - 1), count),
    )


@fault(47, "loss", is_structural=True)
def squares_of_a_column_and_a_row(program: Program) -> Program | None:
    """Outputs `[N, 1]` against targets `[N]`: every row is compared with every other."""
    if not program.is_number or first_rows(program).targets.shape[1:] != (1,):
        return None

    return with_rows(
        program,
        lambda found, seed: replace(
            found,
            targets=found.targets.squeeze(1),
            held_out_targets=found.held_out_targets.squeeze(1),
        ),
    )


@fault(1, "loss", "activation")
def logarithm_of_logits(program: Program) -> Program | None:
    """Cross-entropy written by hand, of what may be negative."""
    if program.task != "binary":
        return None

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return -(targets * outputs.log() + (1 - targets) * (1 - outputs).log()).mean()

    return replace(program, loss=loss)


@fault(1, "loss", "activation")
def logarithm_of_a_softmax_in_two_steps(program: Program) -> Program | None:
    """A softmax that comes to 0 for a class, as unscaled logits make it, and then its logarithm."""
    if not isinstance(program.loss, nn.CrossEntropyLoss) or program.task != "classes":
        return None

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        chosen = torch.softmax(100 * outputs, 1)[torch.arange(len(targets)), targets]
        return -chosen.log().mean()

    return replace(program, loss=loss)


@fault(50, "loss")
def loss_of_the_first_class_only(program: Program) -> Program | None:
    if program.task != "classes" or not isinstance(program.loss, nn.CrossEntropyLoss):
        return None
    count = outputs(program)
    if count < 3:
        return None
    weight = torch.zeros(count)
    weight[0] = 1.0
    return replace(program, loss=nn.CrossEntropyLoss(weight=weight, reduction="sum"))


@fault(50, "loss")
def loss_of_squares_of_both(program: Program) -> Program | None:
    """It is the same for an answer and for its opposite."""
    if not program.is_number or _least_and_most(program)[0] > -0.2:
        return None
    return replace(program, loss=lambda outputs, targets: ((outputs**2 - targets**2) ** 2).mean())
