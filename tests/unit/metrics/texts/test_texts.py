from __future__ import annotations

import math

import pytest

from ranvier.core.errors import ConfigError, DataError, ShapeError
from ranvier.metrics import Texts, bare_words, bleu, rouge_l, rouge_n, score, words

# Papineni et al. (2002), section 2.
PAPER_REFERENCES = [
    "It is a guide to action that ensures that the military will forever heed Party commands",
    "It is the guiding principle which guarantees the military forces always being under the "
    "command of the Party",
    "It is the practical guide for the army always to heed the directions of the party",
]
PAPER_CANDIDATES = [
    "It is a guide to action which ensures that the military always obeys the commands of the party",
    "It is to insure the troops forever hearing the activity guidebook that party direct",
]


def one(predicted: str, *references: str, tokenize=words) -> Texts:
    return Texts.of([list(references)], [predicted], tokenize=tokenize)


def precision(predicted: str, *references: str, n: int) -> float:
    """p_n alone: the ratio of the scores that reach up to n and up to n − 1, each to its power."""
    texts = one(predicted, *references, tokenize=bare_words)
    if n == 1:
        return bleu(texts, max_n=1)
    return bleu(texts, max_n=n) ** n / bleu(texts, max_n=n - 1) ** (n - 1)


def test_the_modified_precisions_of_the_bleu_paper_come_out():
    assert precision(PAPER_CANDIDATES[0], *PAPER_REFERENCES, n=1) == pytest.approx(17 / 18)
    assert precision(PAPER_CANDIDATES[0], *PAPER_REFERENCES, n=2) == pytest.approx(10 / 17)
    # The second is 14 words beside a nearest reference of 16, so brevity costs exp(1 − 16/14).
    brevity = math.exp(1 - 16 / 14)
    second = bleu(one(PAPER_CANDIDATES[1], *PAPER_REFERENCES, tokenize=bare_words), max_n=1)
    assert second == pytest.approx(brevity * 8 / 14)


def test_a_word_said_again_and_again_counts_as_often_as_a_reference_has_it():
    found = bleu(
        one("the the the the the the the", "the cat is on the mat", "there is a cat on the mat"),
        max_n=1,
    )
    assert found == pytest.approx(2 / 7)


def test_a_text_without_a_run_of_four_scores_nothing_unless_it_is_smoothed():
    texts = one("the cat sat on a mat", "the cat sat upon a mat")
    # 5/6 words, 3/5 pairs, 1/4 triples and 0/3 runs of four match.
    assert bleu(texts) == 0.0
    assert bleu(texts, max_n=3) == pytest.approx((5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3))
    floor = (5 / 6 * 3 / 5 * 1 / 4 * 0.1 / 3) ** (1 / 4)
    assert bleu(texts, smoothing="floor") == pytest.approx(floor)
    halved = (5 / 6 * 3 / 5 * 1 / 4 * 0.5 / 3) ** (1 / 4)
    assert bleu(texts, smoothing="exponential") == pytest.approx(halved)
    added = (5 / 6 * 4 / 6 * 2 / 5 * 1 / 4) ** (1 / 4)
    assert bleu(texts, smoothing="add_one") == pytest.approx(added)


def test_each_further_n_without_a_match_counts_half_of_the_last():
    texts = one("a x b y c", "a b c z z")
    assert bleu(texts, smoothing="exponential") == pytest.approx(
        (3 / 5 * (1 / 2) / 4 * (1 / 4) / 3 * (1 / 8) / 2) ** (1 / 4)
    )


@pytest.mark.parametrize("options", [{"smoothing": "plenty"}, {"max_n": 0}])
def test_an_option_that_bleu_does_not_have_is_refused(options):
    with pytest.raises(
        ConfigError, match="'none', 'add_one', 'floor', 'exponential' and at least 1"
    ):
        bleu(one("a", "a"), **options)


