from __future__ import annotations

import pytest
import torch

from ranvier.core.errors import ConfigError, ShapeError, UnknownNameError
from ranvier.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    MeanSquaredError,
    PerMember,
    loss_from,
)

ROWS = torch.zeros(4)
LOGITS = torch.zeros(4, 3)


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "message"),
    [
        (
            MeanSquaredError(),
            torch.zeros(4, 1),
            ROWS,
            (
                "mean_squared_error: got a prediction of shape (4, 1) for a target of shape (4,); "
                "expected one shape for both, [B] or [B, ...]. Squeeze the prediction's last axis to "
                "get (4,)."
            ),
        ),
        (
            Huber(),
            LOGITS,
            ROWS,
            (
                "huber: got a prediction of shape (4, 3) for a target of shape (4,); expected one shape "
                "for both, [B] or [B, ...]. Give the network one output per number of the target."
            ),
        ),
        (
            CrossEntropy(),
            LOGITS,
            torch.zeros(5, dtype=torch.int64),
            (
                "cross_entropy: got a prediction of shape (4, 3) for a target of shape (5,); expected "
                "logits [B, ..., C] and class indices [B, ...], or probabilities [B, ..., C]. Give the "
                "last layer one output per class."
            ),
        ),
        (
            CrossEntropy(),
            LOGITS,
            ROWS,
            (
                "cross_entropy: got a target (4,) of float32; expected class indices in int64. Call "
                "target.long(), or give probabilities [B, ..., C]."
            ),
        ),
        (
            CrossEntropy(class_weights=(1.0, 2.0)),
            LOGITS,
            ROWS.long(),
            (
                "cross_entropy: got 2 class weights for logits of shape (4, 3); expected [C] = (3,). "
                "Give one weight per class."
            ),
        ),
        (
            PerMember(MeanSquaredError()),
            ROWS,
            ROWS,
            (
                "per_member: got a prediction of shape (4,) for a target of shape (4,); expected "
                "[B, K, ...] and [B, ...]. Give the prediction an axis of members after the batch."
            ),
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused_in_words(loss, prediction, target, message):
    with pytest.raises(ShapeError) as caught:
        loss(prediction, target)
    assert str(caught.value) == message


def test_weights_that_are_not_one_per_sample_are_refused_in_words():
    with pytest.raises(ShapeError) as caught:
        MeanSquaredError()(ROWS, ROWS, torch.ones(4, 1))
    assert str(caught.value) == (
        "mean_squared_error: sample weights of shape (4, 1) came with 4 samples; expected [B] = "
        "(4,). Give one weight per sample."
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Huber(0.0), "Huber: delta=0.0; expected a number above 0."),
        (
            lambda: CrossEntropy(label_smoothing=1.5, class_weights=(1.0, -1.0)),
            (
                "CrossEntropy: label_smoothing=1.5; expected a number from 0 to 1.\n"
                "CrossEntropy: class_weights=(1.0, -1.0); expected numbers of at least 0."
            ),
        ),
        (
            lambda: BinaryCrossEntropy(class_weights=(1.0, 2.0, 3.0)),
            (
                "BinaryCrossEntropy: class_weights=(1.0, 2.0, 3.0); expected two numbers of at least "
                "0, for no and for yes."
            ),
        ),
        (
            lambda: loss_from({"kind": "per_member", "lost": "huber"}),
            (
                "loss per_member: got the options ['lost']; expected 'loss' alone, the loss of one "
                "member."
            ),
        ),
        (
            lambda: loss_from({"kind": "cross_entropy", "smoothing": 0.1}),
            "loss cross_entropy: unknown setting 'smoothing'. Did you mean 'label_smoothing'?",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_in_words(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ("mse", "mean_squared_error"),
        ("mae", "mean_absolute_error"),
        ("mape", "mean_absolute_percentage_error"),
        ("logcosh", "log_cosh"),
        ("quantile", "pinball"),
        ("gaussian_nll", "gaussian_likelihood"),
        ("poisson", "poisson_likelihood"),
        ("cosine_similarity", "cosine_distance"),
        ("bce", "binary_cross_entropy"),
        ("categorical_crossentropy", "cross_entropy"),
        ("binary_focal_crossentropy", "binary_focal"),
        ("kl_div", "kl_divergence"),
        ("gce", "generalized_cross_entropy"),
        ("ctc_loss", "ctc"),
        ("triplet_margin_loss", "triplet"),
        ("clip", "info_nce"),
        ("simclr", "nt_xent"),
    ],
)
def test_another_spelling_is_answered_with_ours(other, name):
    with pytest.raises(UnknownNameError, match=f"Here it is called '{name}'"):
        loss_from(other)


def test_a_loss_reads_from_itself_a_name_or_its_options():
    assert loss_from("huber") == Huber()
    assert loss_from(Huber(2.0)) == Huber(2.0)
    assert loss_from({"kind": "huber", "delta": "0.5"}) == Huber(0.5)
    weighted = CrossEntropy(class_weights=(1.0, 2.0))
    assert loss_from({"kind": "cross_entropy", "class_weights": [1, 2]}) == weighted
    assert loss_from({"kind": "per_member", "loss": "huber"}) == PerMember(Huber())


def test_a_class_of_weight_zero_is_not_there():
    logits, target = torch.randn(6, 3), torch.tensor([0, 1, 2, 2, 1, 0])
    without = target != 2
    torch.testing.assert_close(
        CrossEntropy(class_weights=(1.0, 1.0, 0.0))(logits, target),
        CrossEntropy()(logits[without], target[without]),
    )


def test_a_class_index_beyond_the_logits_is_not_taken_silently():
    with pytest.raises(IndexError):
        CrossEntropy()(LOGITS, torch.full((4,), 3))
