"""Attention as plain products: for the sizes of this engine they are the fastest way."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ranvier.step.native.lowering import MADE_OF


def _attention_backward(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    logsumexp: Tensor,
    dropout: float,
    is_causal: bool,
    *,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of softmax(s Q Kᵀ + mask) V:

        dV = Pᵀ dO,  dS = P ∘ (dO Vᵀ − rowsum(dO ∘ O)),  dQ = s dS K,  dK = s dSᵀ Q

    Shapes: all `[B, H, T, D]`; P the probabilities `[B, H, T, S]`.
    """
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = query @ key.transpose(-1, -2) * factor
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = torch.where(seen, scores, -math.inf)
    if attn_mask is not None:
        scores = scores + attn_mask
    # A row that may look at nothing has a probability of 0 everywhere, not NaN.
    probabilities = torch.ops.aten._safe_softmax(scores, -1)
    means = (gradient * output).sum(-1, keepdim=True)
    of_scores = probabilities * (gradient @ value.transpose(-1, -2) - means)
    return (
        of_scores @ key * factor,
        of_scores.transpose(-1, -2) @ query * factor,
        probabilities.transpose(-1, -2) @ gradient,
    )


MADE_OF["aten::_scaled_dot_product_flash_attention_for_cpu_backward"] = _attention_backward
