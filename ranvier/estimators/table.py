"""X, y and weights, as scikit-learn's callers bring them, to one table."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_sample_weight, validate_data

from ranvier.data.tabular import read_table

TARGET, WEIGHT = "target of the row", "weight of the row"
# Whole weights are spelled out as rows only while the table stays of a size like its own.
_MOST_REPEATED = 10


def checked(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    *,
    is_first: bool = True,
    least_rows: int = 2,
    y_numeric: bool = False,
) -> Any:
    """X and y as scikit-learn checks them; a frame with columns of words is left as it is.

    Rows that are not the first ones are held against the columns of the first.
    """
    if not _has_words(X):
        return validate_data(
            estimator,
            X,
            y,
            reset=is_first,
            ensure_all_finite="allow-nan",
            dtype="numeric",
            ensure_min_samples=least_rows,
            y_numeric=y_numeric,
        )
    validate_data(estimator, X, reset=is_first, skip_check_array=True)
    y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    if len(y) < least_rows:
        raise ValueError(
            f"{type(estimator).__name__}: {len(y)} rows; expected at least {least_rows}. "
            "Bring more rows."
        )
    return X, y


def checked_again(estimator: BaseEstimator, X: Any) -> Any:
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


def rows_of(X: Any, y: np.ndarray, sample_weight: Any) -> tuple[polars.DataFrame, bool]:
    """X and y as one table, and whether it has a column of weights.

    A row that weighs 0 is left out, and whole weights are counts: a row that weighs 2 comes twice.
    Rows are sorted, so that neither their order nor how often each is spelled out matters.
    """
    frame = polars.DataFrame({**columns_of(X), TARGET: y})
    columns = frame.columns
    if sample_weight is None:
        return frame.sort(columns), False
    weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    if bool((weights % 1 == 0).all()) and weights.sum() <= _MOST_REPEATED * len(weights):
        return frame[np.repeat(np.arange(len(weights)), weights.astype(int))].sort(columns), False
    frame = frame.with_columns(polars.Series(WEIGHT, weights)).filter(polars.col(WEIGHT) > 0)
    return frame.sort([*columns, WEIGHT]), True


def columns_of(X: Any) -> dict[str, Any]:
    """The columns of a checked X by name; an array's are called x0, x1 and so on."""
    if hasattr(X, "columns"):
        return read_table(X).to_dict(as_series=True)
    # scikit-learn's missing number is NaN, ours is no number at all.
    return {
        f"x{place}": polars.Series(X[:, place], nan_to_null=True) for place in range(X.shape[1])
    }
