"""Signals and gradients on their way through the layers: symptoms 2 to 5, 14, 18 and 52."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.diagnose.histories import (
    HALFWAY,
    HEALTHY,
    STUCK,
    UPDATES,
    Training,
    activation,
    found,
    is_silent,
    linear,
)

RISING = STUCK.trained(losses=[1.2 + s / UPDATES for s in range(UPDATES)])


def grown(training: Training, times: float) -> Training:
    """Gradients that grow so many times from the first tenth to the last, with none between."""
    early = UPDATES // 10 + 1
    return training.trained(norms=[0.1] * early + [0.1 * times] * (UPDATES - early))


def test_gradients_that_grow_a_hundredfold_while_the_loss_rises_explode():
    finding = found(grown(RISING, 120), 2)
    assert (finding.severity, finding.category) == ("error", "learning_rate")
    assert (finding.where, finding.cure) == ("all layers", "clip")
    assert finding.evidence["growth"] == pytest.approx(120)
    assert is_silent(grown(RISING, 90), 2)


def test_gradients_that_grow_while_the_loss_falls_do_not_explode():
    assert is_silent(grown(HEALTHY, 120), 2)
    flat = STUCK.trained(losses=[TOP - 1e-5 * s for s, TOP in enumerate([1.099] * UPDATES)])
    assert is_silent(grown(flat, 120), 2)


def test_gradients_that_are_huge_throughout_explode_where_nothing_is_learnt():
    first = STUCK.facts.loss.initial
    assert found(STUCK.trained(norms=[1.1e4 * first] * UPDATES), 2).severity == "error"
    assert is_silent(STUCK.trained(norms=[0.9e4 * first] * UPDATES), 2)
    assert is_silent(HEALTHY.trained(norms=[1.1e4 * first] * UPDATES), 2)


def first_gets(share: float, update: float, training: Training = STUCK) -> Training:
    """The first weight gets such a share of the last one's gradient, and such updates."""
    return training.looked(
        gradient_mean={"0.weight": 0.01 * share},
        update={"0.weight": update},
        norm={"0.weight": 2.0},
    )


def test_a_gradient_that_shrinks_a_thousandfold_to_a_first_layer_at_rest_vanishes():
    finding = found(first_gets(0.9e-3, 1e-6).untried(), 3)
    assert (finding.severity, finding.category) == ("error", "activation")
    assert (finding.where, finding.cure) == ("0.weight", "relu")
    assert finding.evidence["first_over_last"] == pytest.approx(0.9e-3)
    assert is_silent(first_gets(1.1e-3, 1e-6).untried(), 3)


def test_a_small_gradient_that_moves_the_first_layer_all_the_same_does_not_vanish():
    assert is_silent(first_gets(0.9e-3, 2 * 4e-5).untried(), 3)
    assert found(first_gets(0.9e-3, 2 * 2e-5).untried(), 3)
    assert found(first_gets(0.9e-5, 2 * 4e-5).untried(), 3), "below 10⁻⁷ it is none"


def test_a_vanishing_gradient_is_no_symptom_where_the_network_learns():
    assert is_silent(first_gets(1e-6, 1e-9, HEALTHY), 3)


def test_a_vanishing_gradient_that_no_trial_bears_out_is_a_warning():
    assert found(first_gets(1e-6, 1e-9), 3).severity == "warning"


def test_activations_are_to_blame_where_other_ones_learn():
    finding = found(STUCK.tried(relu=0.1), 3)
    assert (finding.severity, finding.where) == ("error", "the activations")
    assert finding.evidence["trial"] == "ReLU inside"
    assert found(HALFWAY.tried(relu=0.1), 3).severity == "warning"
    assert is_silent(STUCK.tried(relu=0.8), 3)
    assert is_silent(HEALTHY.tried(relu=0.0), 3)


def dead(training: Training, share: float) -> Training:
    return training.answered(dead={"1": share})


def test_a_layer_with_most_units_dead_is_a_warning_where_the_network_falls_short():
    finding = found(dead(HALFWAY, 0.6), 4)
    assert (finding.severity, finding.category, finding.where) == ("warning", "activation", "1")
    assert finding.evidence == {"share": 0.6, "layers": 1}
    assert found(dead(HEALTHY, 0.6), 4).severity == "information"
    assert is_silent(dead(HALFWAY, 0.5), 4)


def test_a_layer_that_is_dead_but_for_a_tenth_is_an_error_where_nothing_is_learnt():
    assert found(dead(STUCK.untried(), 0.91), 4).severity == "error"
    assert found(dead(STUCK.untried(), 0.89), 4).severity == "warning"
    assert found(dead(HALFWAY.untried(), 0.91), 4).severity == "warning"


def test_dead_units_are_an_error_where_leaky_ones_learn():
    finding = found(dead(STUCK, 0.6).tried(leaky=0.1), 4)
    assert (finding.severity, finding.evidence["trial"]) == ("error", "leaky ReLU inside")


