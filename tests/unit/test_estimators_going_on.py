"""Training that goes on: partial_fit, warm_start, and the settings that reach a training."""

from __future__ import annotations

import io
import pickle  # noqa: TID251 - users pack estimators, Ranvier never does
from typing import Any

import joblib  # noqa: TID251
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import ranvier as rv
from ranvier.core.errors import ConfigError, DivergedError

QUICK: dict[str, Any] = {"batch_size": 32, "learning_rate": 0.02, "random_state": 0}


def small(outputs: int = 3) -> rv.Network:
    return rv.Network(rv.Dense(8, activation="relu"), rv.Dropout(0.1), rv.Dense(outputs))


def classifier(**changes: Any) -> rv.NetworkClassifier:
    return rv.NetworkClassifier(**{"network": small(), **QUICK, **changes})


def regressor(**changes: Any) -> rv.NetworkRegressor:
    return rv.NetworkRegressor(**{"network": small(1), **QUICK, **changes})


def iris() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order], y[order]


def words(X: np.ndarray, y: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Iris with a column of words, and labels of words in another order than their numbers."""
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    frame["place"] = np.where(X[:, 0] > 6, "hill", "dale")
    return frame, np.array(["rosy", "plain", "blue"])[y]


class TestPartialFitOfAClassifier:
    def test_over_pieces_of_a_table_it_learns_what_a_fit_learns(self) -> None:
        X, y = iris()
        model = classifier()
        for _ in range(8):
            for rows in np.array_split(np.arange(150), 5):
                model.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
        whole = classifier(epochs=40).fit(X, y)
        assert model.score(X, y) > 0.93
        assert model.score(X, y) > whole.score(X, y) - 0.04
        assert model.n_iter_ == model.best_epoch_ == len(model.history_.epochs) == 40

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"settings": {"average_decay": 0.9, "clip_norm": 1.0}},
            {"optimizer": rv.SGD(0.1, momentum=0.9)},
        ],
        ids=["plain", "averaged", "momentum"],
    )
    def test_calls_with_the_same_rows_are_a_fit_at_a_constant_rate_to_the_bit(
        self, changes: dict[str, Any]
    ) -> None:
        X, y = iris()
        model = classifier(**changes)
        for _ in range(3):
            model.partial_fit(X, y, classes=[0, 1, 2])
        changes = {**changes, "schedule": "constant", "validation_fraction": 0.0}
        whole = classifier(**changes, epochs=3).fit(X, y)
        assert (model.predict_proba(X) == whole.predict_proba(X)).all()
        assert model.history_ == whole.history_

    def test_the_state_of_the_optimiser_goes_on_and_is_packed_along(self) -> None:
        X, y = iris()
        for through in (pickle, joblib):
            model = classifier().partial_fit(X, y, classes=[0, 1, 2])
            file = io.BytesIO()
            through.dump(model, file)
            file.seek(0)
            again = through.load(file)
            after = model.partial_fit(X, y).predict_proba(X)
            assert (again.predict_proba(X) != after).any()
            assert (again.partial_fit(X, y).predict_proba(X) == after).all()

    def test_classes_stand_in_sorted_order_and_may_come_late(self) -> None:
        X, y = words(*iris())
        is_first = y != "plain"
        model = classifier()
        model.partial_fit(X[is_first], y[is_first], classes=["rosy", "plain", "blue"])
        assert model.classes_.tolist() == ["blue", "plain", "rosy"]
        assert model.predict_proba(X).shape == (150, 3)
        assert model.predict_proba(X)[:, 1].mean() < 0.33
        for _ in range(30):
            model.partial_fit(X, y)
        assert model.score(X, y) > 0.9

    def test_a_first_piece_may_hold_one_class_and_a_later_one_a_single_row(self) -> None:
        X, y = iris()
        one = y == 1
        model = classifier(network=small(9))
        model.partial_fit(X[one][:10], y[one][:10], classes=range(9))
        model.partial_fit(X[:1], y[:1])
        assert model.predict_proba(X).shape == (150, 9)
        assert model.n_iter_ == 2

    def test_a_first_piece_of_one_row_has_nothing_to_encode_by(self) -> None:
        X, y = iris()
        with pytest.raises(ValueError, match="no column is left to learn from"):
            classifier().partial_fit(X[:1], y[:1], classes=[0, 1, 2])

    @pytest.mark.parametrize("labels", [[False, True], ["no", "yes"], [-1, 1]])
    def test_labels_of_two_classes_are_of_any_type(self, labels: list[Any]) -> None:
        X, y = iris()
        labelled = np.array(labels)[(y == 0).astype(int)]
        model = classifier(network=small(1))
        for _ in range(20):
            model.partial_fit(X, labelled, classes=labels)
        assert model.classes_.tolist() == labels
        assert model.score(X, labelled) > 0.95

    def test_the_encoder_is_that_of_the_first_call_and_new_words_are_missing_ones(self) -> None:
        X, y = words(*iris())
        model = classifier().partial_fit(X, y, classes=np.unique(y))
        encoder = model.model_.encoder
        other = X.assign(a=X["a"] * 100, place="moor")
        model.partial_fit(other, y)
        assert model.model_.encoder is encoder
        assert np.isfinite(model.predict_proba(other)).all()

    def test_pieces_come_as_polars_frames_too(self) -> None:
        X, y = words(*iris())
        one, other = classifier(), classifier()
        for _ in range(2):
            one.partial_fit(X, y, classes=np.unique(y))
            other.partial_fit(pl.from_pandas(X), y, classes=np.unique(y))
        assert (one.predict_proba(X) == other.predict_proba(pl.from_pandas(X))).all()

    def test_other_columns_are_refused(self) -> None:
        X, y = iris()
        model = classifier().partial_fit(X, y, classes=[0, 1, 2])
        with pytest.raises(ValueError, match="X has 3 features, but NetworkClassifier is expecti"):
            model.partial_fit(X[:, :3], y)
        frame, labels = words(X, y)
        named = classifier().partial_fit(frame, labels, classes=np.unique(labels))
        with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- e"):
            named.partial_fit(frame.rename(columns={"a": "e"}), labels)

    def test_classes_that_cannot_be_are_refused(self) -> None:
        X, y = iris()
        with pytest.raises(ValueError, match="classes must be passed on the first call to part"):
            classifier().partial_fit(X, y)
        with pytest.raises(ValueError, match=r"classes=\[1\]; expected at least two"):
            classifier().partial_fit(X, y, classes=[1])
        model = classifier().partial_fit(X, y, classes=[0, 1, 2])
        with pytest.raises(ValueError, match=r"classes=\[0, 1\] is not the same as on the first"):
            model.partial_fit(X, y, classes=[0, 1])

    def test_labels_that_are_not_known_are_refused_with_the_nearest(self) -> None:
        X, y = words(*iris())
        model = classifier().partial_fit(X, y, classes=np.unique(y))
        strange = np.where(y == "plain", "plane", y)
        with pytest.raises(ValueError, match="y holds 'plane'; expected .* Did you mean 'plain'"):
            model.partial_fit(X, strange)

    def test_weights_of_rows_and_of_classes_move_the_answer(self) -> None:
        X, y = np.linspace(-1, 1, 200)[:, None], np.tile([0, 1], 100)
        heavy = np.where(y == 1, 2.7, 0.3)
        by_row, by_class = classifier(), classifier(class_weight={0: 0.3, 1: 2.7})
        for _ in range(15):
            by_row.partial_fit(X, y, classes=[0, 1, 2], sample_weight=heavy)
            by_class.partial_fit(X, y, classes=[0, 1, 2])
        assert by_row.predict_proba(X)[:, 1].mean() == pytest.approx(0.9, abs=0.1)
        assert (by_row.predict_proba(X) == by_class.predict_proba(X)).all()

    def test_balanced_weights_need_all_rows(self) -> None:
        X, y = iris()
        with pytest.raises(ValueError, match="class_weight='balanced' needs all rows at once"):
            classifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])

    def test_rows_that_are_none_or_weigh_nothing_are_refused(self) -> None:
        X, y = words(*iris())
        with pytest.raises(ValueError, match="must contain at least one non-zero number"):
            classifier().partial_fit(X, y, classes=np.unique(y), sample_weight=np.zeros(150))
        with pytest.raises(ValueError, match="0 rows; expected at least 1. Bring more rows"):
            classifier().partial_fit(X[:0], y[:0], classes=np.unique(y))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            classifier().partial_fit(X, y[:9], classes=np.unique(y))

    def test_the_rate_may_be_set_between_calls(self) -> None:
        X, y = iris()
        model = classifier().partial_fit(X, y, classes=[0, 1, 2])
        model.set_params(learning_rate=0.005, batch_size=0).partial_fit(X, y)
        assert model.history_.series("learning_rate") == [0.02] * 5 + [0.005]
        with pytest.raises(ConfigError, match="NetworkClassifier: batch_size=-1: expected a numb"):
            model.set_params(batch_size=-1).partial_fit(X, y)

    def test_a_call_that_fails_leaves_the_estimator_as_it_was(self) -> None:
        X, y = iris()
        model = classifier(optimizer="sgd").partial_fit(X, y, classes=[0, 1, 2])
        twin = pickle.loads(pickle.dumps(model))
        with pytest.raises(DivergedError):
            model.set_params(learning_rate=1e30).partial_fit(X, y)
        model.set_params(learning_rate=0.02).partial_fit(X, y)
        assert (model.predict_proba(X) == twin.partial_fit(X, y).predict_proba(X)).all()
        assert model.history_ == twin.history_

    def test_it_goes_on_from_a_fit_and_a_fit_begins_anew(self) -> None:
        X, y = iris()
        model = classifier(epochs=15).fit(X, y)
        fitted = model.predict_proba(X)
        model.set_params(learning_rate=1e-9).partial_fit(X, y)
        assert model.n_iter_ == 16
        assert model.predict_proba(X) == pytest.approx(fitted, abs=1e-5)
        model.set_params(learning_rate=0.02).fit(X, y)
        assert (model.predict_proba(X) == fitted).all()

    def test_a_module_of_ones_own_and_the_default_network_go_on(self) -> None:
        X, y = iris()
        for network in (nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)), None):
            model = classifier(network=network)
            for _ in range(10):
                model.partial_fit(X, y, classes=[0, 1, 2])
            assert model.score(X, y) > 0.85


class TestPartialFitOfARegressor:
    def test_over_pieces_of_a_table_it_learns(self) -> None:
        X, y = load_diabetes(return_X_y=True)
        model = regressor(learning_rate=0.003)
        for _ in range(15):
            for rows in np.array_split(np.arange(len(y)), 4):
                model.partial_fit(X[rows], y[rows])
        assert model.score(X, y) > 0.4
        assert model.n_iter_ == 60

    def test_calls_with_the_same_rows_are_a_fit_at_a_constant_rate_to_the_bit(self) -> None:
        X, y = load_diabetes(return_X_y=True)
        model = regressor().partial_fit(X, y).partial_fit(X, y)
        constant = {"schedule": "constant", "validation_fraction": 0.0, "epochs": 2}
        whole = regressor(**constant).fit(X, y)
        assert (model.predict(X) == whole.predict(X)).all()

    def test_a_first_piece_of_one_value_gives_the_target_a_spread_of_one(self) -> None:
        X, _ = iris()
        model = regressor().partial_fit(X[:9], np.full(9, 7.0))
        encoder = model.model_.encoder
        assert (encoder.target_center, encoder.target_scale) == (7.0, 1.0)
        assert model.partial_fit(X, X[:, 0]).predict(X).shape == (150,)


class TestWarmStart:
    def test_a_further_fit_starts_from_the_weights(self) -> None:
        X, y = iris()
        cold, warm = classifier(epochs=4), classifier(epochs=4, warm_start=True)
        first = warm.fit(X, y).history_.series("train.loss")
        assert cold.fit(X, y).history_.series("train.loss") == first
        encoder = warm.model_.encoder
        assert cold.fit(X, y).history_.series("train.loss") == first
        assert warm.fit(X, y).history_.series("train.loss")[0] < first[-1]
        assert warm.model_.encoder is encoder
        assert warm.n_iter_ == 4

    def test_the_weights_it_starts_from_are_those_that_were_kept_to_the_bit(self) -> None:
        X, y = iris()
        model = classifier(epochs=4, warm_start=True, optimizer="sgd", learning_rate=1e-30)
        first = model.fit(X, y).predict_proba(X)
        assert (model.fit(X, y).predict_proba(X) == first).all()

    def test_rows_may_be_others_but_columns_and_labels_may_not(self) -> None:
        X, y = words(*iris())
        model = classifier(epochs=2, warm_start=True).fit(X[:100], y[:100])
        model.fit(X[100:].assign(place="moor"), y[100:], sample_weight=np.full(50, 0.5))
        assert model.classes_.tolist() == ["blue", "plain", "rosy"]
        with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missi"):
            model.fit(X.drop(columns="b"), y)
        with pytest.raises(ValueError, match="y holds 'red'; expected labels among"):
            model.fit(X, np.where(y == "rosy", "red", y))
        assert model.set_params(warm_start=False).fit(X.drop(columns="b"), y).n_features_in_ == 4

    def test_two_classes_of_three_are_enough_to_go_on(self) -> None:
        X, y = iris()
        model = classifier(epochs=2, warm_start=True, class_weight={0: 1, 1: 2, 2: 1}).fit(X, y)
        assert model.fit(X[y > 0], y[y > 0]).predict_proba(X).shape == (150, 3)

    def test_a_regressor_goes_on(self) -> None:
        X, y = load_diabetes(return_X_y=True)
        model = regressor(epochs=5, warm_start=True).fit(X, y)
        before = model.history_.series("train.loss")[-1]
        assert model.fit(X, y).history_.series("train.loss")[0] < before * 1.2


class TestSettings:
    def test_they_reach_the_training(self) -> None:
        X, y = iris()
        plain = classifier(epochs=2).fit(X, y).predict_proba(X)
        model = classifier(epochs=2, settings={"l2": 0.5, "statistics_every": 0}).fit(X, y)
        assert (model.settings_.l2, model.settings_.statistics_every) == (0.5, 0)
        assert (model.predict_proba(X) != plain).any()
        assert model.history_.of("weights") == []

    def test_an_entry_is_a_parameter_to_scikit_learn(self) -> None:
        model = classifier(settings={"clip_norm": 1.0})
        assert model.get_params()["settings__clip_norm"] == 1.0
        assert "settings__clip_norm" not in model.get_params(deep=False)
        copy = clone(model).set_params(settings__average_decay=0.9, epochs=2)
        assert copy.settings == {"clip_norm": 1.0, "average_decay": 0.9}
        assert copy.epochs == 2
        assert model.settings == {"clip_norm": 1.0}
        piped = make_pipeline(classifier()).set_params(networkclassifier__settings__l1=0.1)
        assert piped[-1].settings == {"l1": 0.1}

    def test_a_search_goes_over_an_entry(self) -> None:
        X, y = iris()
        grid = {"settings__l2": [0.0, 100.0]}
        search = GridSearchCV(classifier(epochs=10), grid, cv=2, error_score="raise").fit(X, y)
        assert search.best_params_ == {"settings__l2": 0.0}
        assert search.best_estimator_.settings == {"l2": 0.0}

    def test_what_no_training_knows_is_refused_with_the_nearest(self) -> None:
        X, y = iris()
        with pytest.raises(ConfigError, match="unknown setting 'clip_nrom'. Did you mean 'clip_no"):
            classifier(settings={"clip_nrom": 1.0}).fit(X, y)
        with pytest.raises(ConfigError, match="'acumulate'. Did you mean 'accumulate'?"):
            classifier().set_params(settings__acumulate=2)
        with pytest.raises(ConfigError, match="settings: l2=-1: expected a number of at least 0"):
            classifier(settings={"l2": -1}).fit(X, y)
        with pytest.raises(ConfigError, match="expected a mapping such as"):
            classifier(settings=[1]).fit(X, y)

    def test_what_has_a_parameter_of_its_own_is_refused_with_its_name(self) -> None:
        X, y = iris()
        with pytest.raises(ConfigError) as refused:
            classifier(settings={"seed": 3, "epochs": 2}).fit(X, y)
        assert str(refused.value) == (
            "NetworkClassifier: settings cannot hold 'seed': set the parameter random_state.\n"
            "NetworkClassifier: settings cannot hold 'epochs': set the parameter epochs."
        )


class TestDecisionFunction:
    def test_its_softmax_are_the_probabilities(self) -> None:
        X, y = iris()
        for network in (small(), None):
            model = classifier(network=network, epochs=2).fit(X, y)
            logits = model.decision_function(X)
            shares = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
            assert shares == pytest.approx(model.predict_proba(X), abs=1e-14)

    @pytest.mark.parametrize("outputs", [1, 2])
    def test_two_classes_have_one_column_of_logits_that_never_saturates(self, outputs: int) -> None:
        X, y = iris()
        model = classifier(network=small(outputs), epochs=2).fit(X, y > 0)
        positive = model.predict_proba(X)[:, 1]
        logit = model.decision_function(X)
        assert logit == pytest.approx(np.log(positive / (1 - positive)), abs=1e-9)
        last = list(model.model_.module.parameters())[-2:]
        for weight in last:
            weight.data.mul_(1e3)
        assert (model.predict_proba(X)[:, 1] == 1).sum() > 50
        far = model.decision_function(X)
        assert far == pytest.approx(1e3 * logit, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("frames", ["pandas", "polars"])
def test_a_transformer_that_hands_frames_on_is_followed(frames: str) -> None:
    X, y = words(*iris())
    transformer = make_column_transformer(
        (StandardScaler(), ["a", "b"]), remainder="passthrough", verbose_feature_names_out=False
    )
    model = make_pipeline(transformer, classifier(epochs=40)).set_output(transform=frames)
    assert model.fit(X, y).score(X, y) > 0.9
    assert model[-1].feature_names_in_.tolist() == ["a", "b", "c", "d", "place"]


def test_weights_and_classes_are_routed_as_metadata() -> None:
    X, y = iris()
    with sklearn.config_context(enable_metadata_routing=True):
        model = classifier(epochs=2).set_fit_request(sample_weight=True)
        model.set_partial_fit_request(classes=True, sample_weight=True)
        requested = model.get_metadata_routing()
        assert requested.partial_fit.requests == {"classes": True, "sample_weight": True}
        search = GridSearchCV(model.set_score_request(sample_weight=False), {"epochs": [1]}, cv=2)
        assert search.fit(X, y, sample_weight=np.ones(150)).best_estimator_.n_iter_ == 1
