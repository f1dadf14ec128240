"""What no loss takes: shapes and options, each refused in words that say what to do."""

from __future__ import annotations

import pytest
import torch

from ranvier.core.errors import ConfigError, ShapeError
from ranvier.losses import (
    CTC,
    BinaryFocal,
    CategoricalHinge,
    Circle,
    Contrastive,
    CosineDistance,
    CosineEmbedding,
    CrossEntropy,
    Dice,
    Focal,
    GaussianLikelihood,
    GeneralizedCrossEntropy,
    InfoNCE,
    KLDivergence,
    KLToStandardNormal,
    MeanAbsolutePercentageError,
    MinedTriplet,
    MultiSimilarity,
    NTXent,
    Pinball,
    PoissonLikelihood,
    StudentLikelihood,
    Triplet,
    Tversky,
    loss_from,
)

ROWS, FOUR = torch.zeros(4), torch.zeros(4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "message"),
    [
        (
            Pinball(), torch.zeros(4, 2), ROWS,
            "pinball: got a prediction of shape (4, 2) for a target of shape (4,); expected "
            "[B, ..., 3] = (4, 3) for a target [B, ...]. Give the network 3 outputs per number of "
            "the target: quantile 0.1, quantile 0.5, quantile 0.9.",
        ),
        (
            Pinball((0.5,)), torch.zeros(4, 1), ROWS,
            "pinball: got a prediction of shape (4, 1) for a target of shape (4,); expected "
            "[B, ...] = (4,) for a target [B, ...]. Give the network 1 output per number of the "
            "target: quantile 0.5.",
        ),
        (
            GaussianLikelihood(), ROWS, ROWS,
            "gaussian_likelihood: got a prediction of shape (4,) for a target of shape (4,); "
            "expected [B, ..., 2] = (4, 2) for a target [B, ...]. Give the network 2 outputs per "
            "number of the target: mean, log_variance.",
        ),
        (
            StudentLikelihood(), torch.zeros(4, 2), ROWS,
            "student_likelihood: got a prediction of shape (4, 2) for a target of shape (4,); "
            "expected [B, ..., 3] = (4, 3) for a target [B, ...]. Give the network 3 outputs per "
            "number of the target: mean, softplus_scale, softplus_degrees.",
        ),
        (
            CosineDistance(), ROWS, ROWS,
            "cosine_distance: got a prediction of shape (4,); expected vectors [B, D] or "
            "[B, ..., D]. Give the last layer one output per component.",
        ),
        (
            KLDivergence(), ROWS, ROWS,
            "kl_divergence: got a prediction of shape (4,); expected logits [B, ..., C] and "
            "probabilities [B, ..., C]. Give the last layer one output per class.",
        ),
        (
            KLToStandardNormal(), torch.zeros(4, 3), ROWS,
            "kl_to_standard_normal: got a prediction of shape (4, 3) for a target of shape (4,); "
            "expected [B, ..., 2] for a target of B samples. Give the network a mean and a "
            "log-variance on its last axis.",
        ),
        (
            CrossEntropy(ignore=0), torch.zeros(4, 3), torch.zeros(4, 3),
            "cross_entropy: got probabilities of shape (4, 3) with ignore=0; expected class "
            "indices [B, ...] to look for it in. Drop the option, or give class indices.",
        ),
        (
            Focal(), torch.zeros(4, 3), torch.zeros(4, 2),
            "focal: got a prediction of shape (4, 3) for a target of shape (4, 2); expected logits "
            "[B, ..., C] and class indices [B, ...], or probabilities [B, ..., C]. Give the last "
            "layer one output per class.",
        ),
        (
            Dice(), torch.zeros(4, 3), FOUR,
            "dice: got a prediction of shape (4, 3); expected logits [B, ..., C] with places "
            "between, such as [B, H, W, C]. For one answer per sample take cross_entropy.",
        ),
        (
            Tversky(independent=True), torch.zeros(4, 5, 3), torch.zeros(4, 5),
            "tversky: got a prediction of shape (4, 5, 3) for a target of shape (4, 5); expected "
            "logits and answers [B, ..., C], or logits [B, ..., 1] and answers [B, ...]. Give the "
            "last layer one output per class.",
        ),
        (
            CTC(), torch.zeros(4, 3), FOUR,
            "ctc: got a prediction of shape (4, 3) for a target of shape (4,); expected logits "
            "[B, T, C] and labels [B, S]. Give the network one output per class and the blank at "
            "every frame.",
        ),
        (
            CTC(), torch.zeros(4, 6, 3), torch.zeros(4, 2),
            "ctc: got labels of float32; expected class indices in int64. Call target.long().",
        ),
        (
            CTC(blank=3), torch.zeros(4, 6, 3), FOUR[:, None],
            "ctc: got logits of shape (4, 6, 3) with the blank at 3; expected [B, T, C] with C "
            "above 3. Give the network one output more.",
        ),
        (
            Contrastive(), torch.zeros(4, 3, 8), ROWS,
            "contrastive: got a prediction of shape (4, 3, 8) for a target of shape (4,); expected "
            "embeddings [B, 2, D] and answers [B]. Give 2 embeddings per sample along the second "
            "axis: one, other.",
        ),
        (
            Triplet(), torch.zeros(4, 8), ROWS,
            "triplet: got a prediction of shape (4, 8) for a target of shape (4,); expected "
            "embeddings [B, 3, D] and a target of B samples. Give 3 embeddings per sample along "
            "the second axis: anchor, like, unlike.",
        ),
        (
            Circle(), torch.zeros(4, 8), torch.zeros(4, 1),
            "circle: got a prediction of shape (4, 8) for a target of shape (4, 1); expected "
            "embeddings [B, D] and labels [B]. Give one embedding and one label per sample.",
        ),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_refused_in_words(loss, prediction, target, message):
    with pytest.raises(ShapeError) as caught:
        loss(prediction, target)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (MeanAbsolutePercentageError, {"least": 0.0}, "least=0.0; expected a number above 0."),
        (Pinball, {"levels": (0.5, 1.0)},
         "levels=(0.5, 1.0); expected one number or more, each between 0 and 1."),
        (Pinball, {"levels": ()}, "levels=(); expected one number or more, each between 0 and 1."),
        (GaussianLikelihood, {"spread": "variance"},
         "spread='variance'; expected one of log_variance, softplus_scale."),
        (GaussianLikelihood, {"least_scale": 0.0}, "least_scale=0.0; expected a number above 0."),
        (StudentLikelihood, {"degrees": -1.0},
         "degrees=-1.0; expected a number above 0, or None."),
        (Focal, {"focus": -1.0}, "focus=-1.0; expected a number of at least 0."),
        (Focal, {"label_smoothing": 2.0}, "label_smoothing=2.0; expected a number from 0 to 1."),
        (BinaryFocal, {"focus": -1.0}, "focus=-1.0; expected a number of at least 0."),
        (GeneralizedCrossEntropy, {"exponent": 0.0},
         "exponent=0.0; expected a number above 0 and at most 1."),
        (CategoricalHinge, {"margin": 0.0}, "margin=0.0; expected a number above 0."),
        (Dice, {"smoothing": 0.0}, "smoothing=0.0; expected a number above 0."),
        (Dice, {"independent": True, "ignore": 3},
         "ignore=3; expected None where classes are independent: they have no class index."),
        (Tversky, {"false_alarm": -0.5}, "false_alarm=-0.5; expected a number of at least 0."),
        (Tversky, {"miss": -0.5}, "miss=-0.5; expected a number of at least 0."),
        (CTC, {"blank": -1}, "blank=-1; expected a class index of at least 0."),
        (CTC, {"padding": 2},
         "padding=2; expected a number below 0, or the blank: else it is a label."),
        (Contrastive, {"margin": 0.0}, "margin=0.0; expected a number above 0."),
        (CosineEmbedding, {"margin": 1.5}, "margin=1.5; expected a number from -1 to 1."),
        (Triplet, {"margin": 0.0}, "margin=0.0; expected a number above 0."),
        (MinedTriplet, {"mining": "easy"}, "mining='easy'; expected one of hard, semi_hard."),
        (InfoNCE, {"temperature": 0.0}, "temperature=0.0; expected a number above 0."),
        (NTXent, {"temperature": 0.0}, "temperature=0.0; expected a number above 0."),
        (Circle, {"margin": 2.0}, "margin=2.0; expected a number from 0 to 1."),
        (MultiSimilarity, {"base": 2.0}, "base=2.0; expected a number from -1 to 1."),
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused_in_words(kind, options, message):
    for make in (lambda: kind(**options), lambda: loss_from({"kind": kind.kind, **options})):
        with pytest.raises(ConfigError) as caught:
            make()
        assert str(caught.value) == f"{kind.__name__}: {message}"


@pytest.mark.parametrize("index", [-100, -1, 3])
@pytest.mark.parametrize("loss", [CrossEntropy(), Focal(), Dice()], ids=str)
def test_a_class_that_is_none_is_not_taken_silently(loss, index):
    # Dice wants places; torch would pass over -100 unasked.
    shape = (2, 5, 3) if isinstance(loss, Dice) else (2, 3)
    with pytest.raises((IndexError, RuntimeError), match=r"out of (bounds|range)"):
        loss(torch.zeros(shape), torch.full(shape[:-1], index))


def test_a_count_of_one_output_is_not_broadcast_over_rows():
    with pytest.raises(ShapeError, match=r"expected \[B, \.\.\.\] = \(4,\)"):
        PoissonLikelihood()(torch.zeros(4, 1), ROWS)
