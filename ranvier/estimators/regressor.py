"""A network as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from ranvier.estimators.base import NetworkEstimator
from ranvier.estimators.table import checked


class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """A neural network that predicts a number, as a scikit-learn regressor.

    Left alone it takes the same default network and training as `ranvier train`; the parameters
    mean what they mean there, and `settings` and `warm_start` what they mean for the classifier.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> NetworkRegressor(epochs=20, random_state=0).fit(X, y).score(X, y) > 0.3
    True

    Attributes: `n_features_in_`, `feature_names_in_`, `n_iter_` (epochs), `best_epoch_`,
    `network_` (the description), `settings_` (all that was chosen), `history_`, `model_`.
    """

    _task = "regression"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows `X` `[N, F]` and numbers `y` `[N]`; `warm_start` as for the classifier."""
        X, y = checked(self, X, y, is_first=not self._goes_on, y_numeric=True)
        return self._fit(X, np.asarray(y, dtype=np.float64), sample_weight)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train once more over these rows alone, going on from where the last call ended.

        The first call fits the encoder, the target's mean and spread too, and chooses network and
        settings; so its rows should be typical ones. All else is as for the classifier.
        """
        is_first = not hasattr(self, "model_")
        X, y = checked(self, X, y, is_first=is_first, least_rows=1, y_numeric=True)
        return self._partial_fit(
            X, np.asarray(y, dtype=np.float64), sample_weight, num_classes=None
        )

    def predict(self, X: Any) -> np.ndarray:
        """A value per row."""
        return self._raw(X)
