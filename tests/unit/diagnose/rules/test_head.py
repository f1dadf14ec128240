"""The last layer, the loss and the targets: symptoms 27, 28, 30, 47 and 48."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.unit.diagnose.histories import (
    HALFWAY,
    HEALTHY,
    NUMBERS,
    STUCK,
    LayerFacts,
    TargetFacts,
    Training,
    activation,
    found,
    is_silent,
    linear,
)

# A training on numbers that learns nothing, and one that is not begun.
STUCK_ON_NUMBERS = NUMBERS.trained(losses=STUCK.losses).scored("probe", loss=1.1)
BEFORE = NUMBERS.trained(losses=[], norms=[], rates=[])


def starting_at(ratio: float, training: Training = NUMBERS, **targets: Any) -> Training:
    """The loss before training is so many times that of the best constant answer."""
    return training.knowing(loss={"initial": ratio, "trivial": 1.0}, targets=targets)


def test_a_first_loss_of_thirty_times_the_trivial_one_is_an_unscaled_target():
    finding = found(starting_at(31.0, std=4.0), 27)
    assert (finding.severity, finding.category) == ("warning", "preprocessing")
    assert (finding.where, finding.cure) == ("the target", None)
    assert finding.evidence == {"mean": 0.0, "std": 4.0, "first_loss_over_trivial": 31.0}
    assert is_silent(starting_at(29.0, std=4.0), 27)


def test_a_huge_first_loss_of_a_target_of_the_usual_scale_is_no_fault_of_the_target():
    assert is_silent(starting_at(31.0, std=1.0), 27)


@pytest.mark.parametrize(("beyond", "within"), [(101.0, 99.0), (0.009, 0.011)])
def test_a_target_that_spreads_beyond_a_hundred_or_a_hundredth_is_unscaled(beyond, within):
    assert found(starting_at(1.0, std=beyond), 27).evidence["std"] == beyond
    assert is_silent(starting_at(1.0, std=within), 27)


def test_an_unscaled_target_is_an_error_where_nothing_is_learnt():
    assert found(starting_at(31.0, STUCK_ON_NUMBERS, std=4.0), 27).severity == "error"
    assert found(starting_at(0.9e4, BEFORE, std=4.0), 27).severity == "warning"
    assert found(starting_at(1.1e4, BEFORE, std=4.0), 27).severity == "error"


def test_classes_and_losses_on_no_differences_have_no_scale_of_their_target():
    assert is_silent(HEALTHY.knowing(loss={"initial": 400.0}), 27)
    poisson = starting_at(31.0, std=500.0).knowing(loss={"kind": "poisson_nll_loss"})
    assert is_silent(poisson, 27)


def ending_in(last: str | None, least: float, most: float, kind: str = "mse_loss") -> Training:
    targets = {"least": least, "most": most}
    return NUMBERS.knowing(outputs={"activation": last}, targets=targets, loss={"kind": kind})


@pytest.mark.parametrize(
    ("last", "beyond", "within"),
    [
        ("relu", (-1.0, 5.0), (0.0, 500.0)),
        ("sigmoid", (0.0, 1.2), (0.0, 1.0)),
        ("tanh", (-1.5, 1.0), (-1.0, 1.0)),
        ("softmax", (0.0, 2.0), (0.2, 0.9)),
    ],
)
def test_targets_outside_the_last_activations_range_cannot_be_expressed(last, beyond, within):
    finding = found(ending_in(last, *beyond), 28)
    assert (finding.severity, finding.category) == ("error", "activation")
    assert (finding.where, finding.cure) == ("the last layer", "linear_head")
    assert finding.evidence == {
        "activation": last,
        "least_target": beyond[0],
        "largest_target": beyond[1],
    }
    assert is_silent(ending_in(last, *within), 28)


def test_a_last_layer_without_an_activation_expresses_everything():
    assert is_silent(ending_in(None, -1e6, 1e6), 28)


def test_a_relu_that_the_loop_puts_behind_the_network_counts():
    assert found(ending_in(None, -5.0, 5.0).looping(applies="relu"), 28)


def test_a_range_is_not_asked_of_what_is_no_distance():
    assert is_silent(ending_in("relu", -1.0, 5.0, "cross_entropy"), 28)
    assert is_silent(HEALTHY.knowing(outputs={"activation": "sigmoid"}), 28)


def sure(by: float, training: Training = HALFWAY, *, classes: int = 3) -> Training:
    """The first loss is so far above the logarithm of the number of classes."""
    targets = {"counts": (60,) * classes}
    outputs = {"shape": (classes,)}
    initial = math.log(classes) + by
    return training.knowing(loss={"initial": initial}, targets=targets, outputs=outputs)


def test_a_first_loss_of_twice_the_logarithm_of_the_classes_is_far_off():
    finding = found(sure(1.02 * math.log(10), classes=10), 30)
    assert (finding.severity, finding.category) == ("warning", "initialisation")
    assert finding.where == "the loss"
    assert finding.evidence["usual"] == pytest.approx(math.log(10))
    assert is_silent(sure(0.98 * math.log(10), classes=10), 30)


def test_of_two_classes_it_is_far_off_by_more_than_one():
    assert is_silent(sure(0.98, classes=2), 30)
    assert found(sure(1.02, classes=2), 30)


def test_a_first_loss_far_off_matters_as_much_as_the_training_falls_short():
    assert found(sure(3.0, STUCK), 30).severity == "error"
    assert found(sure(3.0, HEALTHY), 30).severity == "information"


def test_a_loss_on_numbers_has_no_usual_first_value():
    assert is_silent(starting_at(1e3), 30)


def heading(
    last: str | None,
    kind: str,
    *,
    least: float = 0.1,
    most: float = 0.9,
    width: int = 3,
    sums: bool = False,
) -> Training:
    """A network that ends in an activation, with a loss of this kind."""
    outputs = {"activation": last, "least": least, "most": most, "row_sums_to_one": sums}
    return HEALTHY.knowing(outputs={"shape": (width,), **outputs}, loss={"kind": kind})


BINARY, WITH_LOGITS = "binary_cross_entropy", "binary_cross_entropy_with_logits"


@pytest.mark.parametrize(
    ("wrong", "cure"),
    [
        (heading("softmax", "cross_entropy"), "logits"),
        (heading(None, "cross_entropy", sums=True), "logits"),
        (heading("sigmoid", "cross_entropy"), "logits"),
        (heading("relu", "cross_entropy", least=0.0, most=3.0), "logits"),
        (heading("sigmoid", WITH_LOGITS, width=1), "logits"),
        (heading("softmax", WITH_LOGITS), "logits"),
        (heading("relu", WITH_LOGITS, least=0.0, most=3.0), "logits"),
        (heading(None, BINARY, least=-0.5, width=1), "sigmoid_head"),
        (heading(None, BINARY, most=1.5, width=1), "sigmoid_head"),
        (heading("softmax", BINARY, least=1.0, most=1.0, width=1), "sigmoid_head"),
        (heading(None, "nll_loss", least=-2.0, most=0.1), "logits"),
        (heading("softmax", "nll_loss", least=0.0, most=0.0), "logits"),
    ],
)
def test_a_loss_that_expects_another_kind_of_number_disagrees_with_its_head(wrong, cure):
    finding = found(wrong, 47)
    assert (finding.severity, finding.category) == ("error", "activation")
    assert (finding.where, finding.cure) == ("the last layer", cure)
    assert finding.evidence["loss"] == wrong.facts.loss.kind
    assert finding.advice.lower().startswith(finding.evidence["what"])


@pytest.mark.parametrize(
    "right",
    [
        heading(None, "cross_entropy", least=-3.0, most=3.0),
        heading(None, WITH_LOGITS, least=-3.0, most=3.0, width=1),
        heading("sigmoid", BINARY, width=1),
        heading("log_softmax", "nll_loss", least=-3.0, most=0.0),
        heading("softmax", "mse_loss"),
    ],
)
def test_a_loss_that_gets_what_it_expects_agrees_with_its_head(right):
    assert is_silent(right, 47)


def test_a_softmax_that_the_loop_puts_before_cross_entropy_is_one_too_many():
    assert is_silent(HEALTHY, 47)
    assert found(HEALTHY.looping(applies="softmax"), 47).evidence["activation"] == "softmax"


def test_outputs_stretched_over_the_targets_of_all_rows_are_a_mistake_of_the_loss():
    finding = found(NUMBERS.knowing(loss={"broadcasts": True}).looping(pairs_every_row=None), 47)
    assert (finding.severity, finding.category, finding.cure) == ("error", "loss", None)


def test_what_the_loop_was_seen_to_do_outweighs_the_shapes_that_were_given():
    assert is_silent(NUMBERS.knowing(loss={"broadcasts": True}), 47)
    assert found(NUMBERS.looping(pairs_every_row=True), 47)


def of_classes(count: int, *, width: int = 1) -> Training:
    targets = TargetFacts(form="classes", shape=(), counts=(30,) * count)
    outputs = {"shape": (width,)}
    return HEALTHY.knowing(loss={"kind": "mse_loss"}, targets=targets, outputs=outputs)


def test_squared_error_on_the_numbers_of_classes_takes_them_for_quantities():
    finding = found(of_classes(3), 47)
    assert (finding.category, finding.cure) == ("loss", "cross_entropy")
    for right in (of_classes(2), of_classes(21), of_classes(3, width=3)):
        assert is_silent(right, 47)


def test_a_loss_that_cannot_be_computed_is_found_before_the_loop_has_shown_otherwise():
    failing = HEALTHY.knowing(loss={"error": "shapes [3] and [4]"})
    before = failing.trained(losses=[], norms=[], rates=[])
    assert "shapes [3] and [4]" in found(before, 47).evidence["what"]
    assert is_silent(failing, 47)


SOFTMAX, TANH, RELU = (activation(kind, kind) for kind in ("softmax", "tanh", "relu"))
FIRST, SECOND = linear("0", None), linear("2", None)


def computing(*layers: LayerFacts, training: Training = STUCK) -> Training:
    return training.knowing(layers=layers)


def test_layers_of_weights_without_anything_nonlinear_are_one():
    finding = found(computing(FIRST, SECOND), 48)
    assert (finding.severity, finding.category) == ("error", "activation")
    assert (finding.where, finding.cure) == ("2", "activation")
    assert finding.evidence == {"layers": 2, "joined": 1}
    assert found(computing(FIRST, SECOND, SOFTMAX), 48), "one at the end joins nothing"
    assert is_silent(computing(FIRST, RELU, SECOND), 48)
    assert is_silent(computing(FIRST), 48)


def test_a_linear_model_that_learns_may_be_what_is_wanted():
    assert found(computing(FIRST, SECOND, training=HEALTHY), 48).severity == "warning"


@pytest.mark.parametrize(
    ("layers", "where"),
    [((FIRST, RELU, TANH, SECOND), "tanh"), ((FIRST, SOFTMAX, SECOND), "softmax")],
)
def test_an_activation_that_undoes_another_or_a_softmax_within_is_doubled(layers, where):
    finding = found(computing(*layers), 48)
    assert (finding.severity, finding.where) == ("error", where)
    assert finding.evidence == {"activation": where}
    assert found(computing(*layers, training=HEALTHY), 48).severity == "warning"


def test_a_softmax_at_the_end_and_a_relu_behind_a_tanh_are_not_doubled():
    assert is_silent(computing(FIRST, RELU, SECOND, SOFTMAX), 48)
    assert is_silent(computing(FIRST, TANH, RELU, SECOND), 48)
