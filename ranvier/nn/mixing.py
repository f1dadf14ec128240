"""Samples of a batch mixed with each other, and their targets with them.

    mixup    x_b ← λ_b x_b + (1 − λ_b) x_π(b),  y_b ← λ_b y_b + (1 − λ_b) y_π(b)
    cutmix   a box of x_b is that of x_π(b), and λ_b the share of x_b that is left

λ_b ~ Beta(alpha, alpha) for each sample, π a random order. These change targets, so they are no
layers: they stand between the batch and the network, in training. Targets are one-hot or
probabilities. The result depends on the arguments and the generator alone.

B batch, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ranvier.core.errors import ConfigError, ShapeError

Mixed = tuple[Tensor, Tensor]


def mixup(
    inputs: Tensor,
    targets: Tensor,
    *,
    alpha: float = 0.2,
    generator: torch.Generator | None = None,
) -> Mixed:
    """Draws each sample and its target towards another: what lies between classes is between them.

    Shapes: inputs [B, ...], targets [B, K] -> the same.

    Raises:
        ShapeError: for targets that are not [B, K].
        ConfigError: for an alpha that is not above 0.

    Reference: Zhang et al. 2018, arXiv:1710.09412.
    """
    _check("mixup", inputs, targets, alpha)
    share_B = _shares(inputs, alpha, generator)
    order_B = _order(inputs, generator)
    share = _beside(share_B, inputs)
    mixed = torch.lerp(inputs[order_B], inputs, share)
    return mixed, _mixed_targets(targets, order_B, share_B)


def cutmix(
    inputs: Tensor,
    targets: Tensor,
    *,
    alpha: float = 1.0,
    generator: torch.Generator | None = None,
) -> Mixed:
    """Pastes a box of another picture into each, and mixes the targets by the areas.

    The box covers 1 − λ of the picture around a centre drawn anywhere; what is cut off at the
    border counts for the picture itself.

    Shapes: inputs [B, H, W, C], targets [B, K] -> the same.

    Raises:
        ShapeError: for inputs that are no pictures or targets that are not [B, K].
        ConfigError: for an alpha that is not above 0.

    Reference: Yun et al. 2019, arXiv:1905.04899.
    """
    _check("cutmix", inputs, targets, alpha)
    if inputs.dim() != 4:
        raise ShapeError(
            f"cutmix: got inputs of shape {tuple(inputs.shape)}; expected pictures "
            "[B, height, width, channels]. Use mixup for other data."
        )
    height, width = inputs.shape[1:3]
    side_B = (1 - _shares(inputs, alpha, generator)).sqrt()
    order_B = _order(inputs, generator)
    row_BH = _within(height, side_B, generator)
    column_BW = _within(width, side_B, generator)
    box_BHW = row_BH.unsqueeze(2) & column_BW.unsqueeze(1)
    mixed = torch.where(box_BHW.unsqueeze(-1), inputs[order_B], inputs)
    kept_B = 1 - box_BHW.to(side_B.dtype).mean((1, 2))
    return mixed, _mixed_targets(targets, order_B, kept_B)


def _check(where: str, inputs: Tensor, targets: Tensor, alpha: float) -> None:
    if targets.dim() != 2 or targets.shape[0] != inputs.shape[0]:
        raise ShapeError(
            f"{where}: got targets of shape {tuple(targets.shape)} for {inputs.shape[0]} samples; "
            f"expected [{inputs.shape[0]}, classes]. Make class numbers one-hot first."
        )
    if not alpha > 0:
        raise ConfigError(f"{where}: got alpha={alpha}; expected a number above 0.")


def _shares(inputs: Tensor, alpha: float, generator: torch.Generator | None) -> Tensor:
    """λ ~ Beta(alpha, alpha), one per sample: the first of a Dirichlet pair, in float32."""
    pair = torch.full((inputs.shape[0], 2), alpha, dtype=torch.float32, device=inputs.device)
    return torch._sample_dirichlet(pair, generator)[:, 0]


def _order(inputs: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randperm(inputs.shape[0], generator=generator, device=inputs.device)


def _within(length: int, side_B: Tensor, generator: torch.Generator | None) -> Tensor:
    """Which places of an axis lie in each sample's box around a centre drawn anywhere."""
    draw_B = torch.rand(side_B.shape, generator=generator, device=side_B.device)
    centre_B = (draw_B * length).floor()
    half_B = (side_B * length / 2).round()
    return spans(length, centre_B - half_B, centre_B + half_B)


def spans(length: int, start_B: Tensor, stop_B: Tensor) -> Tensor:
    """Which places of an axis lie from each start up to, but not at, each stop.

    Shapes: [B], [B] -> [B, length].
    """
    places = torch.arange(length, device=start_B.device)
    return (places >= start_B.unsqueeze(1)) & (places < stop_B.unsqueeze(1))


def _mixed_targets(targets: Tensor, order_B: Tensor, share_B: Tensor) -> Tensor:
    return torch.lerp(targets[order_B], targets, _beside(share_B, targets))


def _beside(share_B: Tensor, values: Tensor) -> Tensor:
    return share_B.to(values.dtype).view(-1, *[1] * (values.dim() - 1))
