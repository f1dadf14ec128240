"""What a finding rests on and what Ranvier would do about it, in words, for terminal and page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ranvier.core.finding import Finding
from ranvier.report.words import NO_BREAK_SPACE, is_number, number, percent, said, shorten

MOST_SAID = 120
MOST_LISTED = 12


def evidence_words(finding: Finding) -> list[str]:
    """The numbers of a finding, each as a phrase; what nobody found words for keeps its name.

    >>> found = Finding("error", "divergence", "learning_rate", "the loss", "", number=10,
    ...                 evidence={"loss_over_least": 3.2, "moon": "full"})
    >>> evidence_words(found)
    ['the loss ended at 3.2 times its least', 'moon: full']
    """
    said_so = (
        _phrase(finding.number, name, value)
        for name, value in finding.evidence.items()
        if value is not None
    )
    return [shorten(phrase, MOST_SAID) for phrase in said_so if phrase]


def cure_words(cure: str) -> str:
    """What a cure does, as the end of "Ranvier can …".

    >>> cure_words("lower_learning_rate"), cure_words("sing_to_it")
    ('lower the learning rate', 'sing to it')
    """
    return CURES.get(cure, cure.replace("_", " "))


def intervention_words(record: Mapping[str, Any]) -> str:
    """One change that was tried while a run trained: when, for what, what, and what came of it.

    >>> intervention_words({"step": 40, "epoch": 2, "symptom": "divergence", "number": 10,
    ...     "cure": "lower_learning_rate", "before": {"learning_rate": 0.1},
    ...     "after": {"learning_rate": 0.01}, "outcome": "helped"})
    'step 40, epoch 2: divergence → lower the learning rate (learning rate 0.1 → 0.01): helped'
    """
    places = [f"{name} {number(record[name])}" for name in ("step", "epoch") if name in record]
    known = record.get("cure") or record.get("words") or "a change"
    change = _change(record.get("before"), record.get("after"))
    scores = [record.get("score_before"), record.get("score_after")]
    is_told = all(map(is_number, scores)) and scores[0] != scores[1]
    told = f"score {number(scores[0])} → {number(scores[1])}" if is_told else ""
    outcome = ", ".join(filter(None, (str(record.get("outcome") or ""), told)))
    deed = f"{cure_words(str(known))}{f' ({change})' if change else ''}"
    deed += _return(record.get("back_to"))
    what = f"{record['symptom']} → {deed}" if record.get("symptom") else deed
    return ": ".join(filter(None, (", ".join(places), what, outcome)))


def _return(place: Any) -> str:
    """From where it went on, if that was told."""
    step = place.get("step") if isinstance(place, Mapping) else None
    if not is_number(step):
        return ""
    return f", back at step {number(step)}" if step else ", from the start"


def _change(before: Any, after: Any) -> str:
    """What is otherwise now, by name where there are names."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        pairs = [_change_of(str(name), before[name], after.get(name)) for name in before]
        return shorten("; ".join(pairs), MOST_SAID)
    return "" if after is None else shorten(f"{said(before)} → {said(after)}", MOST_SAID)


def _change_of(name: str, before: Any, after: Any) -> str:
    words = name.replace("_", " ")
    # A network is too long for a line, and its settings are in the run.
    return f"another {words}" if name == "network" else f"{words} {said(before)} → {said(after)}"


def times(value: float) -> str:
    """How many times as much.

    >>> times(3.2), times(49_600_000.0), times(float("inf"))
    ('3.2 times', '49,600,000 times', 'countless times')
    """
    if math.isinf(value):
        return "countless times"
    return f"{number(float(f'{value:.3g}'))} times"


def part(share: float) -> str:
    """A share of a whole as people say it.

    >>> part(0.5), part(1.0), part(0.0)
    ('half', 'all', 'none')
    >>> part(0.939).replace("\\N{NO-BREAK SPACE}", " ")
    '93.9 %'
    """
    for exact, word in ((1.0, "all"), (0.5, "half"), (0.0, "none")):
        if abs(share - exact) < 5e-4:
            return word
    return _percent(share)


def _percent(share: float) -> str:
    if abs(share) >= 0.001:
        return percent(share)
    return f"{number(100 * share, digits=3)}{NO_BREAK_SPACE}%"


def _phrase(symptom: int, name: str, value: Any) -> str:
    """A phrase for one number of a finding; empty where it says nothing."""
    template = WORDS.get(f"{symptom}.{name}", WORDS.get(name))
    if template is None:
        return f"{name.replace('_', ' ')}: {_listed(value)}"
    if value is False or (value == 0 and template.startswith("{value} of them")):
        return ""
    return re.sub(r"\{(\w+)\}", lambda found: _SAID[found[1]](value), template)


