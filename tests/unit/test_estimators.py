"""The estimators in scikit-learn's hands, and with the data that people bring."""

from __future__ import annotations

import io
import pickle  # noqa: TID251 - users pack estimators, Ranvier never does
from typing import Any

import joblib  # noqa: TID251
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

import ranvier as rv
from ranvier.core.errors import ConfigError, StoppedError
from ranvier.train.trainer import Trainer

# The checks ask for a fit that is good on tiny data, so short does not mean careless.
SHORT: dict[str, Any] = {
    "network": None,
    "epochs": 30,
    "batch_size": 32,
}
QUICK: dict[str, Any] = {"epochs": 15, "batch_size": 32, "learning_rate": 0.02, "random_state": 0}


def small(outputs: int = 2) -> rv.Network:
    return rv.Network(rv.Dense(8, activation="relu"), rv.Dense(outputs))


def classifier(**changes: Any) -> rv.NetworkClassifier:
    return rv.NetworkClassifier(**{"network": small(), **QUICK, **changes})


def regressor(**changes: Any) -> rv.NetworkRegressor:
    return rv.NetworkRegressor(**{"network": small(1), **QUICK, **changes})


def people(rows: int = 200) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers with holes, words with holes, and a label of words."""
    random = np.random.default_rng(0)
    age = random.integers(18, 90, rows).astype(float)
    city = random.choice(["Ulm", "Bonn", "Kiel"], rows).astype(object)
    label = np.where(age + 30 * (city == "Ulm") > 65, "buys", "leaves")
    age[::17], city[::23] = np.nan, None
    return pd.DataFrame({"age": age, "city": city, "noise": random.normal(size=rows)}), label


@parametrize_with_checks(
    [rv.NetworkClassifier(**SHORT, random_state=0), rv.NetworkRegressor(**SHORT, random_state=0)]
)
def test_every_check_of_scikit_learn_passes(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("estimator", [rv.NetworkClassifier(), rv.NetworkRegressor()], ids=repr)
def test_every_check_passes_with_the_defaults_and_none_is_excused(estimator: Any) -> None:
    results = check_estimator(estimator, on_fail="raise", on_skip=None)
    assert len(results) > 40
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    skipped = [result["exception"] for result in results if result["status"] == "skipped"]
    # scikit-learn leaves out what needs another library (array API), for its own estimators too.
    assert all("array" in str(reason).lower() for reason in skipped)


class TestLabelsAndFrames:
    def test_labels_come_back_as_they_were(self) -> None:
        X, y = people()
        fitted = classifier().fit(X, y)
        assert fitted.classes_.tolist() == ["buys", "leaves"]
        assert set(fitted.predict(X)) == {"buys", "leaves"}
        assert fitted.score(X, y) > 0.85

    def test_a_pandas_and_a_polars_frame_give_the_same(self) -> None:
        X, y = people()
        other = pl.from_pandas(X)
        one = classifier().fit(X, y).predict_proba(X)
        assert np.allclose(classifier().fit(other, y).predict_proba(other), one)

    def test_the_names_of_the_columns_are_kept_and_held_against_new_rows(self) -> None:
        X, y = people()
        fitted = classifier().fit(X, y)
        assert fitted.feature_names_in_.tolist() == ["age", "city", "noise"]
        assert fitted.n_features_in_ == 3
        with pytest.raises(ValueError, match="feature names"):
            fitted.predict(X.rename(columns={"age": "years"}))

    def test_missing_numbers_and_new_words_are_predicted_from(self) -> None:
        X, y = people()
        fitted = classifier().fit(X, y)
        new = pd.DataFrame({"age": [np.nan, 40.0], "city": ["Oslo", None], "noise": [0.0, np.nan]})
        assert np.isfinite(fitted.predict_proba(new)).all()

    def test_nan_in_an_array_is_a_missing_number(self) -> None:
        random = np.random.default_rng(0)
        X = random.normal(size=(120, 3))
        y = X[:, 0] * 2 + 1
        X[::9, 1] = np.nan
        fitted = regressor(epochs=60).fit(X, y)
        assert fitted.score(X, y) > 0.8


class TestWeights:
    def test_sample_weights_move_the_answer(self) -> None:
        X = np.zeros((200, 1))
        X[:, 0] = np.linspace(-1, 1, 200)
        y = np.tile([0.0, 1.0], 100)
        heavy = np.where(y == 1, 2.7, 0.3)
        fitted = regressor().fit(X, y, sample_weight=heavy)
        assert fitted.predict(X).mean() == pytest.approx(0.9, abs=0.12)

    def test_class_weights_by_label_find_the_rare_class(self) -> None:
        random = np.random.default_rng(1)
        X = random.normal(size=(400, 1))
        y = np.where(X[:, 0] + random.normal(size=400) > 1.8, "rare", "usual")
        plain = classifier().fit(X, y).predict(X)
        weighed = classifier(class_weight={"rare": 8.0, "usual": 1.0}).fit(X, y).predict(X)
        balanced = classifier(class_weight="balanced").fit(X, y).predict(X)
        found = [(p[y == "rare"] == "rare").mean() for p in (plain, weighed, balanced)]
        assert found[1] > found[0] + 0.2
        assert found[2] > found[0] + 0.2


class TestInScikitLearnsHands:
    def test_in_a_pipeline(self) -> None:
        random = np.random.default_rng(0)
        X = random.normal(loc=100, scale=30, size=(200, 3))
        y = (X[:, 0] > 100).astype(int)
        assert make_pipeline(StandardScaler(), classifier()).fit(X, y).score(X, y) > 0.9

    def test_in_a_grid_search(self) -> None:
        X, y = people(120)
        grid = {"learning_rate": [1e-6, 0.02], "network": [small()]}
        search = GridSearchCV(classifier(), grid, cv=2, error_score="raise").fit(X, y)
        assert search.best_params_["learning_rate"] == 0.02

    def test_calibrated(self) -> None:
        X, y = people(120)
        model = CalibratedClassifierCV(classifier(), cv=2).fit(X, y)
        assert model.predict_proba(X).sum(1) == pytest.approx(1)
        assert model.score(X, y) > 0.8

    def test_cross_validated(self) -> None:
        X, y = people()
        assert cross_val_score(classifier(), X, y, cv=3).mean() > 0.8

    def test_cloned_and_set(self) -> None:
        model = classifier(optimizer=rv.SGD(0.1, momentum=0.9), class_weight="balanced")
        copy = clone(model)
        assert copy.get_params() == model.get_params()
        assert not hasattr(copy, "model_")
        assert copy.set_params(epochs=3).epochs == 3
        with pytest.raises(ValueError, match="Invalid parameter 'epocs'"):
            copy.set_params(epocs=3)

    def test_a_clone_with_its_seed_gives_the_same_and_another_seed_does_not(self) -> None:
        X, y = people()
        first = classifier().fit(X, y).predict_proba(X)
        assert (clone(classifier()).fit(X, y).predict_proba(X) == first).all()
        assert (classifier(random_state=1).fit(X, y).predict_proba(X) != first).any()

    def test_a_random_state_object_is_drawn_from(self) -> None:
        X, y = people()
        state = np.random.RandomState(3)
        first = classifier(random_state=state).fit(X, y).predict_proba(X)
        assert (classifier(random_state=state).fit(X, y).predict_proba(X) != first).any()

    @pytest.mark.parametrize("through", [pickle, joblib])
    def test_a_fitted_estimator_is_packed_and_unpacked(self, through: Any) -> None:
        X, y = people()
        fitted = classifier().fit(X, y)
        file = io.BytesIO()
        through.dump(fitted, file)
        file.seek(0)
        again = through.load(file)
        assert (again.predict_proba(X) == fitted.predict_proba(X)).all()
        assert again.history_ == fitted.history_


class TestWhatAFitLeaves:
    def test_epochs_history_and_network(self) -> None:
        X, y = people()
        fitted = classifier(patience=0).fit(X, y)
        assert fitted.n_iter_ == QUICK["epochs"] == len(fitted.history_.epochs)
        assert 1 <= fitted.best_epoch_ <= fitted.n_iter_
        assert fitted.network_ == small()
        assert fitted.decision_function(X).shape == (200,)

    def test_three_classes_have_a_column_each(self) -> None:
        random = np.random.default_rng(0)
        X = random.normal(size=(150, 2))
        y = X[:, 0].argsort().argsort() // 50
        fitted = classifier(network=small(3)).fit(X, y)
        assert fitted.predict_proba(X).shape == fitted.decision_function(X).shape == (150, 3)

    def test_nothing_is_predicted_before_a_fit(self) -> None:
        with pytest.raises(NotFittedError):
            classifier().predict(people()[0])

    def test_one_class_is_refused(self) -> None:
        X, _ = people()
        with pytest.raises(ValueError, match="y holds one class, 'buys'; expected at least two"):
            classifier().fit(X, np.array(["buys"] * 200))

    def test_a_value_out_of_bounds_is_refused_by_name(self) -> None:
        X, y = people()
        with pytest.raises(ConfigError, match="NetworkClassifier: epochs=0: expected a number of"):
            classifier(epochs=0).fit(X, y)

    def test_ctrl_c_ends_a_search_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def stop(_: Trainer) -> None:
            raise StoppedError("stopped after 3 steps", exit_code=130)

        monkeypatch.setattr(Trainer, "run", stop)
        X, y = people(60)
        with pytest.raises(KeyboardInterrupt):
            GridSearchCV(classifier(), {"epochs": [1]}, cv=2).fit(X, y)
