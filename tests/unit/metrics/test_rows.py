"""Rows of every kind, worked by hand, at their edges, and refused in words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ranvier.core.errors import ConfigError, DataError, ShapeError
from ranvier.core.task import Task
from ranvier.metrics import (
    Episodes,
    Forecasts,
    Gaussians,
    Labels,
    Likelihoods,
    Masks,
    Quantiles,
    Regressed,
    Samples,
    compute,
    crps_samples,
    dice,
    discounted_return,
    f_beta,
    higher_is_better,
    iou,
    per_class,
    precision,
    rows_of,
    score,
    top_k_accuracy,
)


def test_a_picture_segmented_by_hand():
    truth = [[[0, 0, 1], [0, 1, 1]]]
    predicted = [[[0, 1, 1], [0, 1, 0]]]
    found = score(
        Masks.of(truth, predicted, num_classes=2), names=["iou", "dice", "accuracy", "iou_macro"]
    )
    # Class 1 is in three places, said of three, and both in two.
    assert found == pytest.approx(
        {"iou": 2 / 4, "dice": 4 / 6, "accuracy": 4 / 6, "iou_macro": 0.5}
    )


def test_places_to_ignore_are_not_there():
    rows = Masks.of([[0, 1, 255, 1]], [[0, 1, 1, 0]], num_classes=2, ignore=255, weights=[2])
    assert rows.confusion.tolist() == [[2, 0], [2, 2]]


def test_a_class_in_no_picture_does_not_count_and_has_no_score():
    rows = Masks.of([0, 1, 1], [0, 1, 0], num_classes=3)
    assert iou(rows) == pytest.approx((1 / 2 + 1 / 2) / 2)
    scores = per_class(rows)
    assert np.isnan(scores["iou"][2])
    assert scores["support"].tolist() == [1, 2, 0]


def test_a_class_said_where_none_is_counts_as_missed():
    rows = Masks.of([0, 0], [0, 2], num_classes=3)
    assert iou(rows) == pytest.approx((1 / 2 + 0) / 2)
    assert dice(rows, average="micro") == pytest.approx(1 / 2)


def test_pictures_without_the_second_class_have_no_overlap_with_it():
    found = score(Masks.of([[0, 0]], [[0, 0]], num_classes=2), names=["iou", "dice", "iou_macro"])
    assert math.isnan(found["iou"])
    assert math.isnan(found["dice"])
    assert found["iou_macro"] == 1.0


def test_labels_worked_by_hand():
    # Two labels of four are wrong; one row of two is right, and one label is found too often.
    rows = Labels.of([[1, 0], [1, 0]], [[0.9, 0.2], [0.4, 0.8]])
    found = score(
        rows, names=["exact_match", "hamming_loss", "f1_micro", "precision_rows", "recall_rows"]
    )
    assert found == pytest.approx(
        {
            "exact_match": 0.5,
            "hamming_loss": 0.5,
            "f1_micro": 0.5,
            "precision_rows": 0.5,
            "recall_rows": 0.5,
        }
    )


def test_a_label_is_decided_above_the_threshold_not_at_it():
    assert not Labels.of([[1]], [[0.5]]).predicted.any()
    assert Labels.of([[1]], [[0.5]], threshold=0.4).predicted.all()


def test_a_label_that_no_row_has_leaves_ranking_undefined():
    found = score(
        Labels.of([[1, 0], [0, 0]], [[0.9, 0.1], [0.2, 0.3]]), names=["roc_auc", "f1_macro"]
    )
    assert math.isnan(found["roc_auc"])
    assert found["f1_macro"] == 1.0


def test_quantiles_worked_by_hand():
    rows = Quantiles.of([3.0, 9.0], [[1.0, 5.0], [2.0, 8.0]], levels=[0.1, 0.9])
    found = score(rows)
    # Residuals 2 and −2, 7 and 1: losses 0.1·2, 0.1·2, 0.1·7 and 0.9·1.
    assert found["pinball"] == pytest.approx((0.2 + 0.2 + 0.7 + 0.9) / 4)
    assert found["crps_quantiles"] == pytest.approx(2 * found["pinball"])
    assert found["interval_coverage"] == 0.5
    assert found["coverage_error"] == pytest.approx(0.3)
    assert found["interval_width"] == 5.0
    assert found["interval_score"] == pytest.approx((4 + 6 + 1 / 0.1) / 2)


def test_one_quantile_is_no_interval():
    found = score(Quantiles.of([1.0], [[2.0]], levels=[0.5]))
    undefined = {name for name, value in found.items() if math.isnan(value)}
    assert undefined == {"interval_coverage", "coverage_error", "interval_width", "interval_score"}
    assert found["pinball"] == 0.5
    assert found["crps_quantiles"] == 1.0  # the absolute error


def test_a_share_alpha_of_truths_below_costs_least():
    truth = np.arange(101.0)
    cost = [
        score(Quantiles.of(truth, np.full((101, 1), q), levels=[0.8]), names=["pinball"])["pinball"]
        for q in range(101)
    ]
    assert int(np.argmin(cost)) == 80


def test_one_sample_scores_its_absolute_error_and_is_not_fair():
    rows = Samples.of([1.0, 5.0], [[2.0], [2.0]])
    assert crps_samples(rows) == 2.0
    assert math.isnan(crps_samples(rows, is_fair=True))


def test_fair_samples_score_as_what_they_were_drawn_from():
    rng = np.random.default_rng(0)
    rows = Samples.of(np.full(200_000, 0.5), rng.normal(size=(200_000, 3)))
    whole = score(Gaussians.of([0.5], [0.0], [1.0]))["crps_gaussian"]
    assert crps_samples(rows, is_fair=True) == pytest.approx(whole, abs=0.005)
    assert crps_samples(rows) > whole + 0.1


def test_forecasts_worked_by_hand():
    # The naive forecast of the past misses by 2, 1 and 3; this one by 1 and 2.
    rows = Forecasts.of([[6.0, 8.0]], [[5.0, 6.0]], past=[[1.0, 3.0, 2.0, 5.0]])
    found = score(rows)
    assert found["mase"] == pytest.approx(1.5 / 2)
    assert found["rmsse"] == pytest.approx(math.sqrt(2.5 / (14 / 3)))
    assert score(rows.as_values(), names=["mae"]) == {"mae": 1.5}


def test_saying_again_what_was_a_season_ago_scores_one_where_nothing_changes_its_ways():
    past = np.tile([1.0, 5.0, 2.0, 8.0], 3) + np.repeat([0.0, 1.0, 2.0], 4)
    rows = Forecasts.of([past[-4:] + 1], [past[-4:]], past=[past], season=4)
    assert score(rows) == {"mase": 1.0, "rmsse": 1.0}


def test_a_past_that_never_changed_gives_no_scale():
    found = score(Forecasts.of([[1.0]], [[2.0]], past=[[3.0, 3.0, 3.0]]))
    assert all(math.isnan(value) for value in found.values())


def test_a_coin_is_as_perplexing_as_two_tokens_and_takes_one_bit():
    assert score(Likelihoods.of(np.log([0.5] * 8))) == pytest.approx(
        {"perplexity": 2.0, "bits_per_character": 1.0}
    )


def test_bits_per_character_do_not_hang_on_how_the_text_is_cut():
    letters = np.log([0.5, 0.25, 0.5, 0.125])
    whole = Likelihoods.of([letters[:3].sum(), letters[3]], num_characters=[3, 1])
    cut, joined = score(Likelihoods.of(letters)), score(whole)
    assert joined["bits_per_character"] == pytest.approx(cut["bits_per_character"])
    assert joined["bits_per_character"] == pytest.approx((1 + 2 + 1 + 3) / 4)
    assert joined["perplexity"] == pytest.approx(2 ** (7 / 2))


def test_padding_weighs_nothing_and_the_impossible_is_infinitely_perplexing():
    padded = Likelihoods.of([[-1.0, -2.0], [-3.0, np.nan]], weights=[[1, 1], [1, 0]])
    assert score(padded)["perplexity"] == pytest.approx(math.exp(2))
    assert score(Likelihoods.of([-1.0, -np.inf]))["perplexity"] == math.inf
    assert score(Likelihoods.of([-1000.0]))["perplexity"] == math.inf


def test_tokens_that_spell_nothing_have_no_bits_per_character():
    assert math.isnan(score(Likelihoods.of([-1.0], num_characters=0))["bits_per_character"])


def test_episodes_worked_by_hand():
    rows = Episodes.of([[1, 1, 1], [0, 5]], weights=[1, 3])
    assert score(rows) == pytest.approx(
        {
            "episode_return": (3 + 3 * 5) / 4,
            "discounted_return": (1 + 0.99 + 0.99**2 + 3 * 0.99 * 5) / 4,
            "episode_length": (3 + 3 * 2) / 4,
        }
    )
    assert discounted_return(rows, discount=0.0) == pytest.approx(1 / 4)
    with pytest.raises(ConfigError, match="got discount = 1.5; expected 0 to 1"):
        discounted_return(rows, discount=1.5)


def test_symmetric_percentages_worked_by_hand():
    task = Task("regression", "sales")
    found = compute(task, [100.0, 0.0, -2.0, 0.0], [50.0, 3.0, 2.0, 0.0], names=["smape"])
    assert found["smape"] == pytest.approx((2 * 50 / 150 + 2 + 2 + 0) / 4)


def test_orders_worked_by_hand():
    # Of six pairs one is level in the truth; of the five others four rise and one falls.
    rows = Regressed(np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0, 2.5]), np.ones(4))
    found = score(rows, names=["concordance_index", "kendall"])
    assert found["concordance_index"] == pytest.approx(4 / 5)
    assert found["kendall"] == pytest.approx((4 - 1) / math.sqrt(5 * 6))


@pytest.mark.parametrize("name", ["concordance", "concordance_index", "kendall"])
def test_a_constant_truth_or_one_row_has_no_agreement(name):
    task = Task("regression", "price")
    assert math.isnan(compute(task, [2.0, 2.0], [1.0, 3.0], names=[name])[name])
    assert math.isnan(compute(task, [2.0], [2.0], names=[name])[name])


def test_a_constant_prediction_agrees_by_chance():
    found = compute(
        Task("regression", "price"), [1.0, 2.0, 3.0], [2.0, 2.0, 2.0],
        names=["concordance", "concordance_index", "kendall"],
    )  # fmt: skip
    assert found["concordance"] == 0.0
    assert found["concordance_index"] == 0.5
    assert math.isnan(found["kendall"])


def test_a_wrong_scale_costs_concordance_but_no_correlation():
    truth = np.array([1.0, 2.0, 3.0])
    found = compute(
        Task("regression", "price"), truth, 10 * truth, names=["concordance", "pearson"]
    )
    # 2·10·⅔ / (100·⅔ + ⅔ + 18²)
    assert found["concordance"] == pytest.approx((40 / 3) / (202 / 3 + 324))
    assert found["pearson"] == pytest.approx(1.0)


def test_a_decision_two_classes_away_counts_four_times_in_quadratic_kappa():
    task = Task("classification", "grade", ("low", "middle", "high"))
    one_away, two_away = np.eye(3)[[0, 1, 1]], np.eye(3)[[0, 1, 0]]
    names = ["linear_kappa", "quadratic_kappa"]
    near = compute(task, [0, 1, 2], one_away, names=names)
    far = compute(task, [0, 1, 2], two_away, names=names)
    # By chance: distances of truth (1, 1, 1)/3 from (1, 2, 0)/3 and from (2, 1, 0)/3.
    assert near == pytest.approx(
        {"linear_kappa": 1 - 1 / 3 / (7 / 9), "quadratic_kappa": 1 - 1 / 3 / 1}
    )
    assert far == pytest.approx(
        {"linear_kappa": 1 - 2 / 3 / (8 / 9), "quadratic_kappa": 1 - 4 / 3 / (12 / 9)}
    )


def test_the_largest_calibration_gap_is_the_widest_bins():
    task = Task("classification", "rain", ("no", "yes"))
    chance = np.array([0.1, 0.1, 0.9, 0.9])
    found = compute(
        task, [0, 0, 0, 1], np.stack([1 - chance, chance], axis=1),
        names=["expected_calibration_error", "maximum_calibration_error"],
    )  # fmt: skip
    assert found["maximum_calibration_error"] == pytest.approx(0.4)
    assert found["expected_calibration_error"] == pytest.approx((0.1 + 0.4) / 2)


def test_options_are_the_functions_own():
    rows = rows_of(
        Task("classification", "x", ("a", "b", "c", "d")), [0, 3], np.eye(4)[[1, 3]], None
    )
    assert top_k_accuracy(rows, k=2) == 1.0
    assert top_k_accuracy(rows, k=1) == 0.5
    with pytest.raises(ConfigError, match="got beta = 0; expected a number above 0"):
        f_beta(rows, beta=0)
    with pytest.raises(ConfigError, match="probabilities hold one class per row"):
        precision(rows, average="rows")


@pytest.mark.parametrize(
    ("average", "hint"),
    [
        ("binary", "Here it is called 'second'."),
        ("samples", "Here it is called 'rows'."),
        ("makro", "Did you mean 'macro'?"),
    ],
)
def test_an_average_that_is_not_known_is_answered_with_one_that_is(average, hint):
    with pytest.raises(ConfigError) as caught:
        iou(Masks.of([0], [0], num_classes=2), average=average)
    assert str(caught.value) == f"unknown average {average!r}. {hint}"


def test_all_metrics_of_a_kind_are_had_without_naming_them():
    assert set(score(Episodes.of([[1.0]]))) == {
        "episode_return",
        "discounted_return",
        "episode_length",
    }


def test_a_metric_of_other_rows_is_refused_in_words():
    with pytest.raises(ConfigError) as caught:
        score(Episodes.of([[1.0]]), names=["bleu"])
    assert str(caught.value) == (
        "metric 'bleu': it takes texts and does not fit episodes. "
        "Known: 'episode_return', 'discounted_return', 'episode_length'."
    )
    with pytest.raises(ConfigError, match="'iou': it takes probabilities or masks and does not fit "
                                          "masks of 3 classes. Known: 'accuracy', 'bal"):  # fmt: skip
        score(Masks.of([0], [0], num_classes=3), names=["iou"])


def test_errors_are_better_when_lower():
    lower = {"hamming_loss", "pinball", "crps_gaussian", "coverage_error", "perplexity", "mase",
             "word_error_rate"}  # fmt: skip
    assert not any(higher_is_better(name) for name in lower)
    assert all(higher_is_better(name) for name in ("bleu", "iou", "episode_return", "exact_match"))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Labels.of([1, 0], [0.5, 0.5]), ShapeError,
            "metrics of labels: got a truth of shape (2,) and predictions of shape (2,); expected [N, L]",
        ),
        (
            lambda: Labels.of([[2]], [[0.5]]), DataError,
            "metrics of labels: the truth holds 2; expected 0 and 1.",
        ),
        (
            lambda: Masks.of([[0]], [[[0.0, 1.0]]], num_classes=2), ShapeError,
            "metrics of masks: got a truth of shape (1, 1) and predictions of shape (1, 1, 2); expected",
        ),
        (
            lambda: Masks.of([[0, 3]], [[0, 1]], num_classes=2), DataError,
            "metrics of masks: a place has the class 3; expected a whole number from 0 to 1.",
        ),
        (
            lambda: Masks.of([[0, 1]], [[0, 0.7]], num_classes=2), DataError,
            "metrics of masks: a place has the class 0.7; expected a whole number from 0 to 1.",
        ),
        (
            lambda: Quantiles.of([1.0], [[1.0, 2.0]], levels=[0.5]), ShapeError,
            "metrics of quantiles: got a truth of shape (1,), predictions of shape (1, 2) and levels of",
        ),
        (
            lambda: Quantiles.of([1.0], [[1.0, 2.0]], levels=[0.9, 0.1]), DataError,
            "metrics of quantiles: got the levels [0.9, 0.1]; expected at least one, each above the last",
        ),
        (
            lambda: Quantiles.of([1.0], [[1.0]], levels=[1.0]), DataError,
            "metrics of quantiles: got the levels [1.0]; expected at least one, each above the last, be",
        ),
        (
            lambda: Samples.of([1.0], [1.0]), ShapeError,
            "metrics of samples: got a truth of shape (1,) and samples of shape (1,); expected [N] and",
        ),
        (
            lambda: Gaussians.of([1.0], [1.0], [-0.5]), DataError,
            "metrics of gaussians: row 0 has the standard deviation -0.5; expected at least 0. If it is",
        ),
        (
            lambda: Gaussians.of([1.0], [1.0], 2.0), ShapeError,
            "metrics of gaussians: got a truth, means and standard deviations of the shapes (1,), (1,), ()",
        ),
        (
            lambda: Forecasts.of([[1.0]], [[1.0]], past=[1.0, 2.0]), ShapeError,
            "metrics of forecasts: got a truth of shape (1, 1), predictions of shape (1, 1) and a past of",
        ),
        (
            lambda: Forecasts.of([[1.0]], [[1.0]], past=[[1.0, 2.0]], season=2), DataError,
            "metrics of forecasts: got a season of 2 and a past of 2 values, at most; expected a season",
        ),
        (
            lambda: Forecasts.of([[1.0]], [[1.0]], past=[[1.0, 2.0]], season=0), DataError,
            "metrics of forecasts: got a season of 0 and a past of 2 values, at most; expected a season",
        ),
        (
            lambda: Likelihoods.of([0.7]), DataError,
            "metrics of token log-likelihoods: got logarithms up to 0.7 and lengths from 1.0; expected",
        ),
        (
            lambda: Likelihoods.of([-1.0], num_characters=[1, 2]), ShapeError,
            "metrics of token log-likelihoods: got lengths of shape (2,) for tokens of shape (1,); exp",
        ),
        (
            lambda: Episodes.of([[1.0], []]), DataError,
            "metrics of episodes: episode 1 has rewards of shape (0,); expected one number per step, and",
        ),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_refused_in_words(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).startswith(message)