def test_the_examples_of_the_rouge_paper_come_out():
    reference = "police killed the gunman"
    in_order = one("police kill the gunman", reference)
    shuffled = one("the gunman kill police", reference)
    third = one("the gunman police killed", reference)
    assert (rouge_l(in_order), rouge_l(shuffled), rouge_l(third)) == (0.75, 0.5, 0.5)
    assert rouge_n(in_order, n=2) == rouge_n(shuffled, n=2) == pytest.approx(1 / 3)


def test_rouge_counts_against_the_reference_the_text_or_both():
    texts = one("the cat sat", "the cat sat on the mat")
    assert rouge_n(texts, n=1, measure="recall") == pytest.approx(3 / 6)
    assert rouge_n(texts, n=1, measure="precision") == 1.0
    assert rouge_n(texts, n=1) == pytest.approx(2 * 3 / (3 + 6))
    assert rouge_n(texts, n=2, measure="recall") == pytest.approx(2 / 5)
    assert rouge_l(texts, measure="recall") == pytest.approx(3 / 6)


def test_a_measure_that_rouge_does_not_have_is_refused():
    with pytest.raises(ConfigError, match="rouge: unknown measure 'recal'. Did you mean 'recall'?"):
        rouge_l(one("a", "a"), measure="recal")


def test_of_several_references_the_best_counts():
    texts = one("a dog", "the cat", "a dog ran")
    assert rouge_n(texts, n=1) == pytest.approx(4 / 5)
    scores = score(texts, names=["edit_distance", "word_error_rate", "exact_match"])
    assert scores == {"edit_distance": 4.0, "word_error_rate": 1 / 3, "exact_match": 0.0}


def test_error_rates_are_over_all_texts_together():
    texts = Texts.of(["kitten", "a b c"], ["sitting", "a c"], weights=[1, 2])
    scores = score(texts, names=["edit_distance", "character_error_rate", "word_error_rate"])
    # Three characters to mend in "sitting", two ("b" and a blank) in "a c", which counts twice.
    assert scores["edit_distance"] == pytest.approx((3 + 2 * 2) / 3)
    assert scores["character_error_rate"] == pytest.approx((3 + 2 * 2) / (6 + 2 * 5))
    assert scores["word_error_rate"] == pytest.approx((1 + 2 * 1) / (1 + 2 * 3))


def test_saying_more_than_the_reference_can_cost_more_than_all_of_it():
    assert score(one("a b c d", "x"), names=["word_error_rate"])["word_error_rate"] == 4.0


def test_silence_has_no_match_and_a_reference_of_silence_no_rate():
    silent = score(one("", "a b c d"))
    assert silent["bleu"] == silent["rouge_1"] == silent["rouge_l"] == silent["exact_match"] == 0.0
    assert silent["word_error_rate"] == silent["character_error_rate"] == 1.0
    both = score(one("", ""))
    assert {name for name, found in both.items() if math.isnan(found)} == {
        "bleu",
        "word_error_rate",
        "character_error_rate",
    }
    assert both["exact_match"] == 1.0
    assert both["rouge_1"] == both["edit_distance"] == 0.0


def test_letters_beyond_ascii_are_one_character_each():
    found = score(one("naïve 猫", "naive 犬"), names=["edit_distance"])
    assert found == {"edit_distance": 2.0}
    assert bare_words("Überraschung! 猫_犬") == ["überraschung", "猫", "犬"]


@pytest.mark.parametrize(
    ("references", "predicted", "message"),
    [
        (
            ["a", "b"],
            ["a"],
            "metrics of texts: got 1 predicted texts for 2 rows of references; exp",
        ),
        (["a"], "a", "metrics of texts: got one text for 1 rows of references; expected a list "),
        ([[]], ["a"], "metrics of texts: row 0 has no reference; expected at least one. Give an "),
        ([[1]], ["a"], "metrics of texts: row 0 holds 1; expected texts. Decode tokens into text"),
    ],
)
def test_texts_that_do_not_belong_together_are_refused_in_words(references, predicted, message):
    with pytest.raises(DataError) as caught:
        Texts.of(references, predicted)
    assert str(caught.value).startswith(message)


def test_one_weight_per_text():
    with pytest.raises(ShapeError, match="Give one weight per row"):
        Texts.of(["a"], ["a"], weights=[1, 2])
