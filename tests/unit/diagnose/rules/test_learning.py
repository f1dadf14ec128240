"""Whether anything is learnt, how fast, and whether there was time: 9, 11 to 13, 42, 43 and 50."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.diagnose.histories import (
    HALFWAY,
    HEALTHY,
    NUMBERS,
    PARAMETERS,
    STUCK,
    TRIVIAL,
    UPDATES,
    Training,
    found,
    is_silent,
    weight,
)


def swinging(by: float, training: Training = HEALTHY) -> Training:
    """A fall of 1 in all, and from then on up and down by so much of it."""
    return training.scored("train", loss=[1.1, 0.6, 0.5, *[0.1 + by, 0.1] * 4][:10])


def test_a_loss_that_swings_by_half_of_its_fall_oscillates():
    finding = found(swinging(0.55), 9)
    assert (finding.severity, finding.category) == ("warning", "learning_rate")
    assert (finding.where, finding.cure) == ("the loss", "lower_learning_rate")
    assert finding.evidence["swing_over_fall"] > 0.5
    assert is_silent(swinging(0.45), 9)


def test_an_oscillation_that_learns_nothing_is_an_error():
    assert found(swinging(0.55, STUCK), 9).severity == "error"


def test_a_loss_that_changes_direction_seldom_does_not_oscillate():
    assert is_silent(HEALTHY.scored("train", loss=[1.1, 0.5, 0.1, 0.1, 0.8, 1.1, 0.8, 0.1]), 9)


def test_five_epochs_are_too_few_to_tell_an_oscillation():
    losses = [1.1, 0.1, 0.9, 0.1, 0.9]
    assert is_silent(replace(HEALTHY.scored("train", loss=losses), evaluations=5), 9)
    longer = HEALTHY.scored("train", loss=[*losses, 0.1])
    assert found(replace(longer, evaluations=6), 9)


def growing(times: float, training: Training, path: str = "2.weight") -> Training:
    return training.looked(norm={path: [2.0] * 10 + [2.0 * times]})


def test_weights_of_ten_times_their_first_size_blow_up_where_nothing_is_learnt():
    finding = found(growing(10.1, STUCK), 11)
    assert (finding.severity, finding.where) == ("error", "2.weight")
    assert finding.cure == "weight_decay"
    assert finding.evidence == {"growth": pytest.approx(10.1), "norm": pytest.approx(20.2)}
    assert is_silent(growing(9.9, STUCK), 11)


def test_weights_that_grow_in_a_network_that_learns_are_worth_knowing():
    assert found(growing(10.1, HEALTHY), 11).severity == "information"


def test_biases_may_grow_as_they_like():
    assert is_silent(growing(100.0, STUCK, "2.bias"), 11)


def level(spread: float, at: float = 1.2, updates: int = UPDATES) -> Training:
    """Losses that fall, over the last half, by such a share of their mean in all."""
    fall = [at * (1 + spread * (0.5 - s / updates)) for s in range(updates // 2)]
    part = updates // 20
    means = [sum(fall[k * part : (k + 1) * part]) / part for k in range(10)]
    steps = [mean for mean in means for _ in range(part)]
    scale = (max(steps) - min(steps)) / at / spread
    steps = [at + (each - at) / scale for each in steps]
    return STUCK.trained(losses=[at] * (updates // 2) + steps)


def test_a_loss_that_stays_within_a_fiftieth_above_the_trivial_one_is_a_plateau():
    finding = found(level(0.018), 12)
    assert (finding.severity, finding.category, finding.where) == (
        "error",
        "learning_rate",
        "the loss",
    )
    assert finding.evidence["spread"] == pytest.approx(0.018, rel=0.02)
    assert is_silent(level(0.022), 12)


def test_a_flat_loss_below_the_trivial_one_is_no_plateau():
    assert is_silent(level(0.001, at=0.97 * TRIVIAL), 12)
    assert found(level(0.001, at=0.99 * TRIVIAL), 12)


def test_fewer_than_a_hundred_updates_are_no_plateau():
    assert is_silent(STUCK.trained(losses=[1.2] * 99), 12)
    assert found(STUCK.trained(losses=[1.2] * 100), 12)


def test_a_plateau_suspects_what_a_trial_has_shown():
    assert found(STUCK.tried(fresh=0.1), 12).category == "initialisation"


def right_on(share: float, training: Training = STUCK) -> Training:
    return training.scored("probe", accuracy=share, share=0.35, answers=([300, 150, 150],))


def test_an_accuracy_within_two_standard_errors_of_the_commonest_class_is_chance():
    bound = 0.35 + 2 * math.sqrt(0.35 * 0.65 / 600)
    finding = found(right_on(bound - 0.001), 13)
    assert (finding.severity, finding.where) == ("error", "the training rows")
    assert finding.evidence == {
        "accuracy": bound - 0.001,
        "commonest": 0.35,
        "bound": pytest.approx(bound),
    }
    assert is_silent(right_on(bound + 0.001), 13)
    assert is_silent(right_on(bound - 0.001, HALFWAY), 13)


def explained(r2: float) -> Training:
    training = STUCK.scored("probe", accuracy=None, share=None, r2=r2)
    return training.knowing(targets=NUMBERS.facts.targets)


def test_a_fiftieth_of_the_variance_explained_is_chance():
    finding = found(explained(0.02), 13)
    assert (finding.severity, finding.evidence) == ("error", {"r2": 0.02})
    assert is_silent(explained(0.021), 13)


def test_before_a_hundred_updates_chance_is_where_everyone_is():
    assert is_silent(right_on(0.34).trained(losses=[1.1] * 99), 13)
    assert found(right_on(0.34).trained(losses=[1.1] * 100), 13)


def crawling(by: float, training: Training = HALFWAY, *, end: float = 0.6) -> Training:
    """A loss on a straight line down by `by` of its end in as many updates again as the last third."""
    late = UPDATES - 2 * UPDATES // 3
    pace = by * end / late
    losses = [end + pace * (UPDATES - 1 - s) + 1e-4 * (s % 2) for s in range(UPDATES)]
    falls = [0.9 - 0.02 * k for k in range(10)]
    return (
        training.trained(losses=losses).scored("validation", loss=falls).scored("probe", loss=end)
    )


def test_a_loss_that_falls_by_a_tenth_again_was_cut_off():
    finding = found(crawling(0.12), 43)
    assert (finding.severity, finding.category) == ("warning", "epochs")
    assert (finding.where, finding.cure) == ("the loss", "more_epochs")
    assert finding.evidence["fall_ahead"] == pytest.approx(0.12, rel=0.15)
    assert finding.evidence["t"] < -3
    assert is_silent(crawling(0.08), 43)


def test_what_is_left_to_come_in_a_training_that_went_well_is_worth_knowing():
    assert found(crawling(0.12, HEALTHY, end=0.1), 43).severity == "information"


def test_a_twelfth_of_the_whole_loss_that_is_yet_to_come_is_worth_a_warning():
    end = 0.2 * TRIVIAL
    assert found(crawling(0.45, HEALTHY, end=end), 43).severity == "warning"
    assert found(crawling(0.35, HEALTHY, end=end), 43).severity == "information"


def test_a_training_whose_validation_does_not_fall_any_more_was_long_enough():
    assert is_silent(crawling(0.12).scored("validation", loss=[0.7, 0.65, 0.7, 0.75, 0.8]), 43)


def test_a_training_that_stopped_for_want_of_a_gain_was_long_enough():
    assert is_silent(crawling(0.12).halted("no gain"), 43)


def test_fewer_than_a_hundred_updates_with_a_quarter_left_are_too_few():
    brief = HALFWAY.trained(losses=HALFWAY.losses[-99:])
    finding = found(brief, 43)
    assert (finding.severity, finding.evidence) == ("warning", {"updates": 99, "loss": 0.6})
    assert is_silent(HALFWAY.trained(losses=HALFWAY.losses[-100:]), 43)
    assert is_silent(brief.scored("probe", loss=0.24 * TRIVIAL), 43)
    assert is_silent(brief.halted("diverged"), 43)


def test_a_copy_that_came_further_in_more_updates_shows_that_there_were_too_few():
    longer = replace(HALFWAY, trial_updates=UPDATES + 1)
    finding = found(longer.tried(as_it_is=0.1), 43)
    assert (finding.severity, finding.evidence["trial"]) == ("warning", "as it is")
    assert is_silent(longer.tried(as_it_is=0.45), 43)
    assert is_silent(replace(HALFWAY, trial_updates=UPDATES).tried(as_it_is=0.1), 43)


def by_heart(loss: float, accuracy: float, training: Training = STUCK) -> Training:
    """What 16 rows came to, of a loss of 1 before."""
    probes = {"overfit_from": 1.0, "overfit_loss": loss, "overfit_accuracy": accuracy}
    return training.knowing(probes=probes)


def test_a_network_that_cannot_learn_a_few_rows_by_heart_underfits():
    finding = found(by_heart(0.51, 0.75), 42)
    assert (finding.severity, finding.category) == ("error", "architecture")
    assert finding.where == "the network"
    assert finding.evidence == {"loss_left": 0.51, "accuracy": 0.75, "updates": 100}
    assert is_silent(by_heart(0.49, 0.75), 42)
    assert is_silent(by_heart(0.51, 0.76), 42)


def test_underfitting_is_a_warning_where_something_is_learnt_and_nothing_where_all_is():
    assert found(by_heart(0.51, 0.75, HALFWAY), 42).severity == "warning"
    assert is_silent(by_heart(0.51, 0.75, HEALTHY), 42)


def test_a_change_that_helps_clears_the_size_of_the_network():
    assert is_silent(by_heart(0.51, 0.75).tried(rate_down=0.1), 42)


def test_a_network_that_tells_less_than_the_nearest_row_underfits():
    behind = HALFWAY.knowing(labels={"neighbours": 0.93})
    finding = found(behind, 42)
    assert finding.severity == "warning"
    assert finding.evidence == {"behind_nearest_neighbour": pytest.approx(0.11)}
    assert is_silent(HALFWAY.knowing(labels={"neighbours": 0.91}), 42)


def narrowed(units: int, *, classes: int = 9) -> Training:
    parameters = tuple(
        weight("2.weight", (units, 16), 0.1) if p.path == "2.weight" else p for p in PARAMETERS
    )
    targets = {"counts": (60,) * classes}
    return HALFWAY.knowing(parameters=parameters, targets=targets, outputs={"shape": (classes,)})


def test_a_hidden_layer_of_fewer_than_half_as_many_units_as_classes_is_a_bottleneck():
    finding = found(narrowed(4), 42)
    assert (finding.severity, finding.where) == ("error", "2.weight")
    assert finding.evidence == {"units": 4, "outputs": 9}
    assert is_silent(narrowed(5), 42)


def test_a_hidden_layer_of_one_unit_is_a_bottleneck_whatever_the_classes():
    assert found(narrowed(1, classes=2), 42).evidence["units"] == 1
    assert is_silent(narrowed(2, classes=2), 42)


DOWN = [1.0 - 0.1 * k + 0.01 * (k % 2) for k in range(8)]


def scoring(scores: list[float], losses: list[float] = DOWN) -> Training:
    training = replace(HEALTHY, evaluations=len(losses))
    return training.scored("validation", loss=losses, accuracy=scores)


def test_a_score_that_does_not_follow_a_falling_validation_loss_disagrees_with_it():
    finding = found(scoring([0.7, 0.71, 0.7, 0.71, 0.7, 0.71, 0.7, 0.7]), 50)
    assert (finding.severity, finding.category) == ("warning", "loss")
    assert finding.where == "validation"
    assert finding.evidence["correlation"] > -0.2 and finding.evidence["t"] < -3


def test_a_score_that_follows_a_little_or_a_loss_that_does_not_fall_is_no_disagreement():
    assert is_silent(scoring([0.7, 0.71, 0.7, 0.71, 0.7, 0.71, 0.72, 0.73]), 50)
    flat = [0.5, 0.6, 0.5, 0.6, 0.5, 0.6, 0.5, 0.6]
    assert is_silent(scoring([0.7, 0.71, 0.7, 0.71, 0.7, 0.71, 0.7, 0.7], flat), 50)


def test_seven_epochs_are_too_few_to_tell_a_disagreement():
    assert is_silent(scoring([0.7, 0.71] * 3 + [0.7], DOWN[:7]), 50)
