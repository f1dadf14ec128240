"""Linear recurrences h_t = a_t ⊙ h_{t−1} + b_t, with many places in flight at once.

B batch, T places, X any further axes; K chunks of Q places.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

# On a processor a step over this many numbers takes longer than it takes to start it, and reading
# place after place touches each number half as often as chunks do.
_LONG_STEP = 2**12


def linear_scan(decay: Tensor, write: Tensor, start: Tensor) -> Tensor:
    """Every state of h_t = decay_t ⊙ h_{t−1} + write_t, where h_0 is what `start` makes of it.

    Chunks of √T places are read side by side, as if each began at nought; then the states at their
    ends are handed on from chunk to chunk, and what each chunk received is added, times the decay
    since then. No division and no logarithm, so that any decay is fine, nought too.

    The way back is the same recurrence from the last place to the first, so that only `decay` and
    the result are kept for it.

    >>> linear_scan(torch.full((1, 3), 0.5), torch.ones(1, 3), torch.zeros(1))
    tensor([[1.0000, 1.5000, 1.7500]])

    Shapes: [B, T, X], [B, T, X], [B, X] -> [B, T, X].

    Reference: Blelloch 1990, Prefix Sums and Their Applications.
    """
    # Under autocast some of them come in half precision, of which fused operations take no mixture.
    dtype = torch.promote_types(decay.dtype, write.dtype)
    parts = (each.to(dtype) for each in (decay, write, start))
    result: Tensor = _LinearScan.apply(*parts)  # type: ignore[no-untyped-call]
    return result


class _LinearScan(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(decay: Tensor, write: Tensor, start: Tensor) -> Tensor:
        return _scanned(decay, write, start)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        decay, _, start = inputs
        ctx.save_for_backward(decay, start, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        decay, start, states = ctx.saved_tensors
        # g_t = ∂h_t + a_{t+1} ⊙ g_{t+1}, then ∂b = g, ∂a_t = g_t ⊙ h_{t−1}, ∂h_0 = a_1 ⊙ g_1.
        after = torch.cat([torch.ones_like(start).unsqueeze(1), decay.flip(1)[:, :-1]], 1)
        back = linear_scan(after, gradient.flip(1), torch.zeros_like(start)).flip(1)
        before = torch.cat([start.unsqueeze(1), states[:, :-1]], 1)
        return back * before, back, decay[:, 0] * back[:, 0]


def _scanned(decay: Tensor, write: Tensor, start: Tensor) -> Tensor:
    places = decay.shape[1]
    is_long = decay.device.type == "cpu" and start.numel() >= _LONG_STEP
    if is_long or places < 4:
        return _in_turn(decay, write, start)
    length = math.ceil(math.sqrt(places))
    chunks = math.ceil(places / length)
    # What pads the last chunk comes after all places, so that it changes none of them.
    padded = (_padded(each, chunks * length - places) for each in (decay, write))
    decay_BKQX, write_BKQX = (each.unflatten(1, (chunks, length)) for each in padded)
    product, state = decay_BKQX[:, :, 0], write_BKQX[:, :, 0]
    products, states = [product], [state]
    for q in range(1, length):
        state = torch.addcmul(write_BKQX[:, :, q], decay_BKQX[:, :, q], state)
        product = decay_BKQX[:, :, q] * product
        states.append(state)
        products.append(product)
    ends_BKX = _in_turn(product, state, start)
    carried_BKX = torch.cat([start.unsqueeze(1), ends_BKX[:, :-1]], 1)
    local_BKQX, since_BKQX = torch.stack(states, 2), torch.stack(products, 2)
    whole_BKQX = torch.addcmul(local_BKQX, since_BKQX, carried_BKX.unsqueeze(2))
    return whole_BKQX.flatten(1, 2)[:, :places]


def _padded(places: Tensor, count: int) -> Tensor:
    if not count:
        return places
    return torch.cat([places, places.new_zeros(places.shape[0], count, *places.shape[2:])], 1)


def _in_turn(decay: Tensor, write: Tensor, state: Tensor) -> Tensor:
    states = []
    for a, b in zip(decay.unbind(1), write.unbind(1), strict=True):
        state = torch.addcmul(b, a, state)
        states.append(state)
    return torch.stack(states, 1)
