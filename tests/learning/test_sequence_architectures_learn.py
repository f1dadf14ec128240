"""Small networks for sequences learn small tasks that ask for what they are made for."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn import build
from ranvier.spec import LSTM, Dense, Network
from ranvier.spec.architectures import gpt, mamba, n_beats, patch_tst, tcn, transformer

seeds = pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
TINY = {"layers": 2, "units": 32, "heads": 2, "dropout": 0.0}

Draw = Callable[[torch.Generator], tuple[tuple[Tensor, ...], Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]


def trained(
    network: Network, draw: Draw, loss: Loss, *, steps: int, rate: float, seed: int
) -> nn.Module:
    """The network after so many steps of Adam, a new batch for each, the rate falling to nought."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    inputs, _ = draw(generator)
    module = build(network, tuple(tuple(each.shape[1:]) for each in inputs), seed=seed)
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(steps):
        inputs, target = draw(generator)
        optimizer.zero_grad()
        loss(module(*inputs), target).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return module.eval()


def words_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the words that are asked for; −1 is not."""
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-1)


# A chain of words: each depends on the one before it alone, in a way that is known.
STATES = 6


def chain(generator: torch.Generator, *, rows: int = 64, length: int = 24) -> Tensor:
    following = transitions()
    words = [torch.randint(0, STATES, (rows,), generator=generator)]
    for _ in range(length):
        words.append(following[words[-1]].multinomial(1, generator=generator).squeeze(1))
    return torch.stack(words, 1)


def transitions() -> Tensor:
    return torch.softmax(
        2 * torch.randn(STATES, STATES, generator=torch.Generator().manual_seed(5)), -1
    )


def entropy_of_the_chain() -> float:
    following = transitions().double()
    often = torch.full((STATES,), 1 / STATES, dtype=torch.float64)
    for _ in range(200):
        often = often @ following
    return float(-(often @ (following * following.log()).sum(-1)))


@seeds
@pytest.mark.parametrize(
    "network",
    [
        gpt(vocabulary=STATES, length=24, **TINY),
        mamba(vocabulary=STATES, layers=1, units=16, state=4),
    ],
    ids=["gpt", "mamba"],
)
def test_a_language_model_comes_within_a_fiftieth_of_a_chain_s_entropy(network, seed):
    def draw(generator):
        words = chain(generator)
        return (words[:, :-1],), words[:, 1:]

    module = trained(network, draw, words_loss, steps=100, rate=0.01, seed=seed)
    (words,), target = draw(torch.Generator().manual_seed(seed + 100))
    with torch.no_grad():
        reached = float(words_loss(module(words), target))
    entropy = entropy_of_the_chain()
    assert entropy < 0.8 * math.log(STATES)
    assert reached < 1.02 * entropy + 0.02


BEGIN, LETTERS, LENGTH = 1, 8, 5


def letters(generator: torch.Generator, rows: int = 64) -> Tensor:
    return torch.randint(2, 2 + LETTERS, (rows, LENGTH), generator=generator)


@seeds
def test_gpt_learns_to_say_a_word_backwards(seed):
    def draw(generator):
        word = letters(generator)
        begin = torch.full_like(word[:, :1], BEGIN)
        whole = torch.cat([word, begin, word.flip(1)], 1)
        target = whole[:, 1:].clone()
        target[:, :LENGTH] = -1
        return (whole[:, :-1],), target

    network = gpt(vocabulary=2 + LETTERS, length=2 * LENGTH, **TINY)
    module = trained(network, draw, words_loss, steps=250, rate=0.01, seed=seed)
    (whole,), target = draw(torch.Generator().manual_seed(seed + 100))
    with torch.no_grad():
        said = module(whole).argmax(-1)
    assert (said == target)[:, LENGTH:].double().mean() > 0.99


@seeds
def test_the_encoder_and_the_decoder_learn_to_say_a_word_backwards(seed):
    def draw(generator):
        word = letters(generator)
        begin = torch.full_like(word[:, :1], BEGIN)
        return (word, torch.cat([begin, word.flip(1)[:, :-1]], 1)), word.flip(1)

    network = transformer(
        vocabulary=2 + LETTERS, units=32, hidden=64, heads=2, layers=1, order="pre", dropout=0.0
    )
    module = trained(network, draw, words_loss, steps=200, rate=0.01, seed=seed)
    word = letters(torch.Generator().manual_seed(seed + 100))
    written = torch.full_like(word, BEGIN)
    with torch.no_grad():
        for place in range(LENGTH):
            following = module(word, written).argmax(-1)[:, place]
            if place + 1 < LENGTH:
                written[:, place + 1] = following
    said = torch.cat([written[:, 1:], following.unsqueeze(1)], 1)
    assert (said == word.flip(1)).all(1).double().mean() > 0.97


@seeds
@pytest.mark.parametrize(
    ("network", "steps"),
    [
        (tcn(features=2, outputs=1, filters=12, levels=3, kernel=3, dropout=0.0), 250),
        (Network(LSTM(24, sequence=False), Dense(1)), 400),
    ],
    ids=["tcn", "lstm"],
)
def test_two_marked_numbers_far_apart_are_added(network, steps, seed):
    """Answering the mean has an error of 1/6."""

    def draw(generator, rows=64, length=16):
        numbers = torch.rand(rows, length, generator=generator)
        half = length // 2
        marks = torch.zeros(rows, length)
        for start in (0, half):
            place = torch.randint(start, start + half, (rows, 1), generator=generator)
            marks.scatter_(1, place, 1.0)
        return (torch.stack([numbers, marks], -1),), (numbers * marks).sum(1, keepdim=True)

    module = trained(network, draw, F.mse_loss, steps=steps, rate=0.01, seed=seed)
    (rows,), target = draw(torch.Generator().manual_seed(seed + 100), rows=500)
    with torch.no_grad():
        assert float(F.mse_loss(module(rows), target)) < 0.1 * float(target.var())


SEASON, AHEAD, PAST = 12, 12, 48


def series(length: int = 900) -> Tensor:
    """A season on a level that rises and falls more slowly, and noise."""
    time = torch.arange(length, dtype=torch.float32)
    turns = 2 * math.pi * time / SEASON
    season = torch.sin(turns) + 0.5 * torch.cos(2 * turns)
    noise = torch.randn(length, generator=torch.Generator().manual_seed(3))
    return 2 + 0.8 * torch.sin(2 * math.pi * time / 97) + 0.5 * season + 0.05 * noise


@seeds
@pytest.mark.parametrize(
    "network",
    [
        n_beats(horizon=AHEAD, stacks=("generic",) * 2, units=32),
        n_beats(
            horizon=AHEAD, stacks=("trend", "seasonality"), trend_units=16, seasonality_units=32
        ),
        patch_tst(
            length=PAST, horizon=AHEAD, patch=12, stride=6, units=16, heads=2, hidden=32,
            layers=1, dropout=0.0,
        ),
    ],
    ids=["n_beats", "interpretable n_beats", "patch_tst"],
)  # fmt: skip
def test_a_forecast_beats_the_season_before_on_what_comes_later(network, seed):
    whole = series()
    seen, later = whole[:700], whole[700 - PAST :]
    has_features = network.name == "patch_tst"

    def windows(of: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        rows = of[starts.unsqueeze(1) + torch.arange(PAST + AHEAD)]
        rows = rows.unsqueeze(-1) if has_features else rows
        return rows[:, :PAST], rows[:, PAST:]

    def draw(generator):
        starts = torch.randint(0, len(seen) - PAST - AHEAD, (64,), generator=generator)
        past, future = windows(seen, starts)
        return (past,), future

    module = trained(network, draw, F.l1_loss, steps=250, rate=0.01, seed=seed)
    past, future = windows(later, torch.arange(len(later) - PAST - AHEAD))
    season_before = past[:, -SEASON:]
    with torch.no_grad():
        error = float(F.l1_loss(module(past), future))
    assert error < 0.3 * float(F.l1_loss(season_before, future))
