"""How good predictions are: scores in NumPy float64, named as scikit-learn names them."""

# Imported to enter their metrics into METRICS.
from ranvier.metrics import correlation, decisions, probabilities, ranking, regression  # noqa: F401
from ranvier.metrics.compute import (
    baseline,
    compute,
    default_metrics,
    higher_is_better,
    primary_metric,
)
from ranvier.metrics.metric import METRICS, Metric
from ranvier.metrics.pictures import calibration, confusion_matrix, roc_curve

__all__ = [
    "METRICS",
    "Metric",
    "baseline",
    "calibration",
    "compute",
    "confusion_matrix",
    "default_metrics",
    "higher_is_better",
    "primary_metric",
    "roc_curve",
]
