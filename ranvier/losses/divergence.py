"""Kullback–Leibler divergences: how far one distribution is from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.errors import ShapeError
from ranvier.losses.loss import LOSSES, Loss, at_least_float32
from ranvier.losses.placewise import PlacewiseLoss, require_equal_shapes
from ranvier.losses.positive import TANGENT_FROM


@LOSSES.register("kl_divergence", other_spellings=("kl", "kl_div", "kld", "kullback_leibler"))
@dataclass(frozen=True)
class KLDivergence(PlacewiseLoss):
    """How much more the logits' distribution is surprised by q than q is by itself.

        l = Σ_c q_c·(log q_c − log softmax(z)_c),  0·log 0 = 0        ∂l/∂z = softmax(z)·Σ_c q_c − q

    The cross-entropy less the entropy of q: 0 where the prediction is q. From logits.

    Shapes: prediction [B, ..., C] logits; target probabilities [B, ..., C] → each [B], the mean
    over the sample's places.

    >>> import torch
    >>> KLDivergence()(torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]))
    tensor(0.)

    Reference: Kullback and Leibler, On Information and Sufficiency (1951).
    """

    kind: ClassVar[str] = "kl_divergence"

    def places(self, prediction: Tensor, target: Tensor) -> Tensor:
        require_equal_shapes(self.kind, prediction, target)
        if prediction.ndim < 2:
            raise ShapeError(
                f"{self.kind}: got a prediction of shape {tuple(prediction.shape)}; expected "
                "logits [B, ..., C] and probabilities [B, ..., C]. Give the last layer one output "
                "per class."
            )
        log_p = F.log_softmax(at_least_float32(prediction), -1)
        return F.kl_div(log_p, target.to(log_p.dtype), reduction="none").sum(-1)


@LOSSES.register(
    "kl_to_standard_normal", other_spellings=("gaussian_kl", "vae_kl", "kl_standard_normal")
)
@dataclass(frozen=True)
class KLToStandardNormal(Loss):
    """How far a Gaussian code is from N(0, I): what a variational autoencoder pays for its code.

        l = ½·Σ_d (exp(s_d) + μ_d² − 1 − s_d)        ∂l/∂μ_d = μ_d,  ∂l/∂s_d = ½·(exp(s_d) − 1)

    s is the logarithm of the variance; beyond s = 30 the exponential goes on as its tangent. The
    sum is over the code's D numbers. Of the target only the number of samples is looked at.

    Shapes: prediction [B, ..., 2] of mean and log-variance; target [B, ...] → each [B].

    Reference: Kingma and Welling, Auto-Encoding Variational Bayes (2014), appendix B.
    """

    kind: ClassVar[str] = "kl_to_standard_normal"

    def each(self, prediction: Tensor, target: Tensor) -> Tensor:
        if (
            prediction.ndim < 2
            or prediction.shape[-1] != 2
            or prediction.shape[:1] != target.shape[:1]
        ):
            raise ShapeError(
                f"{self.kind}: got a prediction of shape {tuple(prediction.shape)} for a target of "
                f"shape {tuple(target.shape)}; expected [B, ..., 2] for a target of B samples. "
                "Give the network a mean and a log-variance on its last axis."
            )
        mean, s = at_least_float32(prediction).unbind(-1)
        near = s.clamp(max=TANGENT_FROM)
        # exp(s) − 1 − s in one piece, so that a variance near 1 keeps its digits.
        excess = torch.expm1(near) - near + torch.expm1(near) * (s - near)
        return 0.5 * (excess + mean.square()).reshape(prediction.shape[0], -1).sum(1)
