"""Numbers that are no numbers any more: symptom 1."""

from __future__ import annotations

import math
from dataclasses import replace

from tests.unit.diagnose.histories import HEALTHY, Training, diagnosed, found, is_silent


def broken_at(step: int, training: Training = HEALTHY, **climb: float) -> Training:
    """The loss is NaN from a step on, after `factor` of growth over ten steps if given."""
    losses = list(training.losses[: step - 1])
    for back in range(1, 11):
        if climb and back <= len(losses):
            losses[-back] = climb["to"]
    return replace(training.trained(losses=[*losses, math.nan]), evaluations=0)


def located(training: Training, operation: str, layer: str) -> Training:
    place = {"kind": "not_finite", "operation": operation, "layer": layer, "phase": "forward"}
    return replace(training, further=(place,))


def test_losses_and_gradients_that_stay_finite_are_no_symptom():
    assert is_silent(HEALTHY, 1)
    assert is_silent(HEALTHY.trained(norms=[1e30] * len(HEALTHY.losses)), 1)


def test_the_first_step_that_is_not_finite_is_named():
    finding = found(broken_at(100), 1)
    assert (finding.severity, finding.category) == ("error", "learning_rate")
    assert (finding.where, finding.evidence["step"]) == ("step 100", 100)
    assert finding.cure == "lower_learning_rate"


def test_a_gradient_that_is_infinite_counts_as_a_loss_does():
    norms = [*HEALTHY.norms[:49], math.inf, *HEALTHY.norms[50:]]
    assert found(HEALTHY.trained(norms=norms), 1).where == "step 50"


def test_the_operation_and_the_layer_are_named_where_they_were_found():
    finding = found(located(broken_at(100), "exp", "2"), 1)
    assert finding.where == "step 100, exp in 2"
    assert finding.evidence["operation"] == "exp"


def test_an_operation_that_left_its_domain_out_of_the_calm_is_to_blame():
    assert found(located(broken_at(100), "log", "loss"), 1).category == "loss"
    assert found(located(broken_at(100), "sqrt", "2"), 1).category == "activation"


def test_an_operation_that_left_its_domain_after_a_climb_was_driven_there():
    finding = found(located(broken_at(100, to=50.0), "log", "loss"), 1)
    assert finding.category == "learning_rate"
    assert finding.evidence["loss_growth"] > 10


def test_a_loss_that_is_no_number_from_the_first_step_on_is_to_blame_itself():
    assert found(broken_at(1), 1).category == "loss"


def test_outputs_that_are_no_numbers_before_training_are_the_networks_fault():
    assert found(broken_at(1).knowing(outputs={"non_finite": 3}), 1).category == "activation"


def test_inputs_out_of_scale_are_to_blame_before_the_rate():
    training = broken_at(100).knowing(inputs={"std": (60.0, 1.0, 1.0, 1.0)})
    assert found(training, 1).category == "preprocessing"
    training = broken_at(100).knowing(inputs={"std": (49.0, 1.0, 1.0, 1.0)})
    assert found(training, 1).category == "learning_rate"


def test_inputs_that_hold_no_numbers_are_the_only_finding_though_the_loss_broke_too():
    training = broken_at(3).knowing(inputs={"non_finite": 2, "non_finite_rows": (4, 17)})
    finding = found(training, 1)
    assert (finding.severity, finding.category, finding.where) == ("error", "data", "the inputs")
    assert finding.evidence == {"values": 2, "rows": [4, 17]}


def test_targets_that_hold_no_numbers_are_found_before_training():
    (finding,) = diagnosed(HEALTHY.knowing(targets={"non_finite": 1}), 1)
    assert (finding.category, finding.where) == ("labels", "the targets")
    assert finding.evidence == {"values": 1}
