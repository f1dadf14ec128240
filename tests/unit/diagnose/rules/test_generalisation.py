"""Whether what was learnt holds on other rows: symptoms 36, 40, 41 and 46."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.diagnose.histories import (
    HALFWAY,
    HEALTHY,
    STUCK,
    TRIVIAL,
    LayerFacts,
    Training,
    found,
    is_silent,
)

LEAST = 0.4


def turning_up(to: float, *, held_out: int = 200, least: float = LEAST) -> Training:
    """A validation loss with its least at the second of five evaluations, while training falls."""
    training = replace(HEALTHY, evaluations=5).knowing(split={"rows": held_out})
    middle = [least + (to - least) * share for share in (0.3, 0.6)]
    training = training.scored("validation", loss=[0.6, least, *middle, to], accuracy=0.9).scored(
        "probe", loss=[0.6, 0.4, 0.3, 0.2, 0.1], accuracy=0.95
    )
    return training.knowing(origin="recorder")


def apart(gap: float, *, held_out: int = 200) -> Training:
    training = HEALTHY.knowing(split={"rows": held_out})
    return training.scored("probe", accuracy=0.95).scored("validation", accuracy=0.95 - gap)


def test_a_validation_loss_that_turns_up_by_a_third_is_overfitting():
    finding = found(turning_up(1.35 * LEAST), 40)
    assert (finding.severity, finding.category) == ("warning", "regularisation")
    assert (finding.where, finding.cure) == ("validation", "regularise")
    assert finding.evidence["validation_loss_over_least"] == pytest.approx(1.35)
    assert finding.evidence["best_epoch"] == 2
    assert is_silent(turning_up(1.25 * LEAST), 40)


def test_overfitting_is_only_information_where_the_best_epoch_was_kept():
    ended = turning_up(1.35 * LEAST).knowing(origin="own")
    assert found(ended, 40).severity == "information"
    assert found(replace(ended, further=()), 40).severity == "warning"


def test_a_rise_that_is_next_to_nothing_of_the_whole_loss_is_no_overfitting():
    least = 0.02
    assert is_silent(turning_up(least + 0.04 * TRIVIAL, least=least), 40)
    assert found(turning_up(least + 0.06 * TRIVIAL, least=least), 40).severity == "warning"


def test_a_validation_loss_that_rises_with_the_training_loss_is_no_overfitting():
    training = turning_up(1.35 * LEAST).scored("probe", loss=[0.6, 0.4, 0.45, 0.5, 0.5])
    assert is_silent(training, 40)


def test_two_evaluations_are_too_few_to_tell_overfitting():
    assert is_silent(replace(apart(0.5), evaluations=2), 40)


def test_training_rows_answered_better_by_a_tenth_are_overfitting():
    finding = found(apart(0.12), 40)
    assert (finding.severity, finding.evidence["accuracy_gap"]) == ("warning", pytest.approx(0.12))
    assert is_silent(apart(0.08), 40)


def test_a_gap_of_accuracy_above_three_tenths_is_an_error():
    assert found(apart(0.32), 40).severity == "error"
    assert found(apart(0.28), 40).severity == "warning"


def test_of_fewer_than_fifty_rows_held_out_no_error_is_made():
    assert found(apart(0.32, held_out=49), 40).severity == "warning"
    assert found(apart(0.32, held_out=50), 40).severity == "error"


def test_a_validation_loss_of_three_times_its_least_is_an_error_if_the_score_is_lost_too():
    lost = [0.7, 0.95, 0.93, 0.9]
    worse = turning_up(3.2 * LEAST).scored("validation", accuracy=[*lost, 0.84])
    assert found(worse, 40).severity == "error"
    kept = turning_up(3.2 * LEAST).scored("validation", accuracy=[*lost, 0.87])
    assert found(kept, 40).severity == "warning"
    assert found(
        turning_up(2.8 * LEAST).scored("validation", accuracy=[*lost, 0.84]), 40
    ).severity == ("warning")


def flat_for(since: int, *, of: int) -> Training:
    """A validation loss without a gain for so many evaluations."""
    until = of - since
    losses = [1.0 - 0.01 * k for k in range(until)] + [1.0] * since
    return HEALTHY.scored("validation", loss=losses)


def test_ten_evaluations_without_a_gain_that_are_most_of_the_training_are_overtraining():
    finding = found(flat_for(11, of=20), 41)
    assert (finding.severity, finding.category, finding.where) == (
        "information",
        "epochs",
        "validation",
    )
    assert finding.evidence == {"best_epoch": 9, "epochs_since": 11}
    assert finding.cure == "stop_early"


def test_less_than_half_of_the_training_or_nine_evaluations_are_no_overtraining():
    assert is_silent(flat_for(10, of=20), 41)
    assert is_silent(flat_for(9, of=13), 41)
    assert found(flat_for(10, of=13), 41)


def test_a_training_that_stopped_for_want_of_a_gain_did_what_it_should():
    assert is_silent(flat_for(11, of=20).halted("no gain"), 41)


@pytest.mark.parametrize(
    ("name", "above", "below"),
    [("label_drift", 0.16, 0.14), ("label_distance", 0.31, 0.29), ("feature_drift", 0.6, 0.4)],
)
def test_other_classes_and_other_values_held_out_are_a_shift(name, above, below):
    rows = 4000
    finding = found(HEALTHY.knowing(split={"rows": rows, name: above}), 36)
    assert (finding.severity, finding.category, finding.where) == ("warning", "data", "the split")
    assert finding.evidence == {name: above}
    assert is_silent(HEALTHY.knowing(split={"rows": rows, name: below}), 36)


@pytest.mark.parametrize(
    ("name", "errors"), [("label_drift", 2), ("label_distance", 3), ("feature_drift", 5)]
)
def test_of_few_rows_held_out_chance_alone_shifts_as_much(name, errors):
    by_chance = errors / math.sqrt(25)
    assert is_silent(HEALTHY.knowing(split={"rows": 25, name: 0.98 * by_chance}), 36)
    assert found(HEALTHY.knowing(split={"rows": 25, name: 1.02 * by_chance}), 36)


def test_a_split_with_mostly_other_classes_is_an_error():
    assert found(HEALTHY.knowing(split={"label_distance": 0.51}), 36).severity == "error"
    assert found(HEALTHY.knowing(split={"label_distance": 0.49}), 36).severity == "warning"


def ahead(
    by: float, training: Training = HEALTHY, *, times: int = 3, held_out: int = 10_000
) -> Training:
    right = [0.8] * (10 - times) + [0.8 + by] * times
    training = training.knowing(split={"rows": held_out})
    return training.scored("probe", accuracy=0.8).scored("validation", accuracy=right)


def test_a_validation_score_above_that_of_training_rows_three_times_is_an_easier_split():
    assert found(ahead(0.06), 36).evidence == {"validation_ahead": pytest.approx(0.06)}
    assert is_silent(ahead(0.04), 36)
    assert is_silent(ahead(0.06, times=2), 36)


def test_validation_may_be_ahead_by_chance():
    assert is_silent(ahead(0.06, held_out=400), 36)
    assert found(ahead(0.09, held_out=400), 36)


def test_validation_ahead_of_a_training_that_falls_short_says_nothing_of_the_split():
    assert is_silent(ahead(0.06, HALFWAY), 36)


def disagreeing(train: float, measured: float) -> Training:
    return STUCK.scored("train", loss=train).scored("probe", loss=measured)


def test_the_same_rows_with_twice_the_loss_in_evaluation_mode_are_a_mismatch():
    finding = found(disagreeing(0.48, 1.0), 46)
    assert (finding.severity, finding.category) == ("error", "architecture")
    assert finding.where == "the training rows"
    assert finding.evidence == {"difference": pytest.approx(0.52), "train": 0.48, "eval": 1.0}
    assert is_silent(disagreeing(0.52, 1.0), 46)


def test_a_network_that_does_better_in_evaluation_mode_is_as_dropout_makes_it():
    assert is_silent(disagreeing(1.0, 0.1), 46)


def test_losses_in_evaluation_mode_that_are_small_are_no_mismatch():
    assert is_silent(disagreeing(0.01, 0.5), 46)
    assert found(disagreeing(0.01, 0.6), 46)


def test_two_evaluations_that_disagree_are_too_few():
    assert is_silent(replace(disagreeing(0.1, 1.0), evaluations=2), 46)


DROPOUT = LayerFacts(path="d", kind="dropout", role="dropout", rate=0.2)


def in_evaluation_mode(training: Training) -> Training:
    return training.looked(is_training={"": False})


def test_a_network_with_dropout_trained_in_evaluation_mode_is_a_warning():
    finding = found(in_evaluation_mode(HEALTHY.knowing(layers=(DROPOUT,))), 46)
    assert (finding.severity, finding.where) == ("warning", "the loop")
    assert finding.evidence == {"evaluation_mode": True}
    assert is_silent(HEALTHY.knowing(layers=(DROPOUT,)), 46)


def test_the_mode_is_all_one_to_a_network_without_dropout_or_batch_normalisation():
    assert is_silent(in_evaluation_mode(HEALTHY), 46)
