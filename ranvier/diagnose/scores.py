"""A network's answers on some rows: loss, accuracy, and whether they differ from row to row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.diagnose.preflight.calls import first_tensor


@dataclass(frozen=True)
class Answers:
    """Scores by name, and of rows of one class each probabilities `[N, C]` and labels `[N]`."""

    scores: dict[str, Any]
    probabilities: Tensor | None = None
    labels: Tensor | None = None


@torch.no_grad()
def answers_on(
    module: nn.Module, loss: Callable[..., Tensor] | None, inputs: Tensor, targets: Tensor
) -> Answers:
    """Of a network's answers: `loss`, `accuracy`, `r2`, `spread`, `answers`, `share`.

    `spread` is the largest standard deviation of an output over the rows, relative to the outputs'
    size; `answers` counts how often each class is given, and `share` is that of the commonest one
    among the targets. Where a row may be of several classes, `accuracy` is the share of rows right
    in all of them. What does not apply is left out.
    """
    given = module(inputs)
    found: dict[str, Any] = {}
    if loss is not None:
        found["loss"] = float(torch.as_tensor(loss(given, targets)).double().mean())
    outputs = first_tensor(given)
    if outputs is None or outputs.is_complex():
        return Answers(found)
    values = outputs.double().reshape(len(outputs), -1)
    size = float(values.abs().max())
    found["spread"] = float(values.std(0, unbiased=False).max()) / size if size > 0 else 0.0
    classes = _classes(outputs, targets)
    if classes is not None:
        answered, wanted, probabilities = classes
        found["accuracy"] = float((answered == wanted).double().mean())
        width = max(int(wanted.max()) + 1, probabilities.shape[1])
        found["answers"] = torch.bincount(answered, minlength=width).tolist()
        found["share"] = float(torch.bincount(wanted).max() / len(wanted))
        return Answers(found, probabilities, wanted)
    if targets.shape == outputs.shape and values.shape[1] > 1 and _is_binary(targets):
        said = _chances(values) > 0.5
        truth = targets.reshape(values.shape) > 0.5
        found["accuracy"] = float((said == truth).all(1).double().mean())
        found["answers"] = said.sum(0).tolist()
        return Answers(found)
    if targets.is_floating_point() and targets.numel() == values.numel():
        truth = targets.double().reshape(values.shape)
        scatter = float(((truth - truth.mean(0)) ** 2).sum())
        if scatter > 0:
            found["r2"] = 1 - float(((values - truth) ** 2).sum()) / scatter
    return Answers(found)


def _classes(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
    """The class given and the class right, `[N]` each, and `[N, C]`; None where there are none."""
    several = outputs.ndim == 2 and outputs.shape[1] > 1
    labels = None
    if several and not targets.is_floating_point() and targets.numel() == len(outputs):
        labels = targets.reshape(-1).long()
    elif several and targets.shape == outputs.shape and _is_one_hot(targets):
        labels = targets.argmax(1)
    if labels is not None:
        return None if int(labels.min()) < 0 else (outputs.argmax(1), labels, _shares(outputs))
    if outputs.numel() == targets.numel() == len(outputs) and _is_binary(targets):
        p = _chances(outputs.reshape(-1).double())
        return (p > 0.5).long(), targets.reshape(-1).long(), torch.stack([1 - p, p], 1)
    return None


def _chances(values: Tensor) -> Tensor:
    """What may be probabilities, or logits, as probabilities."""
    is_probability = bool((values >= 0).all() and (values <= 1).all())
    return values if is_probability else values.sigmoid()


def _shares(outputs: Tensor) -> Tensor:
    """Probabilities `[N, C]` of what may be logits, logarithms or probabilities."""
    values = outputs.double()
    sums = values.sum(1)
    is_probability = bool((values >= 0).all()) and bool((sums - 1).abs().max() < 1e-3)
    return values if is_probability else values.softmax(1)


def _is_one_hot(targets: Tensor) -> bool:
    values = targets.double()
    return bool(((values == 0) | (values == 1)).all() and (values.sum(1) == 1).all())


def _is_binary(targets: Tensor) -> bool:
    values = targets.double()
    return bool(((values == 0) | (values == 1)).all())
