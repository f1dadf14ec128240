"""Learning rates that are too high, too low, or gone: symptoms 6, 7, 8, 10 and 21."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.diagnose.histories import (
    HALFWAY,
    HEALTHY,
    STUCK,
    TRIVIAL,
    UPDATES,
    Training,
    falling,
    found,
    is_silent,
)

WEIGHTS = ("0.weight", "2.weight", "4.weight")


def moving(training: Training, relative: float) -> Training:
    """Every update moves the weights by so much, relative to them."""
    norms, updates = dict.fromkeys(WEIGHTS, 2.0), dict.fromkeys(WEIGHTS, 2.0 * relative)
    return training.looked(norm=norms, update=updates)


def ending_at(loss: float, training: Training = STUCK) -> Training:
    return training.scored("probe", loss=loss)


def test_the_rate_is_too_high_where_a_tenth_of_it_learns():
    finding = found(STUCK.tried(rate_down=0.1), 6)
    assert (finding.severity, finding.category) == ("error", "learning_rate")
    assert finding.cure == "lower_learning_rate"
    assert finding.evidence["trial"] == "rate × 0.1"
    assert finding.evidence["learning_rate"] == 1e-3
    assert found(STUCK.tried(rate_far_down=0.1), 6).evidence["trial"] == "rate × 0.01"


# Both losses are raised by a twentieth of 1.1, the loss that trials began with.
@pytest.mark.parametrize(("after", "is_too_high"), [(0.65, True), (0.75, False)])
def test_a_trial_has_to_come_to_two_thirds_of_the_loss(after, is_too_high):
    assert is_silent(STUCK.tried(rate_down=after), 6) is not is_too_high


def test_another_change_that_explains_more_takes_the_blame_from_the_rate():
    assert is_silent(STUCK.tried(rate_down=0.5, standardised=0.01), 6)
    assert found(STUCK.tried(rate_down=0.1, standardised=0.05), 6)


def test_a_rate_too_high_in_a_training_that_went_well_is_a_warning():
    assert found(HEALTHY.tried(rate_down=0.0), 6).severity == "warning"


def test_updates_of_a_tenth_of_the_weights_above_the_trivial_loss_are_too_large():
    finding = found(moving(ending_at(1.07 * TRIVIAL), 0.11), 6)
    assert (finding.severity, finding.where) == ("error", "0.weight")
    assert finding.evidence["update_to_weight"] == pytest.approx(0.11)
    assert is_silent(moving(ending_at(1.07 * TRIVIAL), 0.09), 6)
    assert is_silent(moving(ending_at(1.03 * TRIVIAL), 0.11), 6)


def test_large_updates_are_too_large_where_the_loss_is_back_above_its_least():
    def back_at(times: float) -> Training:
        losses = [*falling(0.2)[: UPDATES // 2], *[0.2 * times] * (UPDATES // 2)]
        return moving(HEALTHY.trained(losses=losses), 0.11)

    assert found(back_at(1.6), 6).evidence["loss_over_least"] == pytest.approx(1.6, rel=0.02)
    assert is_silent(back_at(1.4), 6)


def test_large_updates_of_weights_that_are_drawn_to_0_are_not_the_rates_doing():
    def shrunk_to(share: float) -> Training:
        norms = [2.0 * share ** (k / 10) for k in range(11)]
        return moving(ending_at(1.07 * TRIVIAL), 0.11).looked(norm=dict.fromkeys(WEIGHTS, norms))

    assert is_silent(shrunk_to(0.09), 6)
    assert found(shrunk_to(0.11), 6)


def test_two_looks_are_too_few_to_tell_how_fast_weights_move():
    fast, slow = moving(ending_at(1.07 * TRIVIAL), 0.11), moving(STUCK, 2.9e-5)
    assert is_silent(replace(fast, looks=2), 6) and is_silent(replace(slow, looks=2), 7)
    assert found(replace(fast, looks=3), 6) and found(replace(slow, looks=3), 7)


def descending(training: Training, momentum: float, kind: str = "SGD") -> Training:
    return training.knowing(optimizer={"kind": kind, "momentum": momentum})


def test_descent_that_remembers_more_than_fifty_updates_has_too_much_momentum():
    finding = found(descending(HALFWAY, 0.985), 6)
    assert (finding.severity, finding.category) == ("warning", "optimizer")
    assert (finding.where, finding.evidence["momentum"]) == ("momentum", 0.985)
    assert "momentum" in finding.advice
    assert found(descending(STUCK, 0.985), 6).severity == "error"
    assert is_silent(descending(HALFWAY, 0.975), 6)
    assert is_silent(descending(HALFWAY, 0.985, "Adam"), 6)
    assert is_silent(descending(HEALTHY, 0.985), 6)


def test_the_rate_is_too_low_where_ten_times_of_it_learns_and_updates_are_small():
    finding = found(moving(STUCK.tried(rate_up=0.1), 0.9e-3), 7)
    assert (finding.severity, finding.category) == ("error", "learning_rate")
    assert (finding.where, finding.cure) == ("0.weight", "raise_learning_rate")
    assert finding.evidence["update_to_weight"] == pytest.approx(0.9e-3)
    assert finding.evidence["trial"] == "rate × 10"
    assert is_silent(moving(STUCK.tried(rate_up=0.1), 1.1e-3), 7)
    assert is_silent(moving(STUCK.tried(rate_up=0.75), 0.9e-3), 7)


def test_updates_next_to_nothing_are_too_small_while_the_training_falls_short():
    assert found(moving(STUCK, 2.9e-5), 7).severity == "error"
    assert found(moving(HALFWAY, 2.9e-5), 7).severity == "warning"
    assert is_silent(moving(HALFWAY, 3.1e-5), 7)
    assert is_silent(moving(HEALTHY, 2.9e-5), 7)


def test_updates_that_epsilon_holds_back_are_not_the_rates_doing():
    assert is_silent(moving(STUCK, 2.9e-5).knowing(optimizer={"epsilon": 0.01}), 7)


def test_weights_that_never_move_are_not_the_rates_doing():
    assert is_silent(moving(STUCK, 0.0), 7)


def gone(share: float, training: Training, *, to: float = 0.9e-8) -> Training:
    until = round((1 - share) * UPDATES)
    return training.trained(rates=[1e-3] * until + [to] * (UPDATES - until))


def test_a_rate_that_is_gone_for_a_fifth_of_the_training_decayed_away():
    finding = found(gone(0.22, HALFWAY), 8)
    assert (finding.severity, finding.category) == ("error", "learning_rate")
    assert finding.where == "from step 312 on"
    assert finding.evidence["from_step"] == 312
    assert finding.evidence["share_of_updates"] == pytest.approx(0.22)
    assert is_silent(gone(0.19, HALFWAY), 8)
    assert is_silent(gone(0.22, HALFWAY, to=1.1e-8), 8)


def test_a_millionth_of_the_highest_rate_is_gone_too():
    high = replace(HALFWAY, rates=(1.0,) + (0.1,) * 299 + (0.9e-6,) * 100)
    assert found(high, 8)
    assert is_silent(replace(high, rates=(1.0,) + (0.1,) * 299 + (1.1e-6,) * 100), 8)


def test_a_rate_that_ends_while_the_loss_falls_is_a_warning_and_after_that_nothing():
    straight = [1.0 - 0.9 * s / 300 for s in range(300)] + [0.1] * 100
    assert found(gone(0.25, HEALTHY.trained(losses=straight)), 8).severity == "warning"
    flat = [0.1 + 0.01 * (s % 2) for s in range(UPDATES)]
    assert is_silent(gone(0.25, HEALTHY.trained(losses=flat)), 8)


def test_a_rate_that_came_back_is_not_gone():
    rates = [1e-3] * 200 + [0.0] * 190 + [1e-3] * 10
    assert is_silent(HALFWAY.trained(rates=rates), 8)


def rising(to: float, *, start: float = 0.3, least: float = 0.4) -> Training:
    """From `start` to `least` at the middle, and evenly up from there."""
    half = UPDATES // 2
    down = [start + (least - start) * s / half for s in range(half)]
    up = [least + (to - least) * s / half for s in range(half)]
    return HEALTHY.trained(losses=[*down, *up])


def test_a_loss_that_rises_to_one_and_a_half_times_its_least_diverges():
    finding = found(rising(0.52), 10)
    assert (finding.severity, finding.category) == ("error", "learning_rate")
    assert (finding.where, finding.cure) == ("the loss", "lower_learning_rate")
    assert finding.evidence["loss_over_least"] > 1.5 and finding.evidence["t"] > 2
    assert is_silent(rising(0.45), 10)


def test_a_loss_that_rises_and_stays_below_the_first_does_not_diverge():
    assert is_silent(rising(0.9, start=1.0, least=0.3), 10)
    assert found(rising(1.2, start=1.0, least=0.3), 10)


def test_a_single_jump_without_a_slope_does_not_diverge():
    losses = [0.4 if (s // 20) % 2 else 0.2 for s in range(UPDATES)]
    assert is_silent(HEALTHY.trained(losses=losses), 10)


def lost_again(share: float, evaluations: int = 2) -> Training:
    """The loss in evaluation mode is back up by such a share of the whole at the end."""
    late = [0.1 + share * TRIVIAL] * evaluations
    return HEALTHY.scored("probe", loss=[*[0.4, 0.1] * 5, *late][-10:])


def test_half_of_what_was_learnt_lost_again_at_two_evaluations_diverges():
    finding = found(lost_again(0.52), 10)
    assert (finding.severity, finding.where) == ("error", "the loss")
    assert finding.evidence["loss"] == pytest.approx(0.1 + 0.52 * TRIVIAL)
    assert finding.evidence["whole"] == pytest.approx(TRIVIAL)
    assert is_silent(lost_again(0.48), 10)


def test_a_loss_that_is_up_at_the_last_evaluation_alone_does_not_diverge():
    assert is_silent(lost_again(0.9, evaluations=1), 10)


def tiny(training: Training, gradient: float, relative: float = 0.11) -> Training:
    gradients = dict.fromkeys(WEIGHTS, gradient)
    return moving(training, relative).looked(gradient_mean=gradients)


def test_large_updates_by_gradients_below_epsilon_are_noise_by_noise():
    finding = found(tiny(STUCK, 0.9e-7), 21)
    assert (finding.severity, finding.category) == ("warning", "optimizer")
    assert finding.where == "0.weight, 2.weight, 4.weight"
    assert finding.evidence == {"epsilon": 1e-8, "parameters": 3}
    assert is_silent(tiny(STUCK, 1.1e-7), 21)
    assert is_silent(tiny(STUCK, 0.9e-7, relative=0.09), 21)
    assert is_silent(tiny(HALFWAY, 0.9e-7), 21)


def test_a_larger_epsilon_is_what_gradients_are_small_beside():
    assert found(tiny(STUCK, 0.9e-4).knowing(optimizer={"epsilon": 1e-4}), 21)
    assert is_silent(tiny(STUCK, 1.1e-4).knowing(optimizer={"epsilon": 1e-4}), 21)


def test_an_epsilon_of_a_hundredth_takes_the_gradients_place():
    finding = found(HALFWAY.knowing(optimizer={"epsilon": 0.01}), 21)
    assert (finding.severity, finding.where) == ("warning", "the optimiser")
    assert finding.evidence == {"epsilon": 0.01}
    assert found(STUCK.knowing(optimizer={"epsilon": 0.01}), 21).severity == "error"
    assert is_silent(HALFWAY.knowing(optimizer={"epsilon": 0.009}), 21)
    assert is_silent(HEALTHY.knowing(optimizer={"epsilon": 0.01}), 21)
