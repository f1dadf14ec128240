"""What the classifier and the regressor share: parameters, training, going on with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np
import polars
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import nn

from ranvier.apps.choices import spell_out
from ranvier.apps.tabular import TableModel, choose
from ranvier.core.config import resolve
from ranvier.core.errors import StoppedError
from ranvier.data.tabular import TableEncoder, labelled_rows
from ranvier.estimators.options import PARAMETERS, refuse_unknown
from ranvier.estimators.passes import (
    Checkpoint,
    first_pass,
    from_weights,
    job_on,
    one_pass,
)
from ranvier.estimators.table import TARGET, WEIGHT, checked_again, columns_of, rows_of
from ranvier.losses import Loss
from ranvier.optim import Optimizer, Schedule
from ranvier.runs.history import History
from ranvier.runs.settings import TrainSettings
from ranvier.spec import Network
from ranvier.train.execution import settle
from ranvier.train.job import Job
from ranvier.train.journal import MemoryJournal
from ranvier.train.machine import machine
from ranvier.train.progress import Silent
from ranvier.train.store import NoStore
from ranvier.train.trainer import Outcome

_INNER = "settings__"
Result = TypeVar("Result")


class NetworkEstimator(BaseEstimator):
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
        settings: dict[str, Any] | None = None,
        warm_start: bool = False,
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
        self.settings = settings
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters; where `deep`, each entry of `settings` as `settings__name` too."""
        parameters: dict[str, Any] = super().get_params(deep)
        if deep and isinstance(self.settings, dict):
            parameters |= {f"{_INNER}{name}": value for name, value in self.settings.items()}
        return parameters

    def set_params(self, **params: Any) -> Self:
        """Set parameters; `settings__clip_norm=1.0` sets one entry of `settings`.

        Raises:
            ConfigError: for an entry that no training knows.
        """
        inner = {name: value for name, value in params.items() if name.startswith(_INNER)}
        super().set_params(**{name: params[name] for name in params.keys() - inner.keys()})
        if inner:
            entries = {name.removeprefix(_INNER): value for name, value in inner.items()}
            refuse_unknown(entries, where=type(self).__name__)
            self.settings = {**(self.settings or {}), **entries}
        return self

    @property
    def history_(self) -> History:
        """What the training recorded: of the last `fit`, and of all calls of `partial_fit`."""
        check_is_fitted(self)
        return History(self._records)

    @property
    def _goes_on(self) -> bool:
        """Whether there are weights that a further `fit` is to start from."""
        return bool(self.warm_start) and hasattr(self, "model_")

    def _fit(self, X: Any, y: np.ndarray, sample_weight: Any) -> Self:
        frame, weighted = rows_of(X, y, sample_weight)
        settings = self._settings(weight=WEIGHT if weighted else None)
        if self._goes_on:
            settings = replace(settings, threads=settings.threads or self.settings_.threads)
            job = from_weights(self.model_, self.network_, frame, settings)
            network, encoder = self.network_, self.model_.encoder
        else:
            prepared = choose(self.network, frame, settings)
            job, network, encoder = prepared.job(), prepared.network, prepared.data.encoder
        job, _ = settle(job, threads=settings.threads)
        journal = MemoryJournal()
        outcome = _on_machine(job, job.trainer(journal, NoStore(), Silent()).run)
        self._checkpoint: Checkpoint | None = None
        return self._keep(job, network, encoder, journal.records, outcome)

    def _partial_fit(
        self, X: Any, y: np.ndarray, sample_weight: Any, *, num_classes: int | None
    ) -> Self:
        frame, weighted = rows_of(X, y, sample_weight)
        weight = WEIGHT if weighted else None
        if hasattr(self, "model_"):
            network, encoder = self.network_, self.model_.encoder
            rows = labelled_rows(encoder, frame, weight=weight)
            job = job_on(self.model_, rows, None, self._settings_of_now())
            earlier, checkpoint, passes = self._records, self._checkpoint, self.n_iter_
        else:
            settings = self._settings(weight=weight)
            prepared = first_pass(self.network, frame, settings, num_classes=num_classes)
            job, network, encoder = prepared.job(), prepared.network, prepared.data.encoder
            earlier, checkpoint, passes = [], None, 0
        journal = MemoryJournal()
        outcome, self._checkpoint = _on_machine(
            job, lambda: one_pass(job, checkpoint, journal, passes=passes)
        )
        return self._keep(job, network, encoder, [*earlier, *journal.records], outcome)

    def _keep(
        self,
        job: Job,
        network: Network,
        encoder: TableEncoder,
        records: list[dict[str, Any]],
        outcome: Outcome,
    ) -> Self:
        # In float64 a row's answer is the same in whatever company it comes, to the last digit
        # that scikit-learn's own checks look at; matrix kernels in float32 are not that exact.
        self.model_ = TableModel(job.module.eval(), job.head, encoder).in_float64()
        self.network_ = network
        self.settings_ = job.settings
        self.n_iter_ = outcome.epochs
        self.best_epoch_ = outcome.best_epoch
        self._records = records
        return self

    def _settings(self, *, weight: str | None) -> TrainSettings:
        """What the parameters say; what they leave open is None."""
        where = type(self).__name__
        refuse_unknown(self.settings, where=where)
        given = {name: _plain(getattr(self, name)) for name in PARAMETERS}
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        fixed = {"target": TARGET, "task": self._task, "test_fraction": 0.0, "seed": seed}
        document = {**given, **fixed, "weight": weight}
        return resolve(
            TrainSettings, (where, document), (f"{where}: settings", self.settings or {})
        )

    def _settings_of_now(self) -> TrainSettings:
        """The settings of the first call, with the rate and batch size that may change between."""
        free = {name: getattr(self, name) for name in ("learning_rate", "batch_size")}
        now = resolve(TrainSettings, (type(self).__name__, free))
        changed = {name: getattr(now, name) for name, value in free.items() if value is not None}
        return spell_out(replace(self.settings_, **changed))

    def _raw(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._raw_of(self.model_, X)

    def _raw_of(self, model: TableModel, X: Any) -> np.ndarray:
        return model.raw(polars.DataFrame(columns_of(checked_again(self, X))))


def _on_machine(job: Job, training: Callable[[], Result]) -> Result:
    with machine(job.device, threads=job.settings.threads or 1, seed=job.settings.seed):
        try:
            return training()
        except StoppedError as stop:
            # A search over settings takes any Exception for one failed fit, and goes on.
            raise KeyboardInterrupt from stop


def _plain(value: Any) -> Any:
    return value.to_json() if isinstance(value, Loss | Optimizer | Schedule) else value
