"""Every metric in a reader's words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricWords:
    """How a metric is called, which way is better, and what it says."""

    name: str
    meaning: str
    is_higher_better: bool = True


_MEASURES = {
    "precision": ("precision", "of the rows called so, the share that are"),
    "recall": ("recall", "of the rows that are so, the share found"),
    "f1": ("F1", "precision and recall in one"),
    "f2": ("F2", "precision and recall in one, recall twice as dear"),
    "f0_5": ("F0.5", "precision and recall in one, precision twice as dear"),
    "iou": ("intersection over union", "of what is or is called so, the share that is both"),
    "dice": ("Dice", "twice what is and is called so, over the sum of the two"),
}
_AVERAGES = {
    "": ("", " (second class)"),
    "_macro": (", mean over classes", ", classes equal"),
    "_micro": (", all classes together", ", rows equal"),
    "_weighted": (", classes by their size", ", large classes count more"),
    "_rows": (", mean over rows", " (labels of one row)"),
}

METRICS = {
    **{
        measure + average: MetricWords(name + of_what, meaning + how)
        for average, (of_what, how) in _AVERAGES.items()
        for measure, (name, meaning) in _MEASURES.items()
    },
    "accuracy": MetricWords("accuracy", "share of rows answered right"),
    "balanced_accuracy": MetricWords(
        "balanced accuracy", "share answered right, mean over classes"
    ),
    "roc_auc": MetricWords(
        "ROC AUC", "chance that a row of the class ranks above a row outside it; 0.5 is guessing"
    ),
    "average_precision": MetricWords("average precision", "area under precision against recall"),
    **{
        f"top_{k}_accuracy": MetricWords(
            f"top-{k} accuracy", f"share with the truth among the first {k}"
        )
        for k in (2, 3, 5, 10)
    },
    "matthews": MetricWords("Matthews correlation", "1 is perfect, 0 is guessing"),
    "cohen_kappa": MetricWords("Cohen's kappa", "agreement beyond chance; 1 is perfect"),
    "log_loss": MetricWords("log loss", "mean surprise at the truth; 0 is perfect", False),
    "brier": MetricWords("Brier score", "mean squared error of the probabilities", False),
    "expected_calibration_error": MetricWords(
        "calibration error", "mean gap between the probabilities stated and what came true", False
    ),
    "r2": MetricWords("R²", "share of the variance explained; 0 is answering the mean"),
    "rmse": MetricWords("root mean squared error", "typical error, large ones weigh more", False),
    "mse": MetricWords("mean squared error", "mean of the squared errors", False),
    "mae": MetricWords("mean absolute error", "mean size of the error", False),
    "mape": MetricWords("mean absolute percentage error", "mean relative error", False),
    "median_absolute_error": MetricWords(
        "median absolute error", "half of the errors are smaller", False
    ),
    "explained_variance": MetricWords("explained variance", "R² with the mean error forgiven"),
    "pearson": MetricWords("Pearson correlation", "linear agreement; 1 is perfect"),
    "spearman": MetricWords("Spearman correlation", "agreement of the order; 1 is perfect"),
    "kendall": MetricWords(
        "Kendall correlation", "pairs in the right order less those in the wrong"
    ),
    "concordance": MetricWords("concordance", "agreement in value; 1 is perfect"),
    "concordance_index": MetricWords(
        "concordance index", "pairs in the right order; 0.5 is guessing"
    ),
    "smape": MetricWords(
        "symmetric percentage error", "mean error relative to both numbers", False
    ),
    "linear_kappa": MetricWords("linear kappa", "agreement beyond chance, by steps apart"),
    "quadratic_kappa": MetricWords(
        "quadratic kappa", "agreement beyond chance, by squared steps apart"
    ),
    "maximum_calibration_error": MetricWords(
        "largest calibration error", "largest gap between what was stated and what came true", False
    ),
    "exact_match": MetricWords("exact match", "share of rows right in every part"),
    "hamming_loss": MetricWords("Hamming loss", "share of labels answered wrongly", False),
    "pinball": MetricWords("pinball loss", "mean error of the quantiles", False),
    "crps_quantiles": MetricWords("CRPS", "error of the predicted distribution", False),
    "crps_samples": MetricWords("CRPS", "error of the predicted distribution", False),
    "crps_gaussian": MetricWords("CRPS", "error of the predicted distribution", False),
    "interval_coverage": MetricWords("coverage", "share of truths inside the interval"),
    "coverage_error": MetricWords(
        "coverage error", "how far coverage is from what was promised", False
    ),
    "interval_width": MetricWords("interval width", "mean width of the interval", False),
    "interval_score": MetricWords("interval score", "width, and a fine for truths outside", False),
    "mase": MetricWords(
        "scaled error", "error relative to saying again what was; 1 is no better", False
    ),
    "rmsse": MetricWords(
        "scaled squared error", "as the scaled error, large errors weigh more", False
    ),
    "perplexity": MetricWords(
        "perplexity", "tokens the model had to guess among; 1 is perfect", False
    ),
    "bits_per_character": MetricWords(
        "bits per character", "what the text takes to write down", False
    ),
    "bleu": MetricWords("BLEU", "runs of words found in the references"),
    "rouge_1": MetricWords("ROUGE-1", "words shared with the reference"),
    "rouge_2": MetricWords("ROUGE-2", "pairs of words shared with the reference"),
    "rouge_l": MetricWords("ROUGE-L", "words in the reference's order"),
    "edit_distance": MetricWords("edit distance", "characters to mend in a text", False),
    "character_error_rate": MetricWords(
        "character error rate", "share of characters to mend", False
    ),
    "word_error_rate": MetricWords("word error rate", "share of words to mend", False),
    "episode_return": MetricWords("return", "sum of the rewards of an episode"),
    "discounted_return": MetricWords(
        "discounted return", "sum of the rewards, late ones count less"
    ),
    "episode_length": MetricWords("episode length", "steps of an episode"),
    "loss": MetricWords("loss", "what training makes small", False),
}
