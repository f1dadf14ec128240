"""The loss before the first update: its kind, its size, and that of the best one answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.diagnose.evidence import LossFacts
from ranvier.diagnose.preflight.calls import first_tensor, loss_called, loss_name
from ranvier.diagnose.untouched import untouched

LossFunction = Callable[..., Tensor]
Link = Callable[[Tensor], Tensor]
# The best one answer is sought on so many numbers at most.
MOST_NUMBERS = 2**20
# So many rows show whether a loss pairs them.
PAIRED_ROWS = 16
DISTANCES = ("mse_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss")
# The search for the best constant answer: its most steps, and changes too small to matter. A step
# may rise a little, as those of Barzilai and Borwein do on their way.
DESCENTS, TOLERANCE, SLACK = 200, 1e-6, 1e-2
# No share is 0: a logit of minus infinity is no start.
LEAST_SHARE = 1e-6


def loss_facts(
    module: nn.Module,
    loss: LossFunction,
    inputs: Tensor,
    targets: Tensor,
    *,
    all_targets: Tensor | None = None,
) -> LossFacts:
    """The loss of a probe: as it is, given twice, with inputs of 0, and of the best one answer.

    The best answer is that for `all_targets` where they are given. A loss that raises is noted with
    what it said.
    """
    with untouched(module), torch.no_grad():
        outputs = module(inputs)
        try:
            value, kind = loss_called(loss, outputs, targets)
        except Exception as error:  # somebody else's loss: anything may come
            return LossFacts(kind=loss_name(loss, outputs, targets), error=said(error))
        dark = _number_of(lambda: loss(module(torch.zeros_like(inputs)), targets))
    answers = first_tensor(outputs)
    twice = None
    if answers is outputs:
        pair = torch.cat([answers, answers]), torch.cat([targets, targets])
        twice = _number_of(lambda: loss(*pair))
    wanted = targets if all_targets is None else all_targets
    return LossFacts(
        kind=kind,
        initial=_number(value),
        doubled=twice,
        zero_input=dark,
        trivial=None if answers is None else trivial_loss(loss, answers, wanted, kind=kind),
        broadcasts=None if answers is None else broadcasts(loss, answers, targets),
    )


def said(error: Exception) -> str:
    """The kind of an exception, and the first line of what it said."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _number(value: Any) -> float | None:
    number = float(torch.as_tensor(value).detach().double().mean())
    return number if math.isfinite(number) else None


def _number_of(compute: Callable[[], Any]) -> float | None:
    try:
        with torch.no_grad():
            return _number(compute())
    except Exception:  # somebody else's loss and network: anything may come
        return None


def broadcasts(loss: LossFunction, outputs: Tensor, targets: Tensor) -> bool | None:
    """Whether the shapes differ, and every output is compared with every target for it.

    Then the loss of some rows is neither the mean nor the sum of what each has on its own, and it
    is another one where targets take the outputs' shape. None where outputs and targets do not hold
    equally many numbers, so that one cannot take the other's shape.
    """
    if outputs.shape == targets.shape:
        return False
    if outputs.numel() != targets.numel() or not targets.is_floating_point():
        return None
    # Answers that are all different: equal ones would hide who is compared with whom.
    spread = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype, device=outputs.device)
    answers = spread.sigmoid().reshape(outputs.shape)
    answers, targets = answers[:PAIRED_ROWS], targets[:PAIRED_ROWS]
    as_given = _number_of(lambda: loss(answers, targets))
    rows = zip(answers.split(1), targets.split(1), strict=True)
    single = [_number_of(lambda row=row: loss(*row)) for row in rows]  # type: ignore[misc]
    known = [each for each in single if each is not None]
    if as_given is None or len(known) < len(single):
        return None
    if _is_close(as_given, sum(known)) or _is_close(as_given, sum(known) / len(known)):
        return False
    side_by_side = _number_of(lambda: loss(answers, targets.reshape(answers.shape)))
    # Where targets are all alike nobody can tell, and nothing is lost.
    return None if side_by_side is None else not _is_close(as_given, side_by_side)


