"""A variational autoencoder of dense layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class VAE(nn.Module):
    """In training logits, means and log-variances; in evaluation the logits of the mean code."""

    def __init__(self, pixels: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(pixels, hidden)
        self.distribution = nn.Linear(hidden, 2 * latent)
        self.decoder = nn.Linear(latent, hidden)
        self.output = nn.Linear(hidden, pixels)

    def decode(self, code: Tensor) -> Tensor:
        return self.output(F.relu(self.decoder(code)))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.distribution(F.relu(self.encoder(x))).chunk(2, dim=-1)
        if not self.training:
            return self.decode(mean)
        code = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        return self.decode(code), mean, log_variance


class EvidenceBound(nn.Module):
    """Minus the evidence lower bound, divided by the number of pixels."""

    def forward(self, outputs: tuple[Tensor, Tensor, Tensor], target: Tensor) -> Tensor:
        logits, mean, log_variance = outputs
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum() / 2
        return F.binary_cross_entropy_with_logits(logits, target) + divergence / target.numel()


def from_weights(weights: dict[str, Tensor]) -> VAE:
    found = list(weights.values())
    network = VAE(found[0].shape[1], found[0].shape[0], found[2].shape[0] // 2)
    network.load_state_dict(dict(zip(network.state_dict(), found, strict=True)))
    return network
