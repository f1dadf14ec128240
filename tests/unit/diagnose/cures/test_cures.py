"""Every cure: what it changes, and that it leaves alone what it does not apply to."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest

from ranvier.core.finding import Finding
from ranvier.diagnose import RULES
from ranvier.diagnose import rules as rule_modules
from ranvier.diagnose.cures import CURES, PRESCRIBED, Case, cures_for, proposals
from ranvier.runs.settings import TrainSettings
from ranvier.spec import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Initializer,
    Network,
    Residual,
)

ADAMW = {"kind": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01, "epsilon": 1e-8}
USUAL = TrainSettings(
    epochs=40,
    batch_size=64,
    patience=20,
    loss={"kind": "cross_entropy"},
    optimizer=ADAMW,
    schedule={"kind": "cosine", "warmup": 0.02},
    learning_rate=1e-3,
    weight_decay=0.01,
    clip_norm=0.0,
)
PLAIN = Network(Dense(8, activation="relu"), Dense(8, activation="relu"), Dense(3))


def case(
    network: Network = PLAIN, *, number: int = 0, evidence: dict[str, Any] | None = None,
    cure: str | None = None, **settings: Any,
) -> Case:  # fmt: skip
    finding = Finding(
        "error", "", "learning_rate", "", "", number=number, evidence=evidence or {}, cure=cure
    )
    return Case(finding, replace(USUAL, **settings), network, USUAL)


def settings_after(name: str, given: Case) -> TrainSettings:
    changed = CURES[name].apply(given)
    assert changed is not None
    assert changed[1] == given.network
    return changed[0]


def network_after(name: str, given: Case) -> Network:
    changed = CURES[name].apply(given)
    assert changed is not None
    return changed[1]


def test_a_lower_rate_is_a_tenth_and_stands_in_both_places() -> None:
    after = settings_after("lower_learning_rate", case())
    assert after.learning_rate == 1e-4
    assert after.optimizer == {**ADAMW, "learning_rate": 1e-4}


def test_a_rate_is_lowered_by_as_much_as_updates_are_too_large() -> None:
    moved = case(evidence={"update_to_weight": 0.3})
    assert settings_after("lower_learning_rate", moved).learning_rate == 1e-5


@pytest.mark.parametrize(("moved", "rate"), [(None, 1e-2), (1e-6, 1.0), (1e-12, 10.0)])
def test_a_rate_is_raised_by_as_much_as_updates_are_too_small(
    moved: float | None, rate: float
) -> None:
    given = case(evidence={"update_to_weight": moved})
    assert settings_after("raise_learning_rate", given).learning_rate == rate


@pytest.mark.parametrize("moved", [float("nan"), float("inf"), 0.0])
def test_a_measure_that_is_no_number_leaves_a_factor_of_ten(moved: float) -> None:
    given = case(evidence={"update_to_weight": moved})
    assert settings_after("lower_learning_rate", given).learning_rate == 1e-4
    assert settings_after("raise_learning_rate", given).learning_rate == 1e-2


def test_clipping_applies_where_there_is_none_or_little() -> None:
    assert settings_after("clip", case()).clip_norm == 1.0
    assert settings_after("clip", case(clip_norm=50.0)).clip_norm == 1.0
    assert CURES["clip"].apply(case(clip_norm=0.5)) is None


def test_lower_and_clip_does_both() -> None:
    after = settings_after("lower_and_clip", case())
    assert (after.learning_rate, after.clip_norm) == (1e-4, 1.0)


def test_the_usual_rate_is_that_of_the_optimiser_in_use() -> None:
    far = case(learning_rate=1.0, optimizer={**ADAMW, "learning_rate": 1.0})
    assert settings_after("usual_learning_rate", far).learning_rate == 1e-3
    other = case(learning_rate=30.0, optimizer={"kind": "sgd", "learning_rate": 30.0})
    assert settings_after("usual_learning_rate", other).learning_rate == 0.03
    assert CURES["usual_learning_rate"].apply(case(learning_rate=2e-3)) is None


def test_the_usual_optimiser_takes_penalties_and_clipping_along() -> None:
    odd = case(optimizer={"kind": "sgd", "learning_rate": 5.0}, learning_rate=5.0, l2=3.0)
    after = settings_after("usual_optimizer", odd)
    assert (after.optimizer, after.learning_rate, after.l2) == (ADAMW, 1e-3, 0.0)
    assert after.clip_norm == 1.0


@pytest.mark.parametrize(
    ("name", "option", "usual"), [("usual_momentum", "beta1", 0.9), ("usual_epsilon", "epsilon", 1e-8)]
)  # fmt: skip
def test_an_option_far_from_usual_is_put_back(name: str, option: str, usual: float) -> None:
    far = case(optimizer={**ADAMW, option: 0.999})
    assert settings_after(name, far).optimizer == {**ADAMW, option: usual}
    assert CURES[name].apply(case()) is None


def test_more_epochs_are_as_many_as_the_data_would_get_or_three_times_as_many() -> None:
    assert settings_after("more_epochs", case(epochs=1)).epochs == 40
    assert settings_after("more_epochs", case(epochs=50)).epochs == 150


def test_a_schedule_that_is_usual_already_stays() -> None:
    after = settings_after("schedule", case(schedule={"kind": "step"}))
    assert after.schedule == USUAL.schedule
    assert CURES["schedule"].apply(case()) is None


def test_batches_grow_unless_all_rows_are_in_one() -> None:
    assert settings_after("larger_batches", case(batch_size=1)).batch_size == 64
    assert settings_after("larger_batches", case()).batch_size == 256
    assert CURES["larger_batches"].apply(case(batch_size=0)) is None


def test_stopping_early_applies_where_nothing_stops() -> None:
    assert settings_after("stop_early", case(patience=0)).patience == 20
    assert CURES["stop_early"].apply(case()) is None


def test_the_loss_is_put_back_to_that_of_the_task() -> None:
    odd = case(loss={"kind": "mean_squared_error"})
    assert settings_after("cross_entropy", odd).loss == USUAL.loss
    assert CURES["cross_entropy"].apply(case()) is None


def test_rare_classes_count_more_once() -> None:
    assert settings_after("balance", case()).class_weight == "balanced"
    assert CURES["balance"].apply(case(class_weight="balanced")) is None


def test_decay_and_penalties_are_lowered_where_they_are_strong() -> None:
    strong = case(weight_decay=100.0, optimizer={**ADAMW, "weight_decay": 100.0})
    after = settings_after("less_decay", strong)
    assert (after.weight_decay, after.optimizer) == (0.01, {**ADAMW, "weight_decay": 0.01})
    assert settings_after("less_decay", case(l2=10.0)).l2 == 0.0
    assert CURES["less_decay"].apply(case()) is None


def test_decay_is_added_and_never_without_end() -> None:
    assert settings_after("weight_decay", case(weight_decay=0.0)).weight_decay == 0.01
    assert settings_after("weight_decay", case(weight_decay=0.1)).weight_decay == 1.0
    assert CURES["weight_decay"].apply(case(weight_decay=1.0)) is None


def test_dropout_is_lowered_where_it_lets_little_through() -> None:
    heavy = Network(Dense(8, activation="relu"), Dropout(0.95), Residual(Dropout(0.3)), Dense(3))
    lowered = Network(Dense(8, activation="relu"), Dropout(0.2), Residual(Dropout(0.3)), Dense(3))
    assert network_after("less_dropout", case(heavy)) == lowered
    assert CURES["less_dropout"].apply(case(lowered)) is None
    bare = Network(Dense(8, activation="relu"), Dropout(0.0), Residual(Dropout(0.0)), Dense(3))
    assert network_after("no_dropout", case(lowered)) == bare
    assert CURES["no_dropout"].apply(case()) is None


def test_regularising_adds_dropout_and_decay() -> None:
    changed = CURES["regularise"].apply(case(weight_decay=0.0))
    assert changed is not None
    settings, network = changed
    assert settings.weight_decay == 0.01
    relu, drop = Dense(8, activation="relu"), Dropout(0.2)
    assert network == Network(relu, drop, relu, drop, Dense(3))


def test_relu_takes_the_place_of_what_squashes_with_weights_to_suit() -> None:
    own = Initializer("glorot_normal")
    squashing = Network(
        Dense(8, activation="tanh", initializer=own), Dense(8), Activation("sigmoid"), Dense(3)
    )
    suited = Network(Dense(8, activation="relu"), Dense(8), Activation("relu"), Dense(3))
    assert network_after("relu", case(squashing)) == suited
    assert CURES["relu"].apply(case()) is None


def test_the_head_keeps_its_activation_where_hidden_layers_change() -> None:
    headed = Network(Dense(8, activation="tanh"), Dense(1, activation="sigmoid"))
    changed = Network(Dense(8, activation="relu"), Dense(1, activation="sigmoid"))
    assert network_after("relu", case(headed)) == changed


def test_leaky_relu_takes_the_place_of_relu() -> None:
    leaky = Dense(8, activation="leaky_relu")
    assert network_after("leaky_relu", case()) == Network(leaky, leaky, Dense(3))


def test_initialisers_that_were_chosen_are_let_go() -> None:
    chosen = Network(
        Conv(4, kernel=3, activation="relu", initializer="zeros"), Residual(Dense(8)), Dense(3)
    )
    assert network_after("initialise", case(chosen)) == Network(
        Conv(4, kernel=3, activation="relu"), Residual(Dense(8)), Dense(3)
    )
    assert CURES["initialise"].apply(case()) is None


def test_normalisation_comes_between_a_map_and_its_activation() -> None:
    apart = [Dense(8), BatchNorm(), Activation("relu")]
    normalised = Network(*apart, *apart, Dense(3))
    assert network_after("normalise", case()) == normalised
    assert CURES["normalise"].apply(case(normalised)) is None


def test_inputs_are_normalised_before_the_first_layer_with_weights() -> None:
    assert network_after("standardise", case()) == Network(BatchNorm(), *PLAIN.layers)
    assert CURES["standardise"].apply(case(Network(BatchNorm(), *PLAIN.layers))) is None


def test_an_activation_comes_where_there_is_none() -> None:
    linear = Network(Dense(8), Dense(8), Dense(3))
    assert network_after("activation", case(linear)) == PLAIN
    assert CURES["activation"].apply(case()) is None


def test_a_way_around_is_put_to_layers_as_wide_as_what_they_get() -> None:
    relu = Dense(8, activation="relu")
    assert network_after("residual", case()) == Network(relu, Residual(relu), Dense(3))
    assert CURES["residual"].apply(case(Network(Dense(8), Dense(3)))) is None


@pytest.mark.parametrize("name", ["linear_head", "logits", "sigmoid_head"])
def test_the_last_activation_is_taken_away(name: str) -> None:
    inside = Network(Dense(8), Dense(3, activation="softmax"))
    behind = Network(Dense(8), Dense(3), Activation("softmax"))
    bare = Network(Dense(8), Dense(3))
    assert network_after(name, case(inside)) == bare
    assert network_after(name, case(behind)) == bare
    assert CURES[name].apply(case(bare)) is None


# What a rule names that cannot be done to our settings or networks: advice for programs written by
# hand. Our training shuffles rows and scales targets itself.
ADVICE = {"shuffle", "scale_target"}


def test_every_cure_that_a_rule_names_is_there() -> None:
    import re
    from pathlib import Path

    folder = Path(inspect.getfile(rule_modules)).parent
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    named = set(re.findall(r'cure="(\w+)"', text))
    assert named
    assert named - ADVICE <= set(CURES)


def test_prescriptions_name_symptoms_and_cures_that_are_known() -> None:
    assert set(PRESCRIBED) <= set(RULES)
    assert all(name in CURES for names in PRESCRIBED.values() for name in names)


def test_every_cure_says_in_words_what_it_does() -> None:
    assert all(cure.words.endswith(".") and cure.words[0].isupper() for cure in CURES.values())


def test_every_cure_leaves_what_it_was_given_as_it_was() -> None:
    for cure in CURES.values():
        given = case(optimizer={**ADAMW, "weight_decay": 50.0}, weight_decay=50.0, l2=1.0)
        before = repr(given)
        cure.apply(given)
        assert repr(given) == before, cure.name


def test_a_rate_far_off_is_tried_before_anything_else_where_nothing_is_learnt() -> None:
    slow = case(number=12, evidence={"update_to_weight": 1e-7})
    fast = case(number=12, evidence={"update_to_weight": 0.5})
    assert cures_for(slow)[0].name == "raise_learning_rate"
    assert cures_for(fast)[0].name == "lower_learning_rate"


def test_a_cure_that_only_the_finding_names_comes_last() -> None:
    assert cures_for(case(number=22, cure="clip"))[-1].name == "clip"
    assert [cure.name for cure in cures_for(case(cure="clip"))] == ["clip"]
    assert cures_for(case(cure="unheard_of")) == ()


def test_proposals_are_changes_one_at_a_time() -> None:
    given = case(number=6)
    for proposal in proposals(given):
        is_network = proposal.network != given.network
        assert is_network != (proposal.settings != given.settings)
