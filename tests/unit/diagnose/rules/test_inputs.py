"""Inputs that a network cannot learn from as they come: symptoms 24 to 26."""

from __future__ import annotations

import pytest

from tests.unit.diagnose.histories import (
    HALFWAY,
    HEALTHY,
    STUCK,
    LayerFacts,
    Training,
    found,
    is_silent,
)

NORMALISED = LayerFacts(path="norm", kind="batch_norm", role="normalisation")


def spread(std: tuple[float, ...], training: Training = HEALTHY, mean: float = 0.0) -> Training:
    names = tuple("abcdefgh"[: len(std)])
    flags = (False,) * len(std)
    inputs = {"std": std, "mean": (mean,) * len(std), "names": names, "indicators": flags}
    return training.knowing(inputs=inputs)


def test_a_feature_that_spreads_by_more_than_ten_is_unscaled():
    finding = found(spread((11.0, 9.0, 9.0)).untried(), 24)
    assert (finding.severity, finding.category) == ("warning", "preprocessing")
    assert (finding.where, finding.cure) == ("columns a, b, c", "standardise")
    assert finding.evidence["largest_std"] == 11.0
    assert is_silent(spread((9.9, 9.0, 9.0)).untried(), 24)


def test_features_that_all_spread_by_less_than_a_tenth_are_unscaled():
    assert found(spread((0.09, 0.08, 0.09)).untried(), 24).evidence["least_std"] == 0.08
    assert is_silent(spread((0.11, 0.08, 0.09)).untried(), 24)


def test_an_offset_of_three_standard_deviations_is_unscaled():
    assert found(spread((1.0,) * 3, mean=3.1).untried(), 24).evidence["largest_offset"] == 3.1
    assert is_silent(spread((1.0,) * 3, mean=2.9).untried(), 24)


def test_one_feature_thirty_times_as_wide_as_the_usual_one_is_worth_knowing():
    finding = found(spread((9.0, 0.29, 0.29)).untried(), 24)
    assert finding.severity == "information"
    assert finding.evidence["ratio"] == pytest.approx(9 / 0.29)
    assert is_silent(spread((9.0, 0.31, 0.31)).untried(), 24)


def test_trials_that_stand_behind_no_scale_leave_information():
    assert found(spread((11.0, 9.0, 9.0)), 24).severity == "information"


def test_scale_is_an_error_where_standardised_inputs_learn():
    finding = found(spread((11.0, 9.0, 9.0), HALFWAY.tried(standardised=0.1)), 24)
    assert (finding.severity, finding.evidence["trial"]) == ("error", "standardised inputs")
    unproven = spread((11.0, 9.0, 9.0), HALFWAY.tried(standardised=0.45))
    assert found(unproven, 24).severity == "information"


@pytest.mark.parametrize(
    ("beyond", "within"),
    [
        ((51.0,) * 3, (49.0,) * 3),
        ((0.009,) * 3, (0.011,) * 3),
        ((9.3, 0.03, 0.03), (8.7, 0.03, 0.03)),
    ],
)
def test_inputs_of_a_far_scale_are_an_error_where_nothing_is_learnt(beyond, within):
    assert found(spread(beyond, STUCK), 24).severity == "error"
    assert found(spread(within, STUCK), 24).severity == "information"
    assert found(spread(beyond, HALFWAY), 24).severity == "warning"
    assert found(spread(beyond), 24).severity == "information"


def test_indicators_constants_and_codes_have_no_scale():
    flagged = spread((1.0, 0.0, 40.0)).knowing(inputs={"indicators": (False, False, True)})
    assert is_silent(flagged, 24)
    assert is_silent(spread((900.0,) * 3, STUCK).knowing(inputs={"form": "tokens"}), 24)


def test_a_network_that_normalises_its_inputs_itself_is_none_the_worse():
    assert is_silent(spread((900.0,) * 3, STUCK).knowing(layers=(NORMALISED,)), 24)
    assert is_silent(spread((0.001,) * 3, STUCK).knowing(layers=(NORMALISED,)), 25)


def test_the_columns_that_are_furthest_off_are_named_first():
    assert found(spread((1.0, 500.0, 20.0), STUCK), 24).where == "columns b, c, a"


def test_inputs_that_hardly_differ_are_scaled_away():
    finding = found(spread((0.009, 0.001, 0.0), STUCK), 25)
    assert (finding.severity, finding.category) == ("error", "preprocessing")
    assert (finding.where, finding.cure) == ("the inputs", "standardise")
    assert finding.evidence == {"largest_std": 0.009}
    assert is_silent(spread((0.011, 0.001, 0.0), STUCK), 25)


def test_inputs_that_are_scaled_away_are_a_risk_where_the_network_learns_all_the_same():
    assert found(spread((0.009, 0.001, 0.0)), 25).severity == "warning"


def test_a_feature_of_one_value_is_worth_knowing():
    finding = found(spread((1.0, 0.0, 1.0)), 26)
    assert (finding.severity, finding.category, finding.where) == ("information", "data", "b")
    assert finding.evidence == {"features": 1, "of": 3}
    assert is_silent(spread((1.0, 1e-9, 1.0)), 26)


def test_a_feature_without_a_name_is_called_by_its_place():
    assert found(spread((1.0, 0.0)).knowing(inputs={"names": ()}), 26).where == "feature 1"


def test_inputs_without_any_difference_are_an_error():
    finding = found(spread((0.0, 0.0)), 26)
    assert (finding.severity, finding.where) == ("error", "all inputs")
