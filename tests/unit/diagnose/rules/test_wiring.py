"""How network, loss and optimiser are put together: symptoms 15 to 17, 39, 49, 51 and 54."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.diagnose.histories import (
    HALFWAY,
    HEALTHY,
    PARAMETERS,
    STUCK,
    TRIALS,
    UPDATES,
    Training,
    found,
    is_silent,
)


def still(training: Training, path: str = "0.weight") -> Training:
    return training.looked(update={path: 0.0})


def changed(training: Training, path: str, **changes: Any) -> Training:
    parameters = tuple(replace(p, **changes) if p.path == path else p for p in PARAMETERS)
    return training.knowing(parameters=parameters)


def test_a_parameter_that_never_moves_though_its_gradient_is_not_0_is_frozen():
    finding = found(still(HALFWAY), 15)
    assert (finding.severity, finding.category, finding.where) == ("error", "optimizer", "0.weight")
    assert (finding.evidence["parameters"], finding.evidence["of"]) == (1, 6)
    assert found(still(HEALTHY), 15).severity == "warning"


def test_a_parameter_that_moved_at_one_look_or_gets_no_gradient_is_not_frozen():
    assert is_silent(HALFWAY.looked(update={"0.weight": [0.0, 1e-9, 0.0]}), 15)
    assert is_silent(still(HALFWAY).looked(gradient_max={"0.weight": 0.0}), 15)


def test_two_looks_are_too_few_to_tell_a_frozen_parameter():
    assert is_silent(replace(still(HALFWAY), looks=2), 15)
    assert found(replace(still(HALFWAY), looks=3), 15)


def test_updates_too_small_for_the_precision_of_weights_are_no_freeze():
    assert is_silent(still(HALFWAY).looked(gradient_max={"0.weight": 1e-6}), 15)


def test_all_parameters_frozen_is_an_error_however_the_loss_lies():
    all_still = dict.fromkeys([p.path for p in PARAMETERS], 0.0)
    assert found(HEALTHY.looked(update=all_still), 15).severity == "error"


def test_a_parameter_that_the_optimiser_was_not_given_is_named():
    finding = found(changed(HALFWAY, "2.weight", is_optimized=False), 15)
    assert (finding.where, finding.evidence["not_in_optimizer"]) == ("2.weight", 1)


def test_a_parameter_that_the_loss_does_not_depend_on_is_named():
    finding = found(changed(HALFWAY, "2.weight", reached=False), 15)
    assert (finding.where, finding.evidence["not_reached_by_gradients"]) == ("2.weight", 1)
    assert is_silent(changed(HALFWAY, "2.weight", reached=None), 15)


def test_a_parameter_without_a_gradient_is_a_choice_where_the_training_goes_well():
    assert found(changed(HALFWAY, "2.weight", is_trained=False), 15).where == "2.weight"
    assert is_silent(changed(HEALTHY, "2.weight", is_trained=False), 15)


def test_weights_that_the_network_does_not_know_of_are_named_first():
    finding = found(still(HALFWAY.knowing(unregistered=("layers[0].weight",))), 15)
    assert finding.where == "layers[0].weight, 0.weight"
    assert finding.evidence["not_registered"] == 1


def test_gradients_of_0_at_every_update_are_cleared_too_soon_where_a_plain_loop_learns():
    nothing = STUCK.trained(norms=[0.0] * UPDATES)
    finding = found(nothing.tried(**dict.fromkeys(TRIALS, 0.1)), 15)
    assert (finding.severity, finding.evidence["parameters"]) == ("error", 6)
    assert is_silent(nothing, 15)


def left_over(share: float) -> Training:
    """Gradients that lie there from the update before, at so many of ten looks but the first."""
    left = round(10 * share)
    return HEALTHY.looked(left_over={"": [0.0] + [0.7] * left + [0.0] * (10 - left)})


def test_gradients_that_lie_there_at_most_looks_are_never_cleared():
    finding = found(left_over(0.6), 16)
    assert (finding.severity, finding.category, finding.where) == ("error", "optimizer", "the loop")
    assert finding.evidence["share_of_looks"] == pytest.approx(0.6)
    assert is_silent(left_over(0.5), 16)


def test_what_was_not_looked_at_is_no_gradient_left_over():
    assert is_silent(HEALTHY.looked(left_over={"": None}), 16)
    assert is_silent(replace(HEALTHY.looked(left_over={"": [0.0, 0.7]}), looks=3), 16)


def going_up(looks: int, of: int = 20) -> Training:
    climbing = [1e-3] * looks + [-1e-3] * (of - looks)
    return replace(STUCK.looked(alignment={"0.weight": climbing}), looks=of)


def test_updates_that_go_up_the_gradient_in_nine_looks_of_ten_are_ascent():
    finding = found(going_up(19), 17)
    assert (finding.severity, finding.category) == ("error", "optimizer")
    assert finding.where == "the optimiser"
    assert finding.evidence == {"share_of_looks": 0.95, "maximizes": False}
    assert is_silent(going_up(18), 17)


def test_four_looks_are_too_few_to_tell_ascent():
    assert is_silent(going_up(4, of=4), 17)
    assert found(going_up(5, of=5), 17)


def test_an_optimiser_that_maximizes_is_ascent_where_nothing_is_learnt():
    assert found(STUCK.knowing(optimizer={"maximizes": True}), 17).evidence["maximizes"] is True
    assert is_silent(HEALTHY.knowing(optimizer={"maximizes": True}), 17)


def test_a_loss_below_0_that_has_no_value_there_has_a_wrong_sign():
    finding = found(HEALTHY.knowing(loss={"initial": -0.1}), 17)
    assert (finding.category, finding.where) == ("loss", "the sign of the loss")
    assert finding.evidence == {"loss": -0.1, "kind": "cross_entropy"}
    assert is_silent(HEALTHY.knowing(loss={"initial": 0.0}), 17)
    assert is_silent(HEALTHY.knowing(loss={"initial": -0.1, "kind": "gaussian_nll_loss"}), 17)


def test_rows_that_change_each_others_outputs_see_each_other():
    finding = found(HEALTHY.knowing(probes={"cross_talk": 1.1e-3}), 39)
    assert (finding.severity, finding.category) == ("error", "architecture")
    assert (finding.where, finding.evidence) == ("the network", {"change": 1.1e-3})
    assert is_silent(HEALTHY.knowing(probes={"cross_talk": 0.9e-3}), 39)


def doubled(ratio: float, training: Training = HEALTHY) -> Training:
    return training.knowing(loss={"initial": 1.0, "doubled": ratio})


def test_a_loss_that_doubles_with_its_batch_is_a_sum():
    finding = found(doubled(1.95), 49)
    assert (finding.severity, finding.category) == ("warning", "loss")
    assert finding.where == "the loss (cross_entropy)"
    assert finding.evidence == {"ratio": 1.95}
    assert found(doubled(1.95, STUCK), 49).severity == "error"
    assert is_silent(doubled(1.85), 49)


def answering(difference: float, training: Training = STUCK, **outputs: Any) -> Training:
    """Outputs of a size of 2 that differ by so much, relative to that, between rows."""
    given = {"least": -2.0, "most": 1.0, "differs_by_row": 2 * difference, **outputs}
    return training.knowing(outputs=given)


def test_outputs_that_do_not_differ_between_rows_ignore_the_input():
    finding = found(answering(0.9e-6), 51)
    assert (finding.severity, finding.category) == ("error", "architecture")
    assert finding.where == "the network"
    assert finding.evidence == {"difference": pytest.approx(0.9e-6)}
    assert is_silent(answering(1.1e-6), 51)


def test_an_input_that_is_learnt_from_all_the_same_is_not_ignored():
    assert is_silent(answering(0.0, HEALTHY), 51)


def test_inputs_that_do_not_differ_are_not_ignored():
    flat = answering(0.0).knowing(inputs={"std": (0.0,) * 4})
    assert is_silent(flat, 51)
    assert found(flat.knowing(inputs={"std": (0.0,) * 4, "form": "tokens"}), 51)


def test_what_another_symptom_explains_is_no_ignored_input():
    assert is_silent(answering(0.0).tried(relu=0.1), 51)
    assert is_silent(answering(0.0, non_finite=1), 51)
    assert is_silent(changed(answering(0.0), "2.weight", variance=0.0), 51)


def test_more_than_half_of_the_time_spent_waiting_for_rows_is_starvation():
    finding = found(replace(HEALTHY, waiting=0.51), 54)
    assert (finding.severity, finding.category, finding.where) == ("warning", "data", "the loop")
    assert finding.evidence == {"share_of_time": 0.51}
    assert is_silent(replace(HEALTHY, waiting=0.5), 54)