def _is_close(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-5 * max(abs(one), abs(other), 1e-30)


def trivial_loss(
    loss: LossFunction, outputs: Tensor, targets: Tensor, *, kind: str = ""
) -> float | None:
    """The least loss of one answer for all rows.

    Begun at the answer that is best for the usual form of such a loss (class shares, mean, median),
    and improved by descent from there, through a sigmoid or a softmax where answers have to be
    probabilities. None where the loss cannot be computed of it.
    """
    targets = targets[:: max(1, -(-targets.numel() // MOST_NUMBERS))]
    shape = (len(targets), *outputs.shape[1:])
    start, link = _start(outputs.detach(), targets, kind)

    def slope(at: Tensor) -> tuple[float, Tensor]:
        at = at.clone().requires_grad_()
        try:
            value = torch.as_tensor(loss(link(at).expand(shape), targets)).mean()
            return float(value.detach()), torch.autograd.grad(value, at)[0]
        except Exception:  # somebody else's loss, as one that refuses what is no probability
            return math.inf, at.detach()

    with torch.inference_mode(False), torch.enable_grad():
        least = _least(slope, start)
    return least if math.isfinite(least) else None


def _least(slope: Callable[[Tensor], tuple[float, Tensor]], at: Tensor) -> float:
    """The least value that descent finds, its steps from the change of the gradient.

    Reference: Barzilai and Borwein, Two-point step size gradient methods (1988).
    """
    value, gradient = slope(at)
    best, step = value, 1.0
    for _ in range(DESCENTS):
        size = float(gradient.norm())
        if not math.isfinite(best) or size < TOLERANCE:
            break
        there = at - step * gradient
        value, new = slope(there)
        if not value < best + SLACK * abs(best):
            step /= 4
            if step * size < TOLERANCE:
                break
            continue
        moved, changed = there - at, new - gradient
        curvature = float((moved * changed).sum())
        step = float((moved * moved).sum()) / curvature if curvature > 0 else 2 * step
        at, gradient, best = there, new, min(best, value)
    return best


def _start(outputs: Tensor, targets: Tensor, kind: str) -> tuple[Tensor, Link]:
    """The answer to begin with, `[1, …]` as outputs are, and what makes an answer of it."""
    values = outputs if outputs.is_floating_point() else outputs.float()
    mean = values.mean(0, keepdim=True)
    wide = values.ndim > 1 and values.shape[1] > 1
    # Members of an ensemble lie along another axis before the classes.
    has_classes = targets.shape == outputs.shape or targets.shape[1:] == outputs.shape[2:]
    if kind in ("cross_entropy", "nll_loss") and has_classes:
        logits = _shares(values, targets).clamp(min=LEAST_SHARE).log()
        return logits, (lambda x: x.log_softmax(1)) if kind == "nll_loss" else _as_it_is
    per_answer = _per_answer(values, targets)
    if kind.startswith("binary_cross_entropy"):
        share = (mean if per_answer is None else per_answer.mean(0, keepdim=True)).to(mean.dtype)
        logit = torch.logit(share.clamp(0, 1), eps=LEAST_SHARE)
        return logit, _as_it_is if "logits" in kind else torch.sigmoid
    if kind in DISTANCES and per_answer is not None:
        return per_answer.mean(0, keepdim=True).to(mean.dtype), _as_it_is
    if kind == "l1_loss" and per_answer is not None:
        return per_answer.median(0, keepdim=True).values.to(mean.dtype), _as_it_is
    if kind in DISTANCES or not bool(((values >= 0) & (values <= 1)).all()):
        return mean, _as_it_is
    if wide and bool((values.sum(1) - 1).abs().max() < 1e-3):
        return mean.clamp(min=LEAST_SHARE).log(), lambda x: x.softmax(1)
    return torch.logit(mean, eps=LEAST_SHARE), torch.sigmoid


def _as_it_is(answer: Tensor) -> Tensor:
    return answer


def _per_answer(outputs: Tensor, targets: Tensor) -> Tensor | None:
    """Targets in the shape of outputs, `[N, …]`; None where they have other numbers of them."""
    if targets.numel() != len(targets) * outputs[:1].numel():
        return None
    return targets.to(torch.float64).reshape(len(targets), *outputs.shape[1:])


def _shares(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of each class, `[1, C, 1, …]`."""
    classes = outputs.shape[1]
    if targets.is_floating_point() and targets.ndim == outputs.ndim:
        shares = targets.to(outputs.dtype).transpose(0, 1).reshape(classes, -1).mean(1)
    else:
        counted = targets.flatten().long()
        counted = counted[(counted >= 0) & (counted < classes)]
        shares = torch.bincount(counted, minlength=classes).to(outputs.dtype)
        shares = shares / shares.sum().clamp(min=1)
    return shares.reshape(1, classes, *[1] * (outputs.ndim - 2))
