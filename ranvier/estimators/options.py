"""The settings of a training that are no parameters of an estimator: `settings={...}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ranvier.core.errors import ConfigError, suggestion
from ranvier.runs.settings import TrainSettings

# Parameters of the estimator itself that are settings of the same name.
PARAMETERS = (
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

# What an estimator is told in another way, or has no use for.
_ELSEWHERE = {
    **{name: f"set the parameter {name}" for name in (*PARAMETERS, "network", "class_weight")},
    "seed": "set the parameter random_state",
    "target": "y is the target",
    "task": "take rv.NetworkClassifier or rv.NetworkRegressor",
    "weight": "give sample_weight to fit",
    "validation": "set the parameter validation_fraction",
    "test": "hold rows out with scikit-learn's own train_test_split",
    "test_fraction": "hold rows out with scikit-learn's own train_test_split",
    "preflight": "an estimator fits what it is given; rv.train looks at it first",
    "heal": "an estimator trains as it is told; rv.train can mend itself",
    "checkpoint_seconds": "an estimator writes no checkpoints; leave it out",
}
NAMES = tuple(
    field.name for field in dataclasses.fields(TrainSettings) if field.name not in _ELSEWHERE
)


def refuse_unknown(settings: Any, *, where: str) -> None:
    """Every name of `settings` is one that an estimator passes on to its training.

    Raises:
        ConfigError: for all that are not, each with the nearest or with what to use instead.
    """
    if settings is None:
        return
    if not isinstance(settings, Mapping):
        raise ConfigError(
            f"{where}: settings={settings!r}: expected a mapping such as {{'clip_norm': 1.0}}."
        )
    problems = list(_problems(settings, where))
    if problems:
        raise ConfigError("\n".join(problems))


def _problems(names: Iterable[Any], where: str) -> Iterable[str]:
    for given in names:
        # A dotted name reaches into a setting that is itself a mapping.
        name = str(given).partition(".")[0]
        if name in _ELSEWHERE:
            yield f"{where}: settings cannot hold {given!r}: {_ELSEWHERE[name]}."
        elif name not in NAMES:
            yield f"{where}: unknown setting {given!r}. {suggestion(name, NAMES)}"