def test_units_that_were_dead_at_one_of_the_last_looks_only_are_alive():
    assert is_silent(dead(HALFWAY, [0.1] * 10 + [0.9]), 4)


def saturated(training: Training, share: float, layer: str = "1") -> Training:
    return training.answered(saturated={layer: share})


def test_a_layer_with_most_values_at_the_ends_of_its_range_is_saturated():
    finding = found(saturated(STUCK, 0.6), 5)
    assert (finding.severity, finding.category, finding.where) == ("error", "activation", "1")
    assert finding.evidence == {"share": 0.6, "layers": 1}
    assert is_silent(saturated(STUCK, 0.5), 5)


def test_saturation_matters_as_much_as_the_training_falls_short():
    assert found(saturated(HALFWAY, 0.6), 5).severity == "warning"
    assert found(saturated(HEALTHY, 0.6), 5).severity == "information"


def test_an_output_near_0_and_1_is_an_answer_and_not_saturated():
    assert is_silent(saturated(STUCK, 0.9, layer="4"), 5)


def test_outputs_that_are_alike_for_all_rows_are_constant_where_nothing_is_learnt():
    finding = found(STUCK.scored("probe", spread=0.9e-4), 14)
    assert (finding.severity, finding.where) == ("error", "the outputs")
    assert finding.evidence["spread"] == 0.9e-4
    assert is_silent(STUCK.scored("probe", spread=1.1e-4), 14)
    assert is_silent(HEALTHY.scored("probe", spread=0.9e-4), 14)


def test_one_class_answered_for_all_rows_is_a_constant_output():
    assert found(STUCK.scored("probe", answers=([0, 600, 0],)), 14).evidence["answers"] == [
        0,
        600,
        0,
    ]
    assert is_silent(STUCK.scored("probe", answers=([1, 599, 0],)), 14)


def test_a_constant_output_suspects_what_a_trial_has_shown():
    constant = STUCK.scored("probe", spread=0.0)
    assert found(constant, 14).category == "learning_rate"
    assert found(constant.tried(standardised=0.1), 14).category == "preprocessing"


def spiked(training: Training, times: float, *, count: int = 3, jump: float = 3.0) -> Training:
    """Gradients so many times the usual at some steps, and losses higher after them."""
    norms, losses = [1.0] * UPDATES, list(training.losses)
    for spike in range(count):
        at = 100 + 20 * spike
        norms[at] = times
        losses[at + 1 : at + 6] = [jump * losses[at]] * 5
    return training.trained(norms=norms, losses=losses)


def test_three_gradients_of_ten_times_the_usual_with_a_higher_loss_after_them_are_spikes():
    finding = found(spiked(HALFWAY, 11.0), 18)
    assert (finding.severity, finding.category) == ("warning", "optimizer")
    assert (finding.where, finding.cure) == ("steps 101, 121, 141", "clip")
    assert finding.evidence["spikes"] == 3 and finding.evidence["largest"] == 11.0
    assert is_silent(spiked(HALFWAY, 9.0), 18)


def test_two_spikes_are_chance():
    assert is_silent(spiked(HALFWAY, 11.0, count=2), 18)


def test_gradients_that_leave_the_loss_where_it_was_are_no_spikes():
    assert is_silent(spiked(HALFWAY, 11.0, jump=1.0), 18)


def test_spikes_in_more_than_a_twentieth_of_the_steps_are_no_single_batches():
    often = spiked(HALFWAY, 11.0)
    norms = list(often.norms)
    norms[200:218] = [11.0] * 18
    assert is_silent(often.trained(norms=norms), 18)


def test_spikes_are_information_where_the_training_went_well():
    assert found(spiked(HEALTHY, 11.0), 18).severity == "information"


def collapsing(training: Training, late: float) -> Training:
    return training.answered(rank={"3": [8.0] * 5 + [late]})


def test_a_layer_whose_rank_falls_by_half_collapses_where_nothing_is_learnt():
    finding = found(collapsing(STUCK, 3.9), 52)
    assert (finding.severity, finding.category, finding.where) == ("warning", "architecture", "3")
    assert finding.evidence["late_over_early"] == pytest.approx(3.9 / 8)
    assert is_silent(collapsing(STUCK, 4.1), 52)
    assert is_silent(collapsing(HEALTHY, 1.0), 52)


def test_too_few_looks_tell_of_no_collapse():
    assert is_silent(replace(STUCK.answered(rank={"3": [8.0, 8.0, 1.0]}), looks=3), 52)


def test_names_of_more_layers_than_are_shown_are_cut():
    layers = [
        linear("0", "tanh"),
        *(activation(f"a{k}", "tanh") for k in range(6)),
        linear("9", None),
    ]
    training = STUCK.knowing(layers=tuple(layers))
    finding = found(training.answered(saturated={f"a{k}": 0.9 for k in range(6)}), 5)
    assert (finding.where, finding.evidence["layers"]) == ("a0, a1, a2, a3", 6)
