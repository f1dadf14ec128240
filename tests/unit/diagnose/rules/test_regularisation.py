"""Too much of what keeps a network from learning by heart, or none of it: symptoms 44 and 45."""

from __future__ import annotations

import pytest

from tests.unit.diagnose.histories import (
    HALFWAY,
    HEALTHY,
    LAYERS,
    STUCK,
    LayerFacts,
    Training,
    found,
    is_silent,
)


def dropping(rate: float, training: Training) -> Training:
    dropout = LayerFacts(path="drop", kind="dropout", role="dropout", rate=rate)
    return training.knowing(layers=(*LAYERS, dropout))


def test_regularisation_is_too_much_where_a_copy_without_it_learns():
    finding = found(STUCK.tried(no_regularisation=0.1), 44)
    assert (finding.severity, finding.category) == ("error", "regularisation")
    assert (finding.where, finding.cure) == ("dropout or weight decay", "less_decay")
    assert finding.evidence["trial"] == "no regularisation"
    assert is_silent(STUCK.tried(no_regularisation=0.75), 44)
    assert is_silent(HEALTHY.tried(no_regularisation=0.0), 44)


def test_dropout_of_more_than_seven_tenths_is_too_much_where_nothing_is_learnt():
    finding = found(dropping(0.75, STUCK.untried()), 44)
    assert (finding.severity, finding.where, finding.cure) == ("error", "dropout", "less_dropout")
    assert finding.evidence == {"dropout": 0.75}
    assert is_silent(dropping(0.7, STUCK.untried()), 44)


def test_heavy_dropout_of_a_network_that_learns_is_a_risk():
    assert found(dropping(0.75, HALFWAY.untried()), 44).severity == "warning"


def test_heavy_dropout_that_a_trial_has_cleared_is_none():
    assert is_silent(dropping(0.75, STUCK), 44)


def pulled(ratio: float, training: Training = STUCK, kind: str = "SGD") -> Training:
    """λ‖w‖ / ‖g‖ is so large: norms of 2 and gradients of 1, as a norm, in every parameter."""
    parameters = training.facts.parameters
    counts = {p.path: p.shape[0] * (p.shape[1] if len(p.shape) > 1 else 1) for p in parameters}
    means = {path: count**-0.5 for path, count in counts.items()}
    decayed = training.knowing(optimizer={"kind": kind, "weight_decay": ratio / 2})
    return decayed.looked(norm=dict.fromkeys(means, 2.0), gradient_mean=means)


def test_decay_that_pulls_twice_as_hard_as_gradients_is_too_much():
    finding = found(pulled(2.1), 44)
    assert (finding.severity, finding.where, finding.cure) == (
        "error",
        "weight decay",
        "less_decay",
    )
    assert finding.evidence["pull_over_gradient"] == pytest.approx(2.1)
    assert finding.evidence["shrunk"] is False
    assert is_silent(pulled(1.9), 44)
    assert is_silent(pulled(2.1, HALFWAY), 44)


def test_decay_that_is_no_part_of_the_gradient_does_not_pull_against_it():
    assert is_silent(pulled(2.1, kind="AdamW"), 44)


def shrinking(to: float, training: Training = STUCK) -> Training:
    norms = {path: [2.0] * 10 + [2.0 * to] for path in ("0.weight", "2.weight", "4.weight")}
    return training.looked(norm=norms)


def test_weights_that_shrink_below_a_tenth_in_every_layer_are_drawn_to_0():
    assert found(shrinking(0.09), 44).evidence["shrunk"] is True
    assert is_silent(shrinking(0.11), 44)
    assert is_silent(shrinking(0.09).looked(norm={"4.weight": 2.0}), 44)
    assert is_silent(shrinking(0.09, HALFWAY), 44)


def test_without_decay_nothing_is_drawn_to_0():
    assert is_silent(shrinking(0.09).knowing(optimizer={"weight_decay": 0.0}), 44)


OVERFITTED = HEALTHY.scored("validation", accuracy=0.7)


def decaying(decay: float, training: Training = OVERFITTED) -> Training:
    return training.knowing(optimizer={"weight_decay": decay})


def test_overfitting_with_nothing_against_it_lacks_regularisation():
    finding = found(decaying(0.0), 45)
    assert (finding.severity, finding.category) == ("information", "regularisation")
    assert (finding.where, finding.cure) == ("the network", "regularise")
    assert finding.evidence == {"weight_decay": 0.0, "dropout": 0.0}


def test_weight_decay_dropout_or_no_overfitting_is_reason_enough_for_silence():
    assert is_silent(decaying(1e-5), 45)
    assert is_silent(decaying(0.0, dropping(0.1, OVERFITTED)), 45)
    assert is_silent(decaying(0.0, HEALTHY), 45)
