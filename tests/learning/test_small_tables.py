"""Real tables, the default network, nothing tuned: as good as the linear model that suits them.

The mark of a table is what a linear model reaches on it in five-fold cross-validation, less two
standard errors of a mean over as many parts as there are seeds here. These tables are small and
nearly linear: a network that learns noise falls below it, one that learns nothing far below.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ranvier as rv

SEEDS = (0, 1, 2)
CLASSES = {"iris": load_iris, "wine": load_wine, "breast-cancer": load_breast_cancer}


def mark(load: Callable[..., Any], model: Any, folds: Any) -> float:
    X, y = load(return_X_y=True)
    scores = cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=folds)
    return float(scores.mean() - 2 * scores.std(ddof=1) / np.sqrt(len(SEEDS)))


def over_seeds(name: str, metric: str, folder: Path) -> float:
    runs = [rv.train(None, name, seed=seed, out=folder / str(seed)) for seed in SEEDS]
    for run in runs:
        assert run.metrics["test"][metric] > run.baseline["test"][metric] + 0.25
    return float(np.mean([run.metrics["test"][metric] for run in runs]))


@pytest.mark.parametrize("name", CLASSES)
def test_a_table_of_classes_is_learnt_as_well_as_by_logistic_regression(
    name: str, tmp_path: Path
) -> None:
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    wanted = mark(CLASSES[name], LogisticRegression(), folds)
    assert over_seeds(name, "accuracy", tmp_path) >= wanted


def test_a_table_with_a_number_to_predict_is_learnt_as_well_as_by_ridge_regression(
    tmp_path: Path,
) -> None:
    wanted = mark(load_diabetes, RidgeCV(), KFold(5, shuffle=True, random_state=0))
    assert over_seeds("diabetes", "r2", tmp_path) >= wanted
