"""The best one answer against closed forms; losses that fail, and losses that pair every row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ranvier.diagnose.preflight.losses import broadcasts, loss_facts, trivial_loss

N = 300
LABELS = torch.tensor([0] * 180 + [1] * 90 + [2] * 30)
SHARES = np.array([0.6, 0.3, 0.1])
ENTROPY = float(-(SHARES * np.log(SHARES)).sum())
BINARY = (torch.arange(N) < 60).float()[:, None]
BINARY_ENTROPY = float(-(0.2 * np.log(0.2) + 0.8 * np.log(0.8)))
NUMBERS = 1e3 + torch.arange(N).double()[:, None] ** 1.5


def logits(width: int) -> torch.Tensor:
    return torch.randn(N, width, generator=torch.Generator().manual_seed(0))


CLOSED_FORMS = {
    "cross-entropy": (F.cross_entropy, logits(3), LABELS, ENTROPY, "cross_entropy"),
    "likelihood": (F.nll_loss, logits(3).log_softmax(1), LABELS, ENTROPY, "nll_loss"),
    "one-hot targets": (F.cross_entropy, logits(3), F.one_hot(LABELS).float(), ENTROPY, "cross_entropy"),
    "probabilities": (nn.BCELoss(), logits(1).sigmoid(), BINARY, BINARY_ENTROPY, "binary_cross_entropy"),
    "logits": (nn.BCEWithLogitsLoss(), logits(1), BINARY, BINARY_ENTROPY, "binary_cross_entropy_with_logits"),
    "squares": (F.mse_loss, logits(1).double(), NUMBERS, float(NUMBERS.numpy().var()), "mse_loss"),
    "distances": (
        F.l1_loss, logits(1).double(), NUMBERS,
        float(np.abs(NUMBERS.numpy() - np.median(NUMBERS.numpy())).mean()), "l1_loss",
    ),
}  # fmt: skip


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_the_best_one_answer_has_the_loss_of_its_closed_form(name, is_known):
    loss, outputs, targets, expected, kind = CLOSED_FORMS[name]
    if not is_known and name in ("likelihood", "distances"):
        pytest.skip("a likelihood of anything above 0 has no least; distances have a kink")
    found = trivial_loss(loss, outputs, targets, kind=kind if is_known else "own")
    assert found == pytest.approx(expected, rel=1e-3)


def test_a_hand_written_likelihood_is_descended_through_a_softmax():
    def own(probabilities: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return -probabilities.gather(1, labels[:, None]).log().mean()

    found = trivial_loss(own, logits(3).softmax(1), LABELS, kind="own")
    assert found == pytest.approx(ENTROPY, rel=1e-3)


def test_class_weights_are_part_of_the_loss_that_is_made_least():
    weight = torch.tensor([1.0, 4.0, 9.0])
    loss = nn.CrossEntropyLoss(weight=weight)
    share = SHARES * weight.numpy() / (SHARES * weight.numpy()).sum()
    expected = float(-(share * np.log(share)).sum())
    found = trivial_loss(loss, logits(3), LABELS, kind="cross_entropy")
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_loss_that_pairs_every_row_is_told_from_one_that_does_not():
    outputs, targets = torch.randn(20, 1), torch.randn(20)
    assert broadcasts(F.mse_loss, outputs, targets) is True
    assert broadcasts(nn.MSELoss(reduction="sum"), outputs, targets) is True
    assert broadcasts(lambda o, t: F.mse_loss(o.squeeze(1), t), outputs, targets) is False
    assert broadcasts(F.mse_loss, outputs, targets[:, None]) is False
    assert broadcasts(F.cross_entropy, torch.randn(20, 3), LABELS[:20]) is None


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (LABELS.float(), "expected"),
        (LABELS + 1, "IndexError: Target 3 is out of bounds."),
    ],
)
def test_what_a_loss_says_is_kept_with_its_name(targets, said):
    model = nn.Linear(4, 3)
    found = loss_facts(model, nn.CrossEntropyLoss(), torch.randn(N, 4), targets)
    assert found.kind == "cross_entropy"
    assert said in found.error
    assert found.initial is None
