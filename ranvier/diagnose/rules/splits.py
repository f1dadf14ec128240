"""Labels, and how rows were divided."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ranvier.core.finding import Finding, Severity
from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.symptom import Stage, Symptom, rule

MOSTLY_ONE_CLASS = 0.9
# Shares of rows whose label a network doubts that is otherwise well.
SUSPECTED = 0.05
# Batches whose values spread so many times as much, or as little, are not the rows any more.
OTHER_SCALE = 1.6
ENOUGH_UPDATES = 100
HALF = 0.5

MISALIGNED = Symptom(
    number=31,
    name="labels that do not belong to their rows",
    stage=Stage.DATA,
    category="labels",
    meaning="Rows and labels were shuffled apart: a single batch can be learnt by heart, and "
    "nothing holds on other rows.",
    statistic="The nearest row has the same label no more often than any row, within two standard "
    "errors, no feature alone tells of it, and validation ends at chance.",
    looks="Training that goes down slowly, by heart; validation at chance from first to last.",
    remedy="Shuffle inputs and labels with the same permutation; check the join that paired them.",
    references=("Karpathy, A recipe for training neural networks, 2019",),
)


@rule(MISALIGNED)
def misaligned_labels(evidence: Evidence) -> Iterator[Finding]:
    labels, inputs = evidence.facts.labels, evidence.facts.inputs
    if labels is None or labels.neighbours is None or inputs is None or not evidence.evaluations:
        return
    rows = min(inputs.rows, 1500)
    chance = labels.neighbours_by_chance or 0.0
    # Where one class is nearly all, neighbours agree by chance, and nothing can be told from it.
    if chance > MOSTLY_ONE_CLASS:
        return
    error = math.sqrt(max(chance * (1 - chance), 0.01) / rows)
    if labels.neighbours > chance + 2 * error or (labels.best_single or 0) > 0.05:
        return
    validation = evidence.evaluations[-1].validation
    accuracy, share = validation.get("accuracy"), validation.get("share")
    r2 = validation.get("r2")
    at_chance = (accuracy is not None and share is not None and accuracy <= share + 0.05) or (
        r2 is not None and r2 <= 0.02
    )
    if at_chance:
        numbers = {
            "neighbours": labels.neighbours,
            "by_chance": chance,
            "validation": accuracy or r2,
        }
        yield MISALIGNED.found("error", "the labels", evidence=numbers)


IMBALANCE = Symptom(
    number=33,
    name="class imbalance",
    stage=Stage.DATA,
    category="data",
    meaning="Some classes are so rare that a network does well on the whole without ever finding "
    "them.",
    statistic="Rows of the commonest class over those of the rarest: > 10 is information; a "
    "warning where classes that are ten times as rare are answered for less than half as many "
    "training rows as they have; an error where one class is answered for all.",
    looks="Accuracy at the share of the commonest class; a confusion matrix with one column.",
    remedy="Weigh the loss by inverse class shares, draw rare classes more often, and judge by "
    "balanced accuracy or F1.",
    references=("He and Garcia, Learning from imbalanced data, 2009",),
)


@rule(IMBALANCE)
def class_imbalance(evidence: Evidence) -> Iterator[Finding]:
    targets = evidence.facts.targets
    if targets is None or targets.form not in ("classes", "distribution", "indicators"):
        return
    counts = np.array([count for count in targets.counts if count > 0])
    if len(counts) < 2 or counts.max() <= 10 * counts.min():
        return
    answers = (evidence.evaluations[-1].probe.get("answers") or []) if evidence.evaluations else []
    given = np.array([count for count in answers if count])
    one_answer = len(answers) > 1 and len(given) == 1 and not targets.has_several
    is_rare = counts <= counts.max() / 10
    missed = bool(answers) and (
        len(given) < len(counts)
        or given[np.argsort(given)][: is_rare.sum()].sum() / given.sum()
        < HALF * counts[is_rare].sum() / counts.sum()
    )
    severity: Severity = "error" if one_answer else "warning" if missed else "information"
    numbers = {
        "ratio": float(counts.max() / counts.min()),
        "rarest": int(counts.min()),
        "classes_answered": len(given),
    }
    yield IMBALANCE.found(severity, "the classes", evidence=numbers, cure="balance")


SHARED = Symptom(
    number=34,
    name="rows on both sides of the split",
    stage=Stage.DATA,
    category="data",
    meaning="Rows held out for validation stand among the training rows: scores on them are too "
    "good.",
    statistic="The share of held-out rows of which a copy, equal in every value, is trained on: "
    "> 1 % is a warning, > 20 % an error.",
    looks="Validation as good as training, to the end.",
    remedy="Drop copies before splitting, or split by a group that holds them together.",
    references=("cleanlab, near duplicates",),
)


@rule(SHARED)
def shared_rows(evidence: Evidence) -> Iterator[Finding]:
    split, inputs = evidence.facts.split, evidence.facts.inputs
    if split is None or split.shared is None or split.shared <= 0.01 or inputs is None:
        return
    # Coarse rows, such as a few categories, are equal by chance.
    if inputs.form == "tokens" or (inputs.form == "table" and len(inputs.std) < 3):
        return
    numbers = {"share": split.shared, "rows": split.rows}
    severity: Severity = "error" if split.shared > 0.2 else "warning"
    yield SHARED.found(severity, "the split", evidence=numbers)


LEAK = Symptom(
    number=35,
    name="a feature that gives the target away",
    stage=Stage.DATA,
    category="data",
    meaning="One feature alone tells nearly all of the target: as a rule it was noted after the "
    "fact, and will not be there when the network is used.",
    statistic="The best single feature in 16 bins explains ≥ 0.95 of what chance leaves, on rows "
    "that the bins were not counted on.",
    looks="Nearly perfect scores from the first epoch on.",
    remedy="Leave the feature out, unless it is truly known beforehand.",
    references=("deepchecks, feature label correlation",),
)


@rule(LEAK)
def target_leak(evidence: Evidence) -> Iterator[Finding]:
    labels, inputs = evidence.facts.labels, evidence.facts.inputs
    if labels is None or labels.best_single is None or labels.best_single < 0.95:
        return
    if inputs is not None and len(inputs.std) < 3:
        return
    numbers = {"explained": labels.best_single}
    yield LEAK.found("warning", str(labels.best_feature), evidence=numbers)


ORDERED = Symptom(
    number=37,
    name="ordered rows",
    stage=Stage.DATA,
    category="data",
    meaning="Rows are sorted by their target. Without shuffling every batch holds one class, and "
    "the network follows from one to the next.",
    statistic="How much more often than by chance a row's label equals the next one's: > 0.9. A "
    "warning where the loss within an epoch has a shape that comes again (correlation of the last "
    "three epochs > 0.8), or of classes a copy that was trained on shuffled rows came further; an "
    "error where more than a quarter of the loss is left besides.",
    looks="A loss in steps that come again every epoch.",
    remedy="Shuffle rows anew every epoch.",
    references=("cleanlab, non-iid score",),
)


@rule(ORDERED)
def ordered_rows(evidence: Evidence) -> Iterator[Finding]:
    labels = evidence.facts.labels
    if labels is None or labels.ordered is None or labels.ordered <= 0.9:
        return
    targets = evidence.facts.targets
    # Numbers of neighbouring rows are alike in every series, however its rows are drawn.
    is_sorted = targets is not None and targets.form != "numbers"
    batch = _row_order_shows(evidence) or (is_sorted and evidence.trials.loop_is_at_fault)
    severity: Severity = (
        "error" if batch and evidence.falls_short else "warning" if batch else "information"
    )
    numbers = {"next_is_equal": labels.ordered, "loss_repeats": batch}
    yield ORDERED.found(severity, "the rows", evidence=numbers)


def _row_order_shows(evidence: Evidence) -> bool:
    """Whether the loss within epochs has a shape that comes again."""
    ends = [each.step for each in evidence.evaluations]
    if len(ends) < 3:
        return False
    length = min(b - a for a, b in zip([0, *ends], ends, strict=False))
    if length < 8:
        return False
    curves = np.array([evidence.losses[end - length : end] for end in ends[-3:]])
    if curves.shape != (3, length) or not np.isfinite(curves).all():
        return False
    correlations = np.corrcoef(curves)
    return bool(np.nanmin(correlations) > 0.8)


NOISY_LABELS = Symptom(
    number=32,
    name="label noise",
    stage=Stage.OUTCOME,
    category="labels",
    meaning="Some rows carry a wrong label: the network, taught by all others, is sure of another "
    "class for them.",
    statistic="Rows whose probability of a class other than their label reaches the mean that "
    "rows of that class have (confident learning), on training rows in evaluation mode: > 5 % of "
    "the rows at every one of at least three evaluations, where the network learns and no change "
    "that was tried would make it learn more.",
    looks="A training loss that stops above 0 early and then falls slowly, by heart.",
    remedy="Look through the rows named; correct or drop them; use label smoothing.",
    references=("Northcutt et al., Confident learning, 2021",),
)


@rule(NOISY_LABELS)
def label_noise(evidence: Evidence) -> Iterator[Finding]:
    suspects = evidence.scores("probe", "suspects")
    known = suspects[np.isfinite(suspects)]
    trials = evidence.trials
    # A network that learns badly doubts labels that are right.
    is_judge = evidence.is_learning and trials.best is None and not trials.loop_is_at_fault
    if len(known) < 3 or not is_judge or evidence.updates < ENOUGH_UPDATES:
        return
    share = float(known.min())
    if share > SUSPECTED:
        yield NOISY_LABELS.found("warning", "the labels", evidence={"share": share})


AUGMENTATION = Symptom(
    number=38,
    name="augmentation that goes too far",
    stage=Stage.DATA,
    category="preprocessing",
    meaning="Rows are changed so much on their way in that they are other rows: what is learnt of "
    "them is not what is asked. Or rows are scaled for the batches and not for the evaluation.",
    statistic="The standard deviation of all values in the first batches that go through the "
    "network, over that of the training rows as they were given: ∉ [1/1.6, 1.6], or their means "
    "lie more than that standard deviation apart; and more than a quarter of the loss is left.",
    looks="A training loss far above that of the same rows measured plainly.",
    remedy="Weaken the augmentation, or drop kinds that change the answer, such as flips of "
    "digits.",
    references=("Braiek and Khomh, TheDeepChecker, 2023",),
)


@rule(AUGMENTATION)
def augmentation_too_strong(evidence: Evidence) -> Iterator[Finding]:
    inputs, loops = evidence.facts.inputs, evidence.history.of("loop")
    if inputs is None or not loops or not inputs.std or not evidence.falls_short:
        return
    mean, std = loops[0].get("input_mean"), loops[0].get("input_std")
    if mean is None or std is None:
        return
    means, stds = np.array(inputs.mean), np.array(inputs.std)
    own = float(np.sqrt(np.mean(stds**2) + np.var(means)))
    offset = abs(float(mean) - float(means.mean()))
    if not own or (1 / OTHER_SCALE < std / own < OTHER_SCALE and offset < own):
        return
    numbers = {"std_of_batches": std, "std_of_rows": own, "mean_of_batches": mean}
    severity: Severity = "warning" if evidence.is_learning else "error"
    yield AUGMENTATION.found(severity, "the batches", evidence=numbers)
