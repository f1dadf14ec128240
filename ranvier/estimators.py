"""Networks in scikit-learn's manner: `fit`, `predict`, `score`, pipelines and grid search."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import polars
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_random_state, column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)
from torch import nn

from ranvier.apps.tabular import TableModel, choose
from ranvier.core.config import resolve
from ranvier.core.errors import StoppedError
from ranvier.data.tabular import read_table
from ranvier.losses import Loss
from ranvier.optim import Optimizer, Schedule
from ranvier.runs.history import History
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.train.journal import MemoryJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Silent
from ranvier.train.store import NoStore

_TARGET, _WEIGHT = "target of the row", "weight of the row"
# Whole weights are spelled out as rows only while the table stays of a size like its own.
_MOST_REPEATED = 10


class _NetworkEstimator(BaseEstimator):
    """What the classifier and the regressor share; parameters are stored as they come."""

    _task: str

    def __init__(
        self,
        network: Network | nn.Module | None = None,
        *,
        loss: str | dict[str, Any] | Loss | None = None,
        optimizer: str | dict[str, Any] | Optimizer | None = None,
        schedule: str | dict[str, Any] | Schedule | None = None,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        patience: int | None = None,
        validation_fraction: float = 0.15,
        random_state: Any = None,
    ) -> None:
        self.network = network
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit(self, X: Any, y: np.ndarray, sample_weight: Any, **settings: Any) -> Self:
        frame, weighted = _rows(X, y, sample_weight)
        settings["weight"] = _WEIGHT if weighted else None
        prepared = choose(self.network, frame, self._settings(**settings))
        job, journal = prepared.job(), MemoryJournal()
        threads = prepared.settings.threads or 1
        with machine(job.device, threads=threads, seed=prepared.settings.seed):
            try:
                outcome = job.trainer(journal, NoStore(), Silent()).run()
            except StoppedError as stop:
                # A search over settings takes any Exception for one failed fit, and goes on.
                raise KeyboardInterrupt from stop
        # In float64 a row's answer is the same in whatever company it comes, to the last digit
        # that scikit-learn's own checks look at; matrix kernels in float32 are not that exact.
        trained = TableModel(job.module.eval(), job.head, prepared.data.encoder)
        self.model_ = trained.in_float64()
        self.history_ = History(journal.records)
        self.network_ = prepared.network
        self.n_iter_ = outcome.epochs
        self.best_epoch_ = outcome.best_epoch
        return self

    def _settings(self, **settings: Any) -> TrainSettings:
        given = {
            name: _plain(getattr(self, name))
            for name in (
                "loss",
                "optimizer",
                "schedule",
                "learning_rate",
                "weight_decay",
                "epochs",
                "batch_size",
                "patience",
                "validation_fraction",
            )
        }
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        fixed = {"target": _TARGET, "task": self._task, "test_fraction": 0.0, "seed": seed}
        return resolve(TrainSettings, (type(self).__name__, {**given, **fixed, **settings}))

    def _raw(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = _checked_again(self, X)
        columns = _columns(X)
        return self.model_.raw(polars.DataFrame(columns))


class NetworkClassifier(ClassifierMixin, _NetworkEstimator):
    """A neural network that predicts a class, as a scikit-learn classifier.

    Left alone it takes the same default network and training as `ranvier train`. Numbers,
    categories, booleans, dates and missing values are encoded inside, from data frames too.

    Attributes: `classes_`, `n_features_in_`, `feature_names_in_`, `n_iter_` (epochs),
    `best_epoch_`, `network_` (the description), `history_`, `model_`.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> NetworkClassifier(random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    _task = "classification"

    def __init__(
        self,
        network: Network | nn.Module | None = None,
        *,
        loss: str | dict[str, Any] | Loss | None = None,
        optimizer: str | dict[str, Any] | Optimizer | None = None,
        schedule: str | dict[str, Any] | Schedule | None = None,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        patience: int | None = None,
        validation_fraction: float = 0.15,
        class_weight: dict[Any, float] | str | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            network,
            loss=loss,
            optimizer=optimizer,
            schedule=schedule,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            epochs=epochs,
            batch_size=batch_size,
            patience=patience,
            validation_fraction=validation_fraction,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows `X` `[N, F]` and labels `y` `[N]`."""
        X, y = _checked(self, X, y)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            (label,) = self.classes_.tolist()
            raise ValueError(
                f"{type(self).__name__}: y holds one class, {label!r}; expected at least two. "
                "Give rows of another class."
            )
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            sample_weight = by_class * _check_sample_weight(sample_weight, X)
        return self._fit(X, index, sample_weight)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities `[N, C]`, in the order of `classes_`."""
        known = self._raw(X)
        # A class all of whose rows weigh nothing was not trained on.
        probabilities = np.zeros((len(known), len(self.classes_)))
        probabilities[:, np.array(self.model_.task.classes, dtype=int)] = known
        return probabilities

    def predict(self, X: Any) -> np.ndarray:
        """A label per row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def decision_function(self, X: Any) -> np.ndarray:
        """Log-probabilities `[N, C]`; for two classes the log-odds of the second, `[N]`."""
        log_probabilities = np.log(np.clip(self.predict_proba(X), 1e-300, None))
        if len(self.classes_) == 2:
            return log_probabilities[:, 1] - log_probabilities[:, 0]
        return log_probabilities


class NetworkRegressor(RegressorMixin, _NetworkEstimator):
    """A neural network that predicts a number, as a scikit-learn regressor.

    Left alone it takes the same default network and training as `ranvier train`; the parameters
    mean what they mean there.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> NetworkRegressor(epochs=20, random_state=0).fit(X, y).score(X, y) > 0.3
    True

    Attributes: `n_features_in_`, `feature_names_in_`, `n_iter_` (epochs), `best_epoch_`,
    `network_` (the description), `history_`, `model_`.
    """

    _task = "regression"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows `X` `[N, F]` and numbers `y` `[N]`."""
        X, y = _checked(self, X, y, y_numeric=True)
        return self._fit(X, np.asarray(y, dtype=np.float64), sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """A value per row."""
        return self._raw(X)


def _checked(estimator: _NetworkEstimator, X: Any, y: Any, *, y_numeric: bool = False) -> Any:
    """X and y as scikit-learn checks them; a frame with columns of words is left as it is."""
    if not _has_words(X):
        return validate_data(
            estimator,
            X,
            y,
            ensure_all_finite="allow-nan",
            dtype="numeric",
            ensure_min_samples=2,
            y_numeric=y_numeric,
        )
    validate_data(estimator, X, skip_check_array=True)
    return X, column_or_1d(y, warn=True)


def _checked_again(estimator: _NetworkEstimator, X: Any) -> Any:
    """X to predict from, held against the X of `fit`."""
    if _has_words(X):
        validate_data(estimator, X, reset=False, skip_check_array=True)
        return X
    return validate_data(estimator, X, reset=False, ensure_all_finite="allow-nan", dtype="numeric")


def _has_words(X: Any) -> bool:
    kinds = getattr(X, "dtypes", None)
    if kinds is None or not hasattr(X, "columns"):
        return False
    listed = kinds.tolist() if hasattr(kinds, "tolist") else list(kinds)
    return not all(getattr(kind, "kind", "O") in "iufb" for kind in listed)


def _rows(X: Any, y: np.ndarray, sample_weight: Any) -> tuple[polars.DataFrame, bool]:
    """X and y as one table, and whether it has a column of weights.

    A row that weighs 0 is left out, and whole weights are counts: a row that weighs 2 comes twice.
    Rows are sorted, so that neither their order nor how often each is spelled out matters.
    """
    frame = polars.DataFrame({**_columns(X), _TARGET: y})
    columns = frame.columns
    if sample_weight is None:
        return frame.sort(columns), False
    weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    if bool((weights % 1 == 0).all()) and weights.sum() <= _MOST_REPEATED * len(weights):
        return frame[np.repeat(np.arange(len(weights)), weights.astype(int))].sort(columns), False
    frame = frame.with_columns(polars.Series(_WEIGHT, weights)).filter(polars.col(_WEIGHT) > 0)
    return frame.sort([*columns, _WEIGHT]), True


def _columns(X: Any) -> dict[str, Any]:
    """The columns of a checked X by name; an array's are called x0, x1 and so on."""
    if hasattr(X, "columns"):
        return read_table(X).to_dict(as_series=True)
    # scikit-learn's missing number is NaN, ours is no number at all.
    return {
        f"x{place}": polars.Series(X[:, place], nan_to_null=True) for place in range(X.shape[1])
    }


def _plain(value: Any) -> Any:
    return value.to_json() if isinstance(value, Loss | Optimizer | Schedule) else value
