"""Changes of how weights are moved: the learning rate, the optimiser, clipping, batches, time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ranvier.diagnose.cures.cure import Case, Changed, cure
from ranvier.runs.settings import TrainSettings

# How far an update should move weights, relative to them.
USUAL_MOVE = 1e-3
# The factors that a learning rate is divided or multiplied by in one go.
LEAST_FACTOR, MOST_LOWERED, MOST_RAISED = 10.0, 1e3, 1e4
MOST_EPOCHS_FACTOR = 3
LARGER = 4
# Averages over so many steps, and a divisor so large, make an optimiser another one.
MOST_MOMENTUM, USUAL_MOMENTUM = 0.98, 0.9
MOST_EPSILON, USUAL_EPSILON = 1e-3, 1e-8
# What optimisers get by kind where the data was not asked.
USUAL_RATES = {"sgd": 0.03, "rmsprop": 1e-3, "adam": 1e-3, "adamw": 1e-3, "nadam": 1e-3}


def with_rate(settings: TrainSettings, rate: float) -> TrainSettings:
    """The settings with another learning rate, in both places that hold it."""
    optimizer = {**_document(settings), "learning_rate": rate}
    return replace(settings, learning_rate=rate, optimizer=optimizer)


def with_decay(settings: TrainSettings, decay: float) -> TrainSettings:
    """The settings with another weight decay, in both places that hold it."""
    optimizer = {**_document(settings), "weight_decay": decay}
    return replace(settings, weight_decay=decay, optimizer=optimizer)


def _document(settings: TrainSettings) -> dict[str, Any]:
    assert isinstance(settings.optimizer, dict), "the optimiser must be spelled out"
    return settings.optimizer


def rate_of(settings: TrainSettings) -> float:
    """The learning rate that was chosen."""
    assert settings.learning_rate is not None, "a rate must be chosen before it is changed"
    return settings.learning_rate


@cure(keeps_weights=True)
def lower_learning_rate(case: Case) -> Changed:
    """Divides the learning rate by 10, or by the power of ten that brings the measured update to a
    thousandth of the weights: updates that overshoot undo what they learn.
    """
    rate = rate_of(case.settings) / _factor_down(case)
    return with_rate(case.settings, _rounded(rate)), case.network


def _factor_down(case: Case) -> float:
    moved = case.measured("update_to_weight")
    if moved is None or moved <= USUAL_MOVE:
        return LEAST_FACTOR
    return _power_of_ten(moved / USUAL_MOVE / 3, MOST_LOWERED)


@cure(keeps_weights=True)
def raise_learning_rate(case: Case) -> Changed:
    """Multiplies the learning rate by 10, or by the power of ten that brings the measured update
    to a thousandth of the weights: at this pace there is no getting anywhere.
    """
    factor = LEAST_FACTOR
    moved = case.measured("update_to_weight")
    if moved is not None and 0 < moved < USUAL_MOVE:
        factor = _power_of_ten(USUAL_MOVE / moved, MOST_RAISED)
    return with_rate(case.settings, _rounded(rate_of(case.settings) * factor)), case.network


def _power_of_ten(ratio: float, most: float) -> float:
    return float(min(most, max(LEAST_FACTOR, 10.0 ** round(math.log10(ratio)))))


def _rounded(rate: float) -> float:
    """Without the dust of a division: 0.001, not 0.0009999999."""
    return float(f"{rate:.12g}")


@cure(stands_out=True)
def usual_momentum(case: Case) -> Changed | None:
    """Takes a momentum of 0.9: a step that goes on for hundreds of others overshoots."""
    return _with_usual(case, ("momentum", "beta1"), MOST_MOMENTUM, USUAL_MOMENTUM)


@cure(stands_out=True)
def usual_epsilon(case: Case) -> Changed | None:
    """Takes an epsilon of 10⁻⁸: a large one takes from Adam that each weight moves by its own
    size.
    """
    return _with_usual(case, ("epsilon",), MOST_EPSILON, USUAL_EPSILON)


def _with_usual(case: Case, names: Iterable[str], most: float, usual: float) -> Changed | None:
    """The optimiser with `usual` in the place of an option that is above `most`."""
    document = _document(case.settings)
    far = [name for name in names if isinstance(v := document.get(name), float) and v > most]
    if not far:
        return None
    optimizer = {**document, **dict.fromkeys(far, usual)}
    return replace(case.settings, optimizer=optimizer), case.network


@cure(keeps_weights=True)
def clip(case: Case) -> Changed | None:
    """Limits the norm of the gradient to 1, so that a single batch cannot throw the weights off."""
    if 0 < (case.settings.clip_norm or 0.0) <= 1.0:
        return None
    return replace(case.settings, clip_norm=1.0), case.network


@cure(keeps_weights=True)
def lower_and_clip(case: Case) -> Changed:
    """Divides the learning rate by 10 and limits the norm of the gradient to 1: what overflows was
    driven there.
    """
    rate = rate_of(case.settings) / _factor_down(case)
    return replace(with_rate(case.settings, _rounded(rate)), clip_norm=1.0), case.network


@cure()
def usual_learning_rate(case: Case) -> Changed | None:
    """Takes the learning rate that this optimiser usually gets on so many rows."""
    kind = _document(case.settings)["kind"]
    is_usual = kind == _document(case.usual)["kind"]
    rate = rate_of(case.usual) if is_usual else USUAL_RATES.get(kind)
    # Within a factor of three of it there is nothing to gain.
    if rate is None or 1 / 3 <= rate_of(case.settings) / rate <= 3:
        return None
    return with_rate(case.settings, rate), case.network


@cure()
def usual_optimizer(case: Case) -> Changed:
    """Takes optimiser, learning rate, schedule, weight decay and penalties as the data would get
    them where nothing was asked for, and limits the norm of the gradient to 1.
    """
    usual = case.usual
    changed = replace(
        case.settings,
        optimizer=usual.optimizer,
        learning_rate=usual.learning_rate,
        weight_decay=usual.weight_decay,
        schedule=usual.schedule,
        clip_norm=1.0,
        clip_value=0.0,
        clip_each_norm=0.0,
        clip_adaptive=0.0,
        l1=0.0,
        l2=0.0,
        orthogonal=0.0,
    )
    return changed, case.network


@cure(keeps_weights=True)
def schedule(case: Case) -> Changed | None:
    """Takes a schedule that ends with the training: a short rise, then a cosine down to 0 over all
    epochs.
    """
    if case.settings.schedule == case.usual.schedule:
        return None
    return replace(case.settings, schedule=case.usual.schedule), case.network


@cure(keeps_weights=True)
def more_epochs(case: Case) -> Changed:
    """Trains for as many epochs as such data usually gets, three times as many as before at most
    where that is not more: the loss was still falling.
    """
    before, usual = case.settings.epochs or 1, case.usual.epochs or 1
    after = usual if usual > before else MOST_EPOCHS_FACTOR * before
    return replace(case.settings, epochs=after), case.network


@cure(keeps_weights=True)
def larger_batches(case: Case) -> Changed | None:
    """Takes larger batches, whose gradient is less a matter of chance."""
    before, usual = case.settings.batch_size or 0, case.usual.batch_size or 0
    if not before:  # all rows at once
        return None
    return replace(case.settings, batch_size=max(LARGER * before, usual)), case.network


@cure(keeps_weights=True)
def stop_early(case: Case) -> Changed | None:
    """Stops where the validation rows gain nothing any more, and keeps the best epoch."""
    if case.settings.patience:
        return None
    return replace(case.settings, patience=case.usual.patience or 10), case.network


@cure()
def cross_entropy(case: Case) -> Changed | None:
    """Takes the loss that this task usually gets, which tells right answers from wrong ones."""
    if case.settings.loss == case.usual.loss:
        return None
    return replace(case.settings, loss=case.usual.loss), case.network
