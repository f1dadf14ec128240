"""Texts against the texts that would have been right: translation, summaries, transcripts."""

# Imported to enter their metrics into METRICS.
from ranvier.metrics.texts import edits  # noqa: F401
from ranvier.metrics.texts.bleu import bleu
from ranvier.metrics.texts.rouge import rouge_l, rouge_n
from ranvier.metrics.texts.sequences import levenshtein, longest_common_subsequence
from ranvier.metrics.texts.texts import Texts, bare_words, words

__all__ = [
    "Texts",
    "bare_words",
    "bleu",
    "levenshtein",
    "longest_common_subsequence",
    "rouge_l",
    "rouge_n",
    "words",
]
