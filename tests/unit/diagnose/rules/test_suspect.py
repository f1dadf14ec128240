"""What to suspect where a training only shows that nothing is learnt."""

from __future__ import annotations

import pytest

from ranvier.diagnose.evidence import Evidence
from ranvier.diagnose.rules.suspect import BLAMED, suspect
from ranvier.runs.history import History
from tests.unit.diagnose.histories import STUCK, TRIALS, Training


def blamed(training: Training) -> str:
    return suspect(Evidence(training.history()))


@pytest.mark.parametrize("trial", [name for name in TRIALS if name != "as_it_is"])
def test_what_helped_when_it_was_changed_is_suspected(trial):
    assert blamed(STUCK.tried(**{trial: 0.1})) == BLAMED[TRIALS[trial]]


def test_of_several_changes_that_helped_the_best_is_suspected():
    assert blamed(STUCK.tried(rate_down=0.3, standardised=0.1, fresh=0.2)) == "preprocessing"


def test_the_optimiser_is_suspected_where_the_same_learns_in_a_plain_loop():
    assert blamed(STUCK.tried(**dict.fromkeys(TRIALS, 0.1))) == "optimizer"


def test_labels_that_no_neighbour_shares_are_suspected():
    at_chance = {"neighbours": 0.39, "neighbours_by_chance": 0.33}
    assert blamed(STUCK.knowing(labels=at_chance)) == "labels"
    assert blamed(STUCK.knowing(labels={**at_chance, "neighbours": 0.41})) == "learning_rate"


def test_where_nothing_is_known_the_learning_rate_is_suspected():
    assert suspect(Evidence(History([]))) == "learning_rate"
