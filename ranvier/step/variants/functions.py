"""The functions that a variant puts in the place of torch's, while a network runs.

B batch, H heads, G heads of keys and values, T places of the query, S of the memory, D features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

Replacements = Mapping[Callable[..., Any], Callable[..., Any]]


class Replaced(TorchFunctionMode):
    """Inside, calls of torch's functions go to their replacements: in any module, ours or not."""

    def __init__(self, replacements: Replacements) -> None:
        super().__init__()
        self.replacements = replacements

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return self.replacements.get(function, function)(*args, **(kwargs or {}))


def plain_attention(
    query_BHTD: Tensor,
    keys_BGSD: Tensor,
    values_BGSD: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v with the scores in memory, as `scaled_dot_product_attention`.

    Whole products are what a processor's matrix units are made for; the fused kernel's backward
    pass in bfloat16 is slower than that in float32. The scores keep the format of the products: the
    softmax sums in float32 inside, and rounds what the next product would round anyway.
    """
    if enable_gqa:
        times = query_BHTD.shape[-3] // keys_BGSD.shape[-3]
        keys_BGSD = keys_BGSD.repeat_interleave(times, -3)
        values_BGSD = values_BGSD.repeat_interleave(times, -3)
    scale = 1 / math.sqrt(query_BHTD.shape[-1]) if scale is None else scale
    scores_BHTS = (query_BHTD * scale) @ keys_BGSD.transpose(-2, -1)
    if is_causal:
        shape = scores_BHTS.shape[-2:]
        attn_mask = torch.ones(shape, dtype=torch.bool, device=scores_BHTS.device).tril()
    if attn_mask is not None:
        scores_BHTS = scores_BHTS + _added(attn_mask, scores_BHTS.dtype)
    return F.dropout(F.softmax(scores_BHTS, -1), dropout_p) @ values_BGSD


def _added(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to scores where `mask` is true for the places that may be attended to.

    A finite number, so that a query without any place gives no NaN, and half the least, so that a
    score added to it is finite too: exp of it is 0 all the same.
    """
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    nothing = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return nothing.masked_fill(~mask, torch.finfo(dtype).min / 2)


def features_first_convolution(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The convolution of pictures that lie in memory feature by feature."""
    return F.conv2d(input.contiguous(), *args, **kwargs)


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without mixed precision, on numbers of float32 at least."""

    def widened(*args: Any, **kwargs: Any) -> Any:
        device = next(each.device for each in args if isinstance(each, Tensor))
        with torch.autocast(device.type, enabled=False):
            return function(*map(_widened, args), **kwargs)

    return widened


def _widened(value: Any) -> Any:
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.to(torch.promote_types(value.dtype, torch.float32))
    return value