def _listed(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        more = ", …" if len(value) > MOST_LISTED else ""
        return ", ".join(said(each) for each in value[:MOST_LISTED]) + more
    return number(float(f"{value:.4g}")) if isinstance(value, float) else said(value)


def _unless_number(words: Callable[[float], str]) -> Callable[[Any], str]:
    # Evidence comes out of files: a number that overflowed stands there as null or as a text.
    def say(value: Any) -> str:
        is_endless = isinstance(value, float) and math.isinf(value) and words is times
        return words(float(value)) if is_number(value) or is_endless else _listed(value)

    return say


_SAID: Mapping[str, Callable[[Any], str]] = {
    "times": _unless_number(times),
    "inverse": _unless_number(lambda value: times(1 / value if value else math.inf)),
    "part": _unless_number(part),
    "percent": _unless_number(_percent),
    "gigabytes": _unless_number(lambda value: f"{value / 2**30:.2f}{NO_BREAK_SPACE}GiB"),
    "value": _listed,
}

# Under "number.name" for one symptom, under "name" for all that have no words of their own.
WORDS: Mapping[str, str] = {
    # where and when
    "step": "",  # where it is found names it
    "from_step": "from step {value} on",
    "rows": "{value} rows were compared",
    "1.rows": "in rows {value}",
    "values": "{value} values are not finite",
    "operation": "the first operation that gave no number: {value}",
    "layer": "in the layer {value}",
    "layers": "layers concerned: {value}",
    "of": "of {value} in all",
    "weights": "weights concerned: {value}",
    "parameters": "parameters concerned: {value}",
    "why": "{value}",
    "what": "{value}",
    # gradients and updates
    "loss_growth": "just before, the loss was {times} its usual",
    "gradient_norm_growth": "just before, the gradient was {times} its usual",
    "2.growth": "the gradient norm at the end is {times} that at the beginning",
    "2.median": "its median over the training is {value}",
    "largest": "the largest was {value}",
    "first_over_last": "the last layer's gradient is {inverse} the first one's",
    "first": "the first layer's mean gradient is {value}",
    "update_to_weight": "an update changes the weights by {percent} of their size; "
    "usual is about 0.1 %",
    "spikes": "{value} spikes, each with a higher loss after it",
    "percentile_90": "nine gradients in ten are below {value}",
    "noise": "the noise of a batch's gradient is {times} the gradient itself",
    "16.share_of_looks": "old gradients lay there in {percent} of the looks",
    "17.share_of_looks": "updates went up the gradient in {percent} of the looks",
    "last_norm": "the gradient that lay there last had norm {value}",
    "maximizes": "the optimiser was told to maximise",
    "not_in_optimizer": "{value} of them the optimiser was never given",
    "not_reached_by_gradients": "{value} of them no gradient reaches",
    "not_registered": "{value} of them the network does not know as its own",
    "17.kind": "that loss, {value}, is never negative",
    # what units do
    "4.share": "in the worst layer {part} of the units are dead",
    "5.share": "in the worst layer {part} of the values are at an end of the range",
    "14.spread": "from row to row outputs differ by {percent} of their size",
    "difference": "from row to row outputs differ by {percent} of their size",
    "answers": "answers by class: {value}",
    "late_over_early": "the effective rank is {percent} of what it was at first",
    "11.growth": "the weights are {times} as large as at first",
    "norm": "their norm is {value}",
    # learning rate and loss
    "learning_rate": "the learning rate is {value}",
    "loss_over_least": "the loss ended at {times} its least",
    "slope": "the loss changes by {value} from one twentieth of the second half to the next",
    "t": "the trend is {value} standard errors from flat",
    "share_of_updates": "for {percent} of the updates the learning rate was next to 0",
    "swing_over_fall": "from epoch to epoch it swings by {percent} of its whole fall",
    "turns": "it turns round in {percent} of the places",
    "12.spread": "over the last half of the training it varies by {percent}",
    "loss": "the loss is {value}",
    "47.loss": "the loss is {value}",
    "epsilon": "epsilon is {value}",
    "20.share": "the sharpness is at its bound in {part} of the looks",
    "sharpness": "the sharpness is {value}",
    # how good it is
    "accuracy": "accuracy is {percent}",
    "commonest": "always answering the commonest class gets {percent}",
    "bound": "with luck that could look like {percent}",
    "r2": "R² is {value}; the mean gets 0",
    "fall_ahead": "as much training again would bring the loss down by {percent}",
    "updates": "{value} updates were made",
    "loss_left": "{part} of the loss was left after that",
    "behind_nearest_neighbour": "copying the label of the nearest row does better by {percent}",
    "correlation": "loss and score correlate by {value}; −1 would be ideal",
    "validation_loss_over_least": "the validation loss ended at {times} its least",
    "best_epoch": "epoch {value} was the best",
    "epochs_since": "{value} epochs went by since",
    "accuracy_gap": "accuracy is {percent} higher on training rows",
    "label_drift": "a class's share differs by {percent} between the parts",
    "feature_drift": "a feature's mean differs by {value} standard deviations between the parts",
    "validation_ahead": "accuracy is {percent} higher on validation rows",
    "evaluation_mode": "the network was in evaluation mode while it was trained",
    "46.difference": "in evaluation mode the loss is worse by {percent} of itself",
    "train": "the loss was {value} in training",
    "eval": "the loss is {value} on the same rows in evaluation mode",
    # before training
    "mean": "the mean is {value}",
    "std": "the standard deviation is {value}",
    "first_loss_over_trivial": "the first loss is {times} that of always answering the mean",
    "first_loss": "the first loss is {value}",
    "usual": "usual would be {value}",
    "activation": "the activation is {value}",
    "least_target": "targets begin at {value}",
    "largest_target": "targets go up to {value}",
    "least": "outputs begin at {value}",
    "47.largest": "outputs go up to {value}",
    "joined": "layers of weights with nothing between them: {value}",
    "zeros": "weights that start at 0: {value}",
    "variance_over_usual": "their variance is {times} what suits the layer",
    "least_std": "the smallest standard deviation is {value}",
    "largest_std": "the largest standard deviation is {value}",
    "largest_offset": "a mean lies {value} standard deviations from 0",
    "24.ratio": "the widest feature is {times} as wide as the narrowest",
    "49.ratio": "the loss of a batch given twice is {times} the batch's own",
    "features": "features concerned: {value}",
    "change": "a row's output changes by {percent} with the rows beside it",
    # labels and splits
    "neighbours": "the nearest row has the same label {percent} of the time",
    "by_chance": "by chance it would be {percent}",
    "31.validation": "validation scores {value}",
    "33.ratio": "the commonest class has {times} the rows of the rarest",
    "rarest": "the rarest class has {value} rows",
    "classes_answered": "classes that are ever answered: {value}",
    "34.share": "{percent} of the held-out rows are trained on as well",
    "34.rows": "{value} rows are held out",
    "explained": "that feature alone tells {percent} of the target",
    "next_is_equal": "a row's target tells {percent} of the next row's",
    "loss_repeats": "the loss repeats itself every epoch",
    "32.share": "about {percent} of the labels are suspect",
    "augmented": "the loss is {value} on augmented rows",
    "plain": "the loss is {value} on the same rows as they are",
    # what a short training of a copy came to
    "trial": "tried on a copy: {value}",
    "trial_loss": "the copy's loss came to {value}",
    "trial_updates": "after {value} updates",
    # regularisation, time
    "dropout": "the dropout rate is {value}",
    "weight_decay": "weight decay is {value}",
    "pull_over_gradient": "its pull is {times} the gradient",
    "shrunk": "weights have shrunk to less than a tenth",
    "median_alpha": "the median exponent of the spectra is {value}",
    "share_of_time": "{percent} of the time went by waiting",
    "needed_bytes": "{gigabytes} are needed",
    "free_bytes": "{gigabytes} are free",
}

CURES: Mapping[str, str] = {
    "lower_learning_rate": "lower the learning rate",
    "raise_learning_rate": "raise the learning rate",
    "usual_learning_rate": "take the usual learning rate",
    "usual_optimizer": "take the usual optimiser and schedule",
    "lower_and_clip": "lower the learning rate and limit the gradient",
    "schedule": "let the learning rate fall to 0 over the whole training",
    "clip": "limit the gradient",
    "relu": "use ReLU as the activation",
    "leaky_relu": "use leaky ReLU as the activation",
    "normalise": "normalise between layers",
    "residual": "add ways around layers",
    "logits": "take the softmax or sigmoid off the last layer",
    "sigmoid_head": "give the last layer one logit",
    "cross_entropy": "take the usual loss",
    "activation": "put the missing activation in",
    "linear_head": "take the activation off the last layer",
    "initialise": "draw the first weights anew",
    "standardise": "standardise the inputs",
    "scale_target": "scale the target",
    "regularise": "add dropout and weight decay",
    "weight_decay": "add weight decay",
    "less_decay": "lessen the weight decay",
    "less_dropout": "lessen dropout",
    "stop_early": "stop early",
    "more_epochs": "train for longer",
    "larger_batches": "make batches larger",
    "balance": "weigh the classes alike",
    "shuffle": "shuffle the rows anew every epoch",
}
