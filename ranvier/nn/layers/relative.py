"""Places and distances at work: features turned by their place, and what is added to scores.

B batch, H heads, T places of the query, S of the keys, D features per head, R of them that turn.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ranvier.spec.layers.relative import Alibi, BucketedBias, DistanceBias, Relative, Rotary


def angles(places_T: Tensor, waves: int, base: float) -> Tensor:
    """t · base^(−i / waves) for every place and i = 0 … waves − 1.

    In float32 at least: half precision cannot tell the places of a long sequence apart.

    Shapes: [..., T] -> [..., T, waves].
    """
    exponents = torch.arange(waves, dtype=places_T.dtype, device=places_T.device) / waves
    return places_T.unsqueeze(-1) * torch.pow(base, -exponents)


def counting(like: Tensor, start: int, length: int) -> Tensor:
    """The places from `start` on, as numbers that are exact, on the device of `like`."""
    dtype = torch.promote_types(like.dtype, torch.float32)
    return torch.arange(start, start + length, dtype=dtype, device=like.device)


def turn(heads_BHTD: Tensor, rotary: Rotary, start: int) -> Tensor:
    """The first R features of each head, turned in pairs by the angle of their place.

    Shapes: [B, H, T, D] -> the same.
    """
    length, features = heads_BHTD.shape[-2:]
    turned = rotary.turned(features)
    angles_TR = angles(counting(heads_BHTD, start, length), turned // 2, rotary.base)
    cosine, sine = angles_TR.cos().to(heads_BHTD.dtype), angles_TR.sin().to(heads_BHTD.dtype)
    pairs, rest = heads_BHTD[..., :turned], heads_BHTD[..., turned:]
    if rotary.interleaved:
        u, v = pairs[..., 0::2], pairs[..., 1::2]
    else:
        u, v = pairs.chunk(2, dim=-1)
    new = (u * cosine - v * sine, u * sine + v * cosine)
    joined = torch.stack(new, dim=-1).flatten(-2) if rotary.interleaved else torch.cat(new, dim=-1)
    return torch.cat([joined, rest], dim=-1) if turned < features else joined


def bias(
    positions: Relative, distances_TS: Tensor, table: Tensor | None, *, heads: int, causal: bool
) -> Tensor:
    """What is added to the scores of places that lie so far apart; a distance is j − i.

    Shapes: [T, S] -> [H, T, S].
    """
    if isinstance(positions, Alibi):
        return -_slopes(heads, distances_TS)[:, None, None] * distances_TS.abs()
    assert table is not None
    if isinstance(positions, BucketedBias):
        rows_TS = bucket(positions, distances_TS, causal=causal)
    else:
        assert isinstance(positions, DistanceBias)
        most = positions.max_distance
        rows_TS = distances_TS.long().clamp(-most, most) + most
    return table[rows_TS].permute(2, 0, 1)


def _slopes(heads: int, like: Tensor) -> Tensor:
    """2^(−8h/P) for the first P heads, P the last power of two, then every other one of 2P's."""
    power = 1 << (heads.bit_length() - 1)
    head = torch.arange(heads, dtype=like.dtype, device=like.device)
    first, others = -8 * (head + 1) / power, -4 * (2 * (head - power) + 1) / power
    return torch.exp2(torch.where(head < power, first, others))


def bucket(positions: BucketedBias, distances: Tensor, *, causal: bool) -> Tensor:
    """The bucket of each distance: one each while they are small, then by their logarithm."""
    buckets = positions.buckets if causal else positions.buckets // 2
    single = buckets // 2
    after = torch.zeros_like(distances) if causal else (distances > 0) * buckets
    far = (-distances).clamp_min(0) if causal else distances.abs()
    growth = (buckets - single) / math.log(positions.max_distance / single)
    wide = single + (far.clamp_min(1) / single).log().mul(growth).floor()
    return (after + torch.where(far < single, far, wide.clamp_max(buckets - 1))).long()
