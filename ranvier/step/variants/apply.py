"""A network's forward pass under a variant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.step.recurrent import FUSED
from ranvier.step.variants.functions import (
    Replaced,
    Replacements,
    features_first_convolution,
    in_float32,
    plain_attention,
)
from ranvier.step.variants.variant import Variant

Forward = Callable[[Tensor], Tensor]


# Mixed precision reaches into the first two, which are made of products, and would make a product
# of bfloat16 of what a capture takes for one operation; the others do not take two formats at once.
_IN_FLOAT32: tuple[Callable[..., Any], ...] = (F.bilinear, F.affine_grid, F.rms_norm, torch.dot)


def varied(forward: Forward, variant: Variant) -> Forward:
    """The same forward pass under `variant`; its outputs are float32 for the loss.

    Inputs are not cast: the codes of categories and tokens are no quantities, and a layer that
    looks them up gets them whole. torch casts what enters a product.
    """
    if variant.is_plain:
        return forward
    replacements = _replacements(variant)
    is_half = variant.number_format == "bfloat16"

    def forward_varied(rows: Tensor) -> Tensor:
        # Without its cache every use of a weight is cast by itself, and its gradients are summed in
        # float32; a replay casts once all the same.
        mixed = torch.autocast(
            rows.device.type, torch.bfloat16, enabled=is_half, cache_enabled=False
        )
        with mixed, Replaced(replacements):
            outputs = forward(rows)
        return outputs.float() if is_half else outputs

    return forward_varied


def _replacements(variant: Variant) -> Replacements:
    chosen: dict[Callable[..., Any], Callable[..., Any]] = {}
    if variant.number_format == "bfloat16":
        chosen |= {function: in_float32(function) for function in _IN_FLOAT32}
    if variant.attention == "plain":
        chosen[F.scaled_dot_product_attention] = plain_attention
    if variant.layout == "channels_first":
        chosen[F.conv2d] = features_first_convolution
    if variant.recurrent == "fused":
        chosen |= FUSED
    return chosen
