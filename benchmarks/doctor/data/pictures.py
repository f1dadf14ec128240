"""Pictures, `[N, channels, height, width]`."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.doctor.data import tables
from benchmarks.doctor.data.split import divided
from benchmarks.doctor.program import Rows

SIDE = 16


def digits(seed: int) -> Rows:
    """1,797 digits of 8 × 8 pixels from 0 to 1."""
    rows = tables.digits(seed)
    x, xv = rows.inputs.reshape(-1, 1, 8, 8), rows.held_out.reshape(-1, 1, 8, 8)
    return Rows(x, rows.targets, xv, rows.held_out_targets, rows.truth)


def large_digits(seed: int) -> Rows:
    """The same: is it 5 or more?"""
    rows = digits(seed)
    y, yv = (part // 5 for part in (rows.targets, rows.truth))
    return Rows(rows.inputs, y, rows.held_out, yv, yv)


def shapes(seed: int) -> Rows:
    """900 coloured pictures of a disc, a square or a cross, standardised."""
    x, kind, _ = _shapes(seed)
    return divided(x, kind, seed)


def sizes(seed: int) -> Rows:
    """The same: how large is the shape? The target is standardised, `[N, 1]`."""
    x, _, size = _shapes(seed)
    return divided(x, ((size - size.mean()) / size.std())[:, None], seed)


def _shapes(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(6000 + seed)
    count = 900
    kind, size = random.integers(0, 3, count), random.uniform(2, 5, count)
    center = random.uniform(5, SIDE - 5, (2, count, 1, 1))
    down, right = np.abs(np.mgrid[:SIDE, :SIDE][:, None] - center)
    reach = size[:, None, None]
    disc, square = np.hypot(down, right) <= reach, np.maximum(down, right) <= reach
    cross = square & (np.minimum(down, right) <= 1)
    drawn = np.choose(kind[:, None, None], (disc, square, cross)).astype(float)
    color = random.uniform(0.3, 1, (count, 3, 1, 1))
    x = color * drawn[:, None] + random.normal(scale=0.15, size=(count, 3, SIDE, SIDE))
    return (x - x.mean()) / x.std(), kind, size


def picture_sequences(seed: int) -> Rows:
    """The digits as eight places of eight numbers, `[N, 8, 8]`."""
    rows = tables.digits(seed)
    x, xv = rows.inputs.reshape(-1, 8, 8), rows.held_out.reshape(-1, 8, 8)
    return Rows(x, rows.targets, xv, rows.held_out_targets, rows.truth)


def noisy_digits(seed: int) -> Rows:
    """The digits with noise, and without it as the target."""
    rows = digits(seed)
    noise = torch.Generator().manual_seed(seed)
    x, xv = (
        part + 0.2 * torch.randn(part.shape, generator=noise)
        for part in (rows.inputs, rows.held_out)
    )
    return Rows(x, rows.inputs, xv, rows.held_out, rows.held_out)
