"""Overlaps per class, labels, masks, quantiles and orders against scikit-learn's and SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as skm
from scipy import stats

from ranvier.core.task import Task
from ranvier.metrics import (
    Labels,
    Masks,
    Quantiles,
    Regressed,
    compute,
    f_beta,
    iou,
    per_class,
    precision,
    recall,
    score,
)

# A class that truth or decision lacks makes scikit-learn warn; the number is still to be the same.
pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(11)
AVERAGES = ["macro", "micro", "weighted"]
WEIGHTED = pytest.mark.parametrize("is_weighted", [False, True])
SEEDS = pytest.mark.parametrize("seed", range(6))


def drawn_weights(rng, num_rows: int, *, is_weighted: bool):
    return rng.uniform(0.1, 5, num_rows) if is_weighted else None


def overlaps(truth, predicted, weights, average: str) -> dict[str, float]:
    options = {"average": average, "sample_weight": weights}
    return {
        "precision": skm.precision_score(truth, predicted, **options),
        "recall": skm.recall_score(truth, predicted, **options),
        "f1": skm.f1_score(truth, predicted, **options),
        "f2": skm.fbeta_score(truth, predicted, beta=2, **options),
        "f0_5": skm.fbeta_score(truth, predicted, beta=0.5, **options),
        "iou": skm.jaccard_score(truth, predicted, **options),
    }


@SEEDS
@WEIGHTED
@pytest.mark.parametrize("average", AVERAGES)
def test_overlaps_of_masks_are_scikit_learns(seed, average, is_weighted):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 4, (2, 25))
    weights = drawn_weights(rng, 25, is_weighted=is_weighted)
    names = [f"{name}_{average}" for name in ("precision", "recall", "f1", "f2", "f0_5", "iou")]
    ours = score(Masks.of(truth, predicted, num_classes=5, weights=weights), names=names)
    theirs = overlaps(truth, predicted, weights, average)
    assert list(ours.values()) == pytest.approx(list(theirs.values()), rel=1e-12)


@SEEDS
@WEIGHTED
def test_overlaps_of_the_second_class_are_scikit_learns(seed, is_weighted):
    rng = np.random.default_rng(seed)
    truth, chance = rng.integers(0, 2, 30), rng.random(30)
    weights = drawn_weights(rng, 30, is_weighted=is_weighted)
    probabilities = np.stack([1 - chance, chance], axis=1)
    theirs = overlaps(truth, (chance > 0.5).astype(int), weights, "binary")
    task = Task("classification", "label", ("no", "yes"))
    assert compute(task, truth, probabilities, weights=weights, names=theirs) == pytest.approx(
        theirs
    )


@SEEDS
@WEIGHTED
def test_every_class_scores_as_in_scikit_learn(seed, is_weighted):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.permutation(np.arange(40) % 4), rng.integers(0, 4, 40)
    weights = drawn_weights(rng, 40, is_weighted=is_weighted)
    ours = per_class(Masks.of(truth, predicted, num_classes=4, weights=weights))
    theirs = skm.precision_recall_fscore_support(truth, predicted, sample_weight=weights)
    for name, their in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
        np.testing.assert_allclose(ours[name], their, rtol=1e-12)
    jaccard = skm.jaccard_score(truth, predicted, average=None, sample_weight=weights)
    np.testing.assert_allclose(ours["iou"], jaccard, rtol=1e-12)


@WEIGHTED
@pytest.mark.parametrize("beta", [0.1, 1.0, 3.7])
def test_any_beta_is_scikit_learns(beta, is_weighted):
    truth, predicted = RNG.integers(0, 3, (2, 50))
    weights = drawn_weights(RNG, 50, is_weighted=is_weighted)
    ours = f_beta(Masks.of(truth, predicted, num_classes=3, weights=weights), beta=beta)
    theirs = skm.fbeta_score(truth, predicted, beta=beta, average="macro", sample_weight=weights)
    assert ours == pytest.approx(theirs, rel=1e-12)


@SEEDS
@WEIGHTED
@pytest.mark.parametrize("average", [*AVERAGES, "rows"])
def test_overlaps_of_labels_are_scikit_learns(seed, average, is_weighted):
    rng = np.random.default_rng(seed)
    truth, chance = rng.integers(0, 2, (20, 4)), rng.random((20, 4))
    # scikit-learn counts a row or a label that neither is nor was said as 0; here it is left out.
    truth[np.arange(20), np.arange(20) % 4] = 1
    weights = drawn_weights(rng, 20, is_weighted=is_weighted)
    rows = Labels.of(truth, chance, weights=weights)
    of_sklearn = "samples" if average == "rows" else average
    theirs = overlaps(truth, (chance > 0.5).astype(int), weights, of_sklearn)
    ours = {
        "precision": precision(rows, average=average),
        "recall": recall(rows, average=average),
        "f1": f_beta(rows, average=average),
        "f2": f_beta(rows, beta=2, average=average),
        "f0_5": f_beta(rows, beta=0.5, average=average),
        "iou": iou(rows, average=average),
    }
    assert ours == pytest.approx(theirs, rel=1e-12)


@SEEDS
@WEIGHTED
def test_labels_are_counted_and_ranked_as_in_scikit_learn(seed, is_weighted):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, (40, 3))
    chance = np.round(rng.random((40, 3)), 1)
    weights = drawn_weights(rng, 40, is_weighted=is_weighted)
    decided = chance > 0.5
    names = ["exact_match", "hamming_loss", "roc_auc", "average_precision"]
    assert score(Labels.of(truth, chance, weights=weights), names=names) == pytest.approx(
        {
            "exact_match": skm.accuracy_score(truth, decided, sample_weight=weights),
            "hamming_loss": skm.hamming_loss(truth, decided, sample_weight=weights),
            "roc_auc": skm.roc_auc_score(truth, chance, sample_weight=weights),
            "average_precision": skm.average_precision_score(truth, chance, sample_weight=weights),
        },
        rel=1e-12,
    )


@SEEDS
@WEIGHTED
def test_agreement_of_masks_is_scikit_learns(seed, is_weighted):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 4, (2, 30))
    weights = drawn_weights(rng, 30, is_weighted=is_weighted)

    def kappa(kind: str | None) -> float:
        return skm.cohen_kappa_score(
            truth, predicted, labels=range(4), weights=kind, sample_weight=weights
        )

    theirs = {
        "accuracy": skm.accuracy_score(truth, predicted, sample_weight=weights),
        "balanced_accuracy": skm.balanced_accuracy_score(truth, predicted, sample_weight=weights),
        "matthews": skm.matthews_corrcoef(truth, predicted, sample_weight=weights),
        "cohen_kappa": kappa(None),
        "linear_kappa": kappa("linear"),
        "quadratic_kappa": kappa("quadratic"),
    }
    rows = Masks.of(truth, predicted, num_classes=4, weights=weights)
    assert score(rows, names=theirs) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("k", [2, 3, 5, 10])
@WEIGHTED
def test_top_k_accuracies_are_scikit_learns(k, is_weighted):
    truth, predicted = RNG.integers(0, 12, 100), RNG.dirichlet(np.ones(12), 100)
    weights = drawn_weights(RNG, 100, is_weighted=is_weighted)
    task, name = Task("classification", "label", tuple(range(12))), f"top_{k}_accuracy"
    theirs = skm.top_k_accuracy_score(
        truth, predicted, k=k, labels=range(12), sample_weight=weights
    )
    ours = compute(task, truth, predicted, weights=weights, names=[name])
    assert ours[name] == pytest.approx(theirs, rel=1e-12)


@SEEDS
@WEIGHTED
def test_the_pinball_loss_is_scikit_learns(seed, is_weighted):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.normal(size=25), rng.normal(size=(25, 3))
    weights = drawn_weights(rng, 25, is_weighted=is_weighted)
    levels = [0.05, 0.4, 0.99]
    rows = Quantiles.of(truth, predicted, levels=levels, weights=weights)
    theirs = np.mean(
        [
            skm.mean_pinball_loss(truth, predicted[:, q], alpha=level, sample_weight=weights)
            for q, level in enumerate(levels)
        ]
    )
    assert score(rows, names=["pinball"])["pinball"] == pytest.approx(theirs, rel=1e-12)


@SEEDS
def test_kendalls_correlation_is_scipys_with_ties_on_both_sides(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 9, (2, 60)).astype(float)
    rows = Regressed(truth, predicted, np.ones(60))
    theirs = stats.kendalltau(truth, predicted).statistic
    assert score(rows, names=["kendall"])["kendall"] == pytest.approx(theirs, rel=1e-12)
