"""Series `[N, places, features]`, and sequences of tokens `[N, places]`."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.doctor.data.split import divided
from benchmarks.doctor.program import Rows


def waves(seed: int) -> Rows:
    """1,200 series of 32 places: which of three frequencies is in the noise?"""
    random = np.random.default_rng(3000 + seed)
    kind = random.integers(0, 3, 1200)
    time, phase = np.arange(32) / 32, random.uniform(0, 2 * np.pi, (1200, 1))
    wave = np.sin(2 * np.pi * np.array([2, 4, 7])[kind][:, None] * time + phase)
    x = wave + random.normal(scale=0.5, size=wave.shape)
    return divided(x[:, :, None], kind, seed)


def wave_pieces(seed: int) -> Rows:
    """The same in four pieces of eight places each, `[N, 4, 8]`."""
    rows = waves(seed)
    x, xv = rows.inputs.reshape(-1, 4, 8), rows.held_out.reshape(-1, 4, 8)
    return Rows(x, rows.targets, xv, rows.held_out_targets, rows.truth)


def next_value(seed: int) -> Rows:
    """Stretches of 20 places of a noisy oscillation, and the number that comes next, `[N, 1]`.

    The first 700 are trained on, as they follow each other, and the last 240 held out.
    """
    random = np.random.default_rng(3100 + seed)
    time = np.arange(1000)
    series = np.sin(time / 5) + 0.5 * np.sin(time / 11 + 1) + 0.1 * random.normal(size=1000)
    stretches = np.lib.stride_tricks.sliding_window_view((series / series.std()), 21)
    x, y, xv, yv = (
        torch.from_numpy(part.astype(np.float32))
        for half in (stretches[:700], stretches[-240:])
        for part in (half[:, :-1, None], half[:, -1:])
    )
    return Rows(x, y, xv, yv, yv)


def two_sensors(seed: int) -> Rows:
    """1,000 series of 24 places from two sensors: do they rise together?"""
    random = np.random.default_rng(3200 + seed)
    together = random.integers(0, 2, 1000)
    drift = random.normal(scale=0.5, size=(1000, 24)).cumsum(1)
    other = np.where(
        together[:, None] == 1, drift, random.normal(scale=0.5, size=(1000, 24)).cumsum(1)
    )
    x = np.stack([drift, other], 2) + random.normal(scale=0.2, size=(1000, 24, 2))
    return divided(x / x.std(), together, seed)


def first_halves(seed: int) -> Rows:
    """1,500 rows of 12 tokens from 0 to 9: is the largest in the first half?"""
    random = np.random.default_rng(4000 + seed)
    tokens = random.integers(0, 10, (1500, 12))
    label = (tokens[:, :6].max(1) > tokens[:, 6:].max(1)).astype(int)
    return divided(tokens, label, seed)


def commoner(seed: int) -> Rows:
    """1,400 rows of 15 tokens from 0 to 7: is there more of 1 than of 2?"""
    random = np.random.default_rng(4100 + seed)
    tokens = random.choice(8, (1400, 15), p=[0.1, 0.25, 0.25, 0.08, 0.08, 0.08, 0.08, 0.08])
    label = ((tokens == 1).sum(1) > (tokens == 2).sum(1)).astype(int)
    return divided(tokens, label, seed)


def opinions(seed: int) -> Rows:
    """1,200 texts of 20 words out of 60: ten praise, ten blame, which are more?"""
    random = np.random.default_rng(4200 + seed)
    mood = random.integers(0, 2, 1200)
    weights = np.ones((2, 60))
    weights[0, :10], weights[1, 10:20] = 3.0, 3.0
    words = np.stack([random.choice(60, 20, p=weights[m] / weights[m].sum()) for m in mood])
    return divided(words, mood, seed)


def chain(seed: int) -> Rows:
    """800 stretches of 16 tokens out of 8 of a Markov chain, and the token after each, `[N, 16]`.

    One of two tokens comes next, four times out of five the first: nobody is right on more than
    80 %.
    """
    random = np.random.default_rng(4300)
    after = np.stack([random.permutation(8)[:2] for _ in range(8)])
    random = np.random.default_rng(4300 + seed)
    tokens = np.zeros((800, 17), dtype=int)
    tokens[:, 0] = random.integers(0, 8, 800)
    for place in range(16):
        turn = (random.uniform(size=800) > 0.8).astype(int)
        tokens[:, place + 1] = after[tokens[:, place], turn]
    return divided(tokens[:, :-1], tokens[:, 1:], seed)
