"""Labels, and how rows were divided: symptoms 31 to 35, 37 and 38."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.diagnose.histories import (
    HALFWAY,
    HEALTHY,
    STUCK,
    UPDATES,
    Training,
    found,
    is_silent,
)


def labelled(training: Training = STUCK, **labels: Any) -> Training:
    """The nearest row tells nothing of a label, but for what is given."""
    by_chance = {"neighbours": 0.33, "neighbours_by_chance": 0.33, "best_single": 0.0}
    return training.knowing(labels={**by_chance, **labels})


def test_labels_that_neighbours_share_by_chance_alone_do_not_belong_to_their_rows():
    errors = 2 * math.sqrt(0.33 * 0.67 / 600)
    finding = found(labelled(neighbours=0.33 + 0.98 * errors), 31)
    assert (finding.severity, finding.category, finding.where) == ("error", "labels", "the labels")
    assert finding.evidence["by_chance"] == 0.33 and finding.evidence["validation"] == 0.33
    assert is_silent(labelled(neighbours=0.33 + 1.02 * errors), 31)


def test_labels_that_one_feature_tells_belong_to_their_rows():
    assert is_silent(labelled(best_single=0.06), 31)
    assert found(labelled(best_single=0.04), 31)


def test_labels_that_are_told_on_other_rows_belong_to_theirs():
    assert is_silent(labelled().scored("validation", accuracy=0.41, share=0.35), 31)
    assert found(labelled().scored("validation", accuracy=0.39, share=0.35), 31)


def test_numbers_that_nothing_explains_on_other_rows_do_not_belong_to_theirs():
    on_numbers = labelled(neighbours_by_chance=0.33).scored("validation", accuracy=None)
    assert found(on_numbers.scored("validation", r2=0.02), 31)
    assert is_silent(on_numbers.scored("validation", r2=0.03), 31)


def test_where_one_class_is_nearly_all_neighbours_tell_nothing():
    assert is_silent(labelled(neighbours=0.91, neighbours_by_chance=0.91), 31)
    assert found(labelled(neighbours=0.89, neighbours_by_chance=0.89), 31)


def doubted(share: float, training: Training = HALFWAY) -> Training:
    return training.scored("probe", suspects=[0.3, 0.2, share])


def test_a_twentieth_of_the_labels_doubted_throughout_is_label_noise():
    finding = found(doubted(0.06), 32)
    assert (finding.severity, finding.category) == ("warning", "labels")
    assert (finding.where, finding.evidence) == ("the labels", {"share": 0.06})
    assert is_silent(doubted(0.05), 32)


def test_labels_doubted_at_some_evaluations_only_are_right():
    assert is_silent(HALFWAY.scored("probe", suspects=[0.04, 0.3, 0.3]), 32)
    assert is_silent(replace(doubted(0.06), evaluations=2), 32)


def test_a_network_that_learns_nothing_or_could_learn_more_is_no_judge_of_labels():
    assert is_silent(doubted(0.06, STUCK), 32)
    assert is_silent(doubted(0.06, HALFWAY.tried(rate_down=0.1)), 32)
    assert is_silent(doubted(0.06).trained(losses=HALFWAY.losses[-99:]), 32)


def counted(*counts: int, answers: list[int] | None = None) -> Training:
    training = HEALTHY.knowing(targets={"counts": counts})
    return training.scored("probe", answers=(answers or list(counts),))


def test_classes_of_which_one_is_ten_times_as_common_are_imbalanced():
    finding = found(counted(550, 50), 33)
    assert (finding.severity, finding.category) == ("information", "data")
    assert (finding.where, finding.cure) == ("the classes", "balance")
    assert finding.evidence == {"ratio": 11.0, "rarest": 50, "classes_answered": 2}
    assert is_silent(counted(500, 50), 33)


def test_rare_classes_that_are_answered_half_as_often_as_they_are_there_are_missed():
    assert found(counted(550, 50, answers=[576, 24]), 33).severity == "warning"
    assert found(counted(550, 50, answers=[574, 26]), 33).severity == "information"


def test_one_answer_for_all_of_imbalanced_rows_is_an_error():
    finding = found(counted(550, 50, answers=[600, 0]), 33)
    assert (finding.severity, finding.evidence["classes_answered"]) == ("error", 1)


def test_a_class_without_a_row_is_none():
    assert is_silent(counted(100, 0, 90), 33)


def test_held_out_rows_that_are_trained_on_too_are_found():
    finding = found(HEALTHY.knowing(split={"shared": 0.011}), 34)
    assert (finding.severity, finding.category, finding.where) == ("warning", "data", "the split")
    assert finding.evidence == {"share": 0.011, "rows": 200}
    assert is_silent(HEALTHY.knowing(split={"shared": 0.01}), 34)


def test_a_fifth_of_the_held_out_rows_is_an_error():
    assert found(HEALTHY.knowing(split={"shared": 0.21}), 34).severity == "error"
    assert found(HEALTHY.knowing(split={"shared": 0.2}), 34).severity == "warning"


def test_coarse_rows_are_equal_by_chance():
    shared = HEALTHY.knowing(split={"shared": 0.5})
    assert is_silent(shared.knowing(inputs={"form": "tokens"}), 34)
    assert is_silent(shared.knowing(inputs={"std": (1.0, 1.0), "mean": (0.0, 0.0)}), 34)


def test_a_feature_that_tells_nearly_all_of_the_target_gives_it_away():
    finding = found(HEALTHY.knowing(labels={"best_single": 0.95}), 35)
    assert (finding.severity, finding.category, finding.where) == ("warning", "data", "age")
    assert finding.evidence == {"explained": 0.95}
    assert is_silent(HEALTHY.knowing(labels={"best_single": 0.94}), 35)


def test_of_two_features_one_may_well_tell_all():
    two = HEALTHY.knowing(inputs={"std": (1.0, 1.0), "mean": (0.0, 0.0)})
    assert is_silent(two.knowing(labels={"best_single": 0.99}), 35)


def sorted_rows(training: Training, by: float = 0.91, *, repeats: bool = True) -> Training:
    """Rows in order of their label; the loss has a shape that every epoch repeats, or none."""
    length = UPDATES // training.evaluations
    shape = [0.1 * math.sin(2 * math.pi * s / length) for s in range(length)]
    losses = [
        loss + (shape[s % length] if repeats else 0.1 * math.sin(s * s * 0.7))
        for s, loss in enumerate(training.losses)
    ]
    return training.trained(losses=losses).knowing(labels={"ordered": by})


def test_sorted_rows_are_an_error_where_the_loss_repeats_them_and_falls_short():
    finding = found(sorted_rows(HALFWAY), 37)
    assert (finding.severity, finding.category) == ("error", "data")
    assert (finding.where, finding.cure) == ("the rows", None)
    assert finding.evidence == {"next_is_equal": 0.91, "loss_repeats": True}
    assert found(sorted_rows(HEALTHY), 37).severity == "warning"


def test_sorted_rows_that_do_not_show_in_the_loss_are_worth_knowing():
    finding = found(sorted_rows(HALFWAY, repeats=False), 37)
    assert (finding.severity, finding.evidence["loss_repeats"]) == ("information", False)
    assert is_silent(sorted_rows(HALFWAY, by=0.9), 37)


def test_sorted_rows_are_an_error_where_a_copy_learns_from_shuffled_ones():
    training = sorted_rows(HALFWAY, repeats=False)
    assert found(training.tried(as_it_is=0.1), 37).severity == "error"


def fed(std: float, mean: float = 0.0, training: Training = STUCK) -> Training:
    plain = {"std": (1.0,) * 4, "mean": (0.0,) * 4}
    return training.knowing(inputs=plain).looping(input_std=std, input_mean=mean)


@pytest.mark.parametrize(("std", "within"), [(1.65, 1.55), (0.6, 0.65)])
def test_batches_that_spread_otherwise_than_their_rows_are_other_rows(std, within):
    finding = found(fed(std), 38)
    assert (finding.severity, finding.category) == ("error", "preprocessing")
    assert finding.where == "the batches"
    assert finding.evidence == {"std_of_batches": std, "std_of_rows": 1.0, "mean_of_batches": 0.0}
    assert is_silent(fed(within), 38)


def test_batches_that_lie_a_standard_deviation_off_are_other_rows():
    assert found(fed(1.0, mean=-1.05), 38)
    assert is_silent(fed(1.0, mean=0.95), 38)


def test_augmentation_matters_as_much_as_the_training_falls_short():
    assert found(fed(1.65, training=HALFWAY), 38).severity == "warning"
    assert is_silent(fed(1.65, training=HEALTHY), 38)
