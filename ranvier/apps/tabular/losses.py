"""Which losses a table can be trained by, and which targets they take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.apps.choices import Choice
from ranvier.core.errors import ConfigError, DataError
from ranvier.core.task import Task
from ranvier.data.tabular import Rows
from ranvier.losses import (
    LOSSES,
    BinaryLoss,
    CategoricalHinge,
    ClassLoss,
    Hinge,
    Loss,
    MeanAbsolutePercentageError,
    Pinball,
    ResidualLoss,
    SeveralOutputs,
    SquaredHinge,
)

_PAIRS = "pairs of rows, and for each whether the two are alike"
_EMBEDDINGS = "embeddings to compare within a batch, not answers"
_VIEWS = "two views of every sample, to find one by the other"
_PLACES = "a class for every place of a picture"

# What the losses are about that are for other data than a table with one column to predict.
WANTS = {
    "circle": _EMBEDDINGS,
    "contrastive": _PAIRS,
    "cosine_distance": "a vector to predict for every row",
    "cosine_embedding": _PAIRS,
    "ctc": "a sequence of labels for every sample, shorter than its input",
    "dice": _PLACES,
    "info_nce": _VIEWS,
    "kl_divergence": "a probability of every class as the target",
    "kl_to_standard_normal": "the mean and variance of a latent code, as a layer adds it",
    "mined_triplet": _EMBEDDINGS,
    "multi_similarity": _EMBEDDINGS,
    "nt_xent": _VIEWS,
    "per_member": "an ensemble, whose members get it by themselves",
    "triplet": "three embeddings: a row, one like it, one unlike it",
    "tversky": _PLACES,
}


@dataclass(frozen=True)
class _Domain:
    """The numbers that a loss takes: which they are, in words, and which of an array are not."""

    wanted: str
    is_outside: Callable[[NDArray[Any]], NDArray[np.bool_]]


_COUNTS = _Domain("whole numbers of at least 0", lambda truth: (truth < 0) | (truth % 1 != 0))
_DOMAINS = {
    "poisson_likelihood": _COUNTS,
    "negative_binomial_likelihood": _COUNTS,
    "gamma_likelihood": _Domain("numbers above 0", lambda truth: truth <= 0),
    "mean_squared_logarithmic_error": _Domain("numbers of at least 0", lambda truth: truth < 0),
}
_NOT_ZERO = _Domain(
    "none that is 0, which no error is a percentage of (or a `least` to divide by instead)",
    lambda truth: truth == 0,
)


def asked_of(loss: Loss | None) -> list[Choice]:
    """What a loss says of the task by itself: small counts look like classes, and are not."""
    if not isinstance(loss, SeveralOutputs):
        return []
    return [Choice("task", "regression", f"{loss.kind} is about a number")]


def follows_from(loss: Loss | None, *, is_own: bool) -> list[Choice]:
    """What else a loss brings, that whoever reads the run should know.

    `is_own` is whether the module was brought, which starts as it came.
    """
    if loss is not None and is_log_mean(loss) and not is_own:
        why = "the last bias, if there is one, begins at its logarithm, which is a long way from 0"
        return [Choice("start", "the mean target", why)]
    if not isinstance(loss, Hinge | SquaredHinge | CategoricalHinge):
        return []
    function = "softmax" if isinstance(loss, ClassLoss) else "sigmoid"
    value = f"the {function} of the score{'s' * isinstance(loss, ClassLoss)}"
    why = "they rank rows and decide as the scores do; a hinge teaches no honest chances"
    return [Choice("probabilities", value, why)]


def require_fit(loss: Loss, task: Task) -> None:
    """Refuse a loss that is for another task or for other data.

    Raises:
        ConfigError: saying what the loss wants, and which fit.
    """
    if not _fits(type(loss), task):
        what = "a number"
        if task.is_classification:
            what = f"one of {task.outputs} classes"
        known = ", ".join(kind for kind, member in LOSSES.items() if _fits(member, task))
        raise ConfigError(
            f"loss {loss.kind}: it wants {_wants(loss)}; {task.target!r} is {what}. "
            f"Those that fit: {known}. "
            "Name one of them, or say --task if the column is something else."
        )
    if isinstance(loss, Pinball) and len({*loss.levels}) < len(loss.levels):
        raise ConfigError(
            f"loss pinball: got the levels {', '.join(map(str, loss.levels))}; expected each once. "
            "Drop those that come again."
        )


def _fits(loss: type[Loss], task: Task) -> bool:
    if not task.is_classification:
        return issubclass(loss, ResidualLoss | SeveralOutputs)
    return issubclass(loss, ClassLoss) or (issubclass(loss, BinaryLoss) and task.outputs == 2)


def _wants(loss: Loss) -> str:
    if isinstance(loss, ResidualLoss | SeveralOutputs):
        return "a number to predict"
    if isinstance(loss, BinaryLoss):
        return "two classes"
    return "classes to predict" if isinstance(loss, ClassLoss) else WANTS[loss.kind]


def require_targets(loss: Loss, parts: Mapping[str, Rows], target: str) -> None:
    """Refuse targets that the loss cannot take, of which part and rows they are.

    Raises:
        DataError: naming the column and its first such rows.
    """
    domain = _DOMAINS.get(loss.kind)
    if loss == MeanAbsolutePercentageError():
        domain = _NOT_ZERO
    if domain is None:
        return
    for split, rows in parts.items():
        positions = np.flatnonzero(domain.is_outside(rows.truth))
        if not len(positions):
            continue
        positions = positions[np.argsort(rows.row_numbers[positions])]
        shown = ", ".join(
            f"row {rows.row_numbers[at]} is {rows.truth[at]:g}" for at in positions[:3]
        )
        more = f" and {len(positions) - 3:,} more" if len(positions) > 3 else ""
        raise DataError(
            f"target {target!r}: {shown}{more} of the {split} rows; loss {loss.kind} expects "
            f"{domain.wanted}. Mend or remove these rows, or take another loss, such as huber."
        )


def starts_at(loss: Loss, truth: NDArray[Any]) -> float | None:
    """Where the first output should start so that the network first answers the mean target.

    Only for the logarithm of a mean: from 0, that of 1, to that of targets of another size is a
    long way at the usual learning rates. Of 600 counts of about 700 each, the default network then
    reaches a surprise of 5.4 where it else ends at 11.6; of counts of about 2 it makes no
    difference. Standardised outputs start at their mean as it is, and quantiles end no better from
    those of the targets: 2.59 instead of 2.58 of pinball loss after a few epochs less.
    """
    if not is_log_mean(loss):
        return None
    return math.log(max(float(np.mean(truth)), 1e-30))


def is_log_mean(loss: Loss) -> bool:
    """Whether the network gives the logarithm of what it predicts."""
    return "log_mean" in loss.outputs
