"""How good predictions are: scores in NumPy float64, named as scikit-learn names them."""

# Imported to enter their metrics into METRICS.
from ranvier.metrics import (  # noqa: F401
    agreement,
    correlation,
    decisions,
    overlap,
    probabilities,
    ranking,
    regression,
)
from ranvier.metrics.compute import (
    baseline,
    compute,
    default_metrics,
    higher_is_better,
    primary_metric,
    score,
)
from ranvier.metrics.crps import Gaussians, Samples, crps_samples
from ranvier.metrics.decisions import top_k_accuracy
from ranvier.metrics.episodes import Episodes, discounted_return
from ranvier.metrics.forecasts import Forecasts
from ranvier.metrics.labels import Labels
from ranvier.metrics.likelihoods import Likelihoods
from ranvier.metrics.masks import Masks
from ranvier.metrics.metric import METRICS, Metric
from ranvier.metrics.overlap import dice, f_beta, iou, per_class, precision, recall
from ranvier.metrics.pictures import calibration, confusion_matrix, counts_of_labels, roc_curve
from ranvier.metrics.quantiles import Quantiles
from ranvier.metrics.rows import Classified, Regressed, Rows, rows_of
from ranvier.metrics.texts import (
    Texts,
    bare_words,
    bleu,
    levenshtein,
    longest_common_subsequence,
    rouge_l,
    rouge_n,
    words,
)

__all__ = [
    "METRICS",
    "Classified",
    "Episodes",
    "Forecasts",
    "Gaussians",
    "Labels",
    "Likelihoods",
    "Masks",
    "Metric",
    "Quantiles",
    "Regressed",
    "Rows",
    "Samples",
    "Texts",
    "bare_words",
    "baseline",
    "bleu",
    "calibration",
    "compute",
    "confusion_matrix",
    "counts_of_labels",
    "crps_samples",
    "default_metrics",
    "dice",
    "discounted_return",
    "f_beta",
    "higher_is_better",
    "iou",
    "levenshtein",
    "longest_common_subsequence",
    "per_class",
    "precision",
    "primary_metric",
    "recall",
    "roc_curve",
    "rouge_l",
    "rouge_n",
    "rows_of",
    "score",
    "top_k_accuracy",
    "words",
]
