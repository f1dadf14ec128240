"""A network as a scikit-learn classifier."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from torch import Tensor, nn
from torch.nn import functional

from ranvier.core.errors import nearest
from ranvier.estimators.base import NetworkEstimator
from ranvier.estimators.table import checked
from ranvier.losses import Loss
from ranvier.optim import Optimizer, Schedule
from ranvier.spec import Network
from ranvier.step import Head

# The logarithm of a probability that float64 cannot tell from 0.
_IMPOSSIBLE = math.log(np.finfo(np.float64).tiny)


class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """A neural network that predicts a class, as a scikit-learn classifier.

    Left alone it takes the same default network and training as `ranvier train`. Numbers,
    categories, booleans, dates and missing values are encoded inside, from data frames too.

    `class_weight` is None, "balanced", or a mapping from label to weight. `settings` holds any
    other setting of `rv.train`, such as `{"clip_norm": 1.0}`; a search reaches an entry as
    `settings__clip_norm`. With `warm_start` a further `fit` starts from the weights that there
    are, behind the same encoder.

    Attributes: `classes_`, `n_features_in_`, `feature_names_in_`, `n_iter_` (epochs),
    `best_epoch_`, `network_` (the description), `settings_` (all that was chosen), `history_`,
    `model_`.

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
        settings: dict[str, Any] | None = None,
        warm_start: bool = False,
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
            settings=settings,
            warm_start=warm_start,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows `X` `[N, F]` and labels `y` `[N]`.

        With `warm_start`, a further call trains from the weights that there are, with a new
        optimiser and the whole schedule; columns stay the same, and labels come from `classes_`.
        """
        X, y = checked(self, X, y, is_first=not self._goes_on)
        check_classification_targets(y)
        labels = np.unique(y)
        if len(labels) < 2:
            (label,) = labels.tolist()
            raise ValueError(
                f"{type(self).__name__}: y holds one class, {label!r}; expected at least two. "
                "Give rows of another class."
            )
        if not self._goes_on:
            self.classes_ = labels
        return self._fit(X, self._indices(y), self._weights(X, y, sample_weight))

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train once more over these rows alone, going on from where the last call ended.

        The first call fits the encoder, chooses network and settings, and takes all `classes`,
        those that only later calls bring too; so its rows should be typical ones. The optimiser's
        state goes on from call to call, and starts anew after a `fit`. The learning rate stays at
        `learning_rate`, which may be set anew between calls, as may `batch_size`; `epochs`,
        `schedule`, `patience` and `validation_fraction` have no part in it. N calls with the same
        rows are to the bit a `fit` of N epochs with schedule "constant" and nothing held out.

        Raises:
            ValueError: without classes on the first call, for others later, for unknown labels.
        """
        is_first = not hasattr(self, "model_")
        X, y = checked(self, X, y, is_first=is_first, least_rows=1)
        check_classification_targets(y)
        self._settle_classes(classes, is_first=is_first)
        weights = self._weights(X, y, sample_weight, is_partial=True)
        return self._partial_fit(X, self._indices(y), weights, num_classes=len(self.classes_))

    def _settle_classes(self, classes: Any, *, is_first: bool) -> None:
        name = f"{type(self).__name__}.partial_fit"
        if classes is None:
            if is_first:
                raise ValueError(
                    f"{name}: classes must be passed on the first call to partial_fit. "
                    "Give every label there will be, as in classes=[0, 1]."
                )
            return
        labels = unique_labels(classes)
        if is_first:
            if len(labels) < 2:
                raise ValueError(f"{name}: classes={labels.tolist()}; expected at least two.")
            self.classes_ = labels
        elif not np.array_equal(labels, self.classes_):
            raise ValueError(
                f"{name}: classes={labels.tolist()} is not the same as on the first call, which "
                f"was {self.classes_.tolist()}. Leave classes out, or begin with a new estimator."
            )

    def _indices(self, y: np.ndarray) -> np.ndarray:
        """The place of each label among `classes_`."""
        known = self.classes_
        strange = np.setdiff1d(y, known)
        if len(strange):
            label = strange[0].item() if hasattr(strange[0], "item") else strange[0]
            close = nearest(str(label), [str(other) for other in known.tolist()])
            hint = f" Did you mean {close!r}?" if close else ""
            raise ValueError(
                f"{type(self).__name__}: y holds {label!r}; expected labels among "
                f"{known.tolist()}, those of the first call.{hint}"
            )
        return np.searchsorted(known, y)

    def _weights(
        self, X: Any, y: np.ndarray, sample_weight: Any, *, is_partial: bool = False
    ) -> Any:
        """A weight per row from `class_weight` and `sample_weight`; None where there are none."""
        if self.class_weight is None:
            return sample_weight
        if isinstance(self.class_weight, Mapping):
            by_label = compute_class_weight(dict(self.class_weight), classes=self.classes_, y=y)
            by_class = by_label[self._indices(y)]
        elif is_partial:
            raise ValueError(
                f"{type(self).__name__}.partial_fit: class_weight={self.class_weight!r} needs all "
                "rows at once; expected a mapping from label to weight. scikit-learn's "
                "compute_class_weight makes one from a sample of the labels."
            )
        else:
            by_class = compute_sample_weight(self.class_weight, y)
        return by_class * _check_sample_weight(sample_weight, X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities `[N, C]`, in the order of `classes_`."""
        return self._by_class(self._raw(X), missing=0.0)

    def predict(self, X: Any) -> np.ndarray:
        """A label per row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits `[N, C]` whose softmax are the probabilities; for two classes the one logit of
        the second, `[N]`.

        They are log-probabilities, taken without the rounding of probabilities near 0 and 1.
        """
        check_is_fitted(self)
        head = self.model_.head
        own = {field.name: getattr(head, field.name) for field in fields(head)}
        logits = self._raw_of(replace(self.model_, head=_LogHead(**own)), X)
        logits = self._by_class(logits, missing=_IMPOSSIBLE)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def _by_class(self, known: np.ndarray, *, missing: float) -> np.ndarray:
        """Columns in the order of `classes_`; a class without any weight was not trained on."""
        columns = np.full((len(known), len(self.classes_)), missing)
        columns[:, np.array(self.model_.task.classes, dtype=int)] = known
        return columns


class _LogHead(Head):
    """Answers with the logarithms of the probabilities."""

    def predict(self, outputs: Tensor) -> Tensor:
        outputs = outputs.double()
        if self.single_logit:
            logs = functional.logsigmoid(torch.cat([-outputs, outputs], dim=-1))
        else:
            logs = torch.log_softmax(outputs, dim=-1)
        return logs if self.members is None else logs.logsumexp(1) - math.log(self.members)
