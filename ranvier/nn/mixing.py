"""Samples of a batch mixed with each other, and their targets with them.

    mixup    x_b ← λ_b x_b + (1 − λ_b) x_π(b),  y_b ← λ_b y_b + (1 − λ_b) y_π(b)
    cutmix   a box of x_b is that of x_π(b), and λ_b the share of x_b that is left

λ_b ~ Beta(alpha, alpha) for each sample, π a random order. These change targets, so they are no
layers: they stand between the batch and the network, in training. Targets are one-hot or
probabilities. The result depends on the arguments and the generator alone.

B batch, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.core.errors import ConfigError, ShapeError

Mixed = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Mix:
    """Mixed inputs, and how: sample b has the share λ_b, `[B]`, of itself, the rest of order_b."""

    inputs: Tensor
    order: Tensor
    share: Tensor

    def of(self, values: Tensor, share: Tensor | None = None) -> Tensor:
        """What belongs to the samples, `[B, ...]`, mixed as they are, or by other shares."""
        own = _beside(self.share if share is None else share, values)
        return torch.lerp(values[self.order], values, own)


def mixup(
    inputs: Tensor,
    targets: Tensor,
    *,
    alpha: float = 0.2,
    generator: torch.Generator | None = None,
) -> Mixed:
    """Draws each sample and its target towards another: what lies between classes is between them.

    Shapes: inputs [B, ...], targets [B, K] -> the same; inputs of bytes become float32.

    Raises:
        ShapeError: for targets that are not [B, K].
        ConfigError: for an alpha that is not above 0.

    Reference: Zhang et al. 2018, arXiv:1710.09412.
    """
    _check("mixup", inputs, targets, alpha)
    mix = mixed(inputs, mixup=alpha, generator=generator)
    return mix.inputs, mix.of(targets)


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
    mix = mixed(inputs, cutmix=alpha, generator=generator)
    return mix.inputs, mix.of(targets)


def mixed(
    inputs: Tensor,
    *,
    mixup: float = 0.0,
    cutmix: float = 0.0,
    generator: torch.Generator | None = None,
) -> Mix:
    """The inputs mixed in one of the ways whose alpha is above 0; of both a coin takes one.

    Raises:
        ShapeError: for a cutmix of inputs that are no pictures.
        ConfigError: for inputs that are neither numbers nor bytes, or no alpha above 0.
    """
    _check_inputs(inputs, mixup=mixup, cutmix=cutmix)
    order_B = torch.randperm(len(inputs), generator=generator, device=inputs.device)
    if not mixup:
        is_box, share_B = _boxes(inputs, cutmix, generator)
        return Mix(torch.where(is_box, inputs[order_B], inputs), order_B, share_B)
    inputs = inputs if inputs.is_floating_point() else inputs.float()
    share_B = _shares(inputs, mixup, generator)
    own = _beside(share_B, inputs)
    if cutmix:
        is_box, kept_B = _boxes(inputs, cutmix, generator)
        cuts = torch.rand((), generator=generator, device=inputs.device) < 0.5
        share_B = torch.where(cuts, kept_B, share_B)
        # By one weight for each place, so that the pictures are gone through once.
        own = torch.where(cuts, (~is_box).to(own.dtype), own)
    return Mix(torch.lerp(inputs[order_B], inputs, own), order_B, share_B)


def _check(where: str, inputs: Tensor, targets: Tensor, alpha: float) -> None:
    if targets.dim() != 2 or targets.shape[0] != inputs.shape[0]:
        raise ShapeError(
            f"{where}: got targets of shape {tuple(targets.shape)} for {inputs.shape[0]} samples; "
            f"expected [{inputs.shape[0]}, classes]. Make class numbers one-hot first."
        )
    if not alpha > 0:
        raise ConfigError(f"{where}: got alpha={alpha}; expected a number above 0.")


def _check_inputs(inputs: Tensor, *, mixup: float, cutmix: float) -> None:
    if not max(mixup, cutmix) > 0:
        raise ConfigError(f"got mixup={mixup} and cutmix={cutmix}; expected one above 0.")
    if not (inputs.is_floating_point() or inputs.dtype == torch.uint8):
        raise ConfigError(
            f"mixup and cutmix: got inputs of {str(inputs.dtype).removeprefix('torch.')}; expected "
            "numbers or bytes. What is looked up by its number cannot be mixed: leave them out."
        )
    if cutmix and inputs.dim() != 4:
        raise ShapeError(
            f"cutmix: got inputs of shape {tuple(inputs.shape)}; expected pictures "
            "[B, height, width, channels]. Use mixup for other data."
        )


def _boxes(
    inputs: Tensor, alpha: float, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Which places of each picture are in its box, [B, H, W, 1], and the share that is not, [B]."""
    height, width = inputs.shape[1:3]
    side_B = (1 - _shares(inputs, alpha, generator)).sqrt()
    row_BH = _within(height, side_B, generator)
    column_BW = _within(width, side_B, generator)
    box_BHW = row_BH.unsqueeze(2) & column_BW.unsqueeze(1)
    return box_BHW.unsqueeze(-1), 1 - box_BHW.to(side_B.dtype).mean((1, 2))


def _shares(inputs: Tensor, alpha: float, generator: torch.Generator | None) -> Tensor:
    """λ ~ Beta(alpha, alpha), one per sample: the first of a Dirichlet pair, in float32."""
    pair = torch.full((inputs.shape[0], 2), alpha, dtype=torch.float32, device=inputs.device)
    return torch._sample_dirichlet(pair, generator)[:, 0]


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


def _beside(share_B: Tensor, values: Tensor) -> Tensor:
    return share_B.to(values.dtype).view(-1, *[1] * (values.dim() - 1))
