"""Losses of embeddings against their equations in NumPy float64, derivatives by hand.

Where samples of a batch are compared, an oracle gives every sample's loss, what it counts, and its
slopes by the cosines or distances s_ij; one chain rule leads from those to the embeddings.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ranvier.losses import (
    Circle,
    Contrastive,
    CosineEmbedding,
    InfoNCE,
    MinedTriplet,
    MultiSimilarity,
    NTXent,
    Triplet,
)
from tests.reference.loss_oracle import Case, close, log_softmax, softmax, value_and_gradient

B, D = 8, 4
RNG = np.random.default_rng(8)
WEIGHT = RNG.uniform(0.1, 3.0, B)
ANSWERS = np.array([0, 1, 1, 0, 1, 0, 0, 1])
# Sample 3 has no like.
LABELS = np.array([0, 1, 1, 2, 0, 0, 3, 3])
EMBEDDINGS, PAIRS, TRIPLETS = (RNG.normal(0, 2, shape) for shape in [(B, D), (B, 2, D), (B, 3, D)])
with_weights = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted rows"])


def size(x):
    return np.sqrt((x**2).sum(-1))


def contrastive(margin):
    def oracle(z, alike):
        gap = z[:, 0] - z[:, 1]
        d, lack = size(gap), np.maximum(0, margin - size(gap))
        each = 0.5 * (alike * d**2 + (1 - alike) * lack**2)
        by_one = ((alike * d - (1 - alike) * lack) / d)[:, None] * gap
        return each, np.stack([by_one, -by_one], 1), np.ones(len(z))

    return oracle


def cosine_embedding(margin):
    def oracle(z, alike):
        one, other = z[:, 0], z[:, 1]
        # torch adds as much under both roots.
        one_2, other_2 = (one**2).sum(1) + 1e-12, (other**2).sum(1) + 1e-12
        cos = (one * other).sum(1) / np.sqrt(one_2 * other_2)
        each = np.where(alike > 0, 1 - cos, np.maximum(0, cos - margin))
        sign = np.where(alike > 0, -1.0, (cos > margin) * 1.0)[:, None]
        by_one = other / np.sqrt(one_2 * other_2)[:, None] - cos[:, None] * one / one_2[:, None]
        by_other = one / np.sqrt(one_2 * other_2)[:, None] - cos[:, None] * other / other_2[:, None]
        return each, np.stack([sign * by_one, sign * by_other], 1), np.ones(len(z))

    return oracle


def triplet(margin):
    def oracle(z, _):
        to_like = z[:, 0] - z[:, 1] + 1e-6
        to_unlike = z[:, 0] - z[:, 2] + 1e-6
        each = np.maximum(0, size(to_like) - size(to_unlike) + margin)
        active = (each > 0)[:, None] * 1.0
        by_like = -active * to_like / size(to_like)[:, None]
        by_unlike = active * to_unlike / size(to_unlike)[:, None]
        return each, np.stack([-by_like - by_unlike, by_like, by_unlike], 1), np.ones(len(z))

    return oracle


TOGETHER = {
    "contrastive": Case(Contrastive(5.0), contrastive(5.0), PAIRS, ANSWERS),
    "cosine embedding": Case(CosineEmbedding(0.1), cosine_embedding(0.1), PAIRS, ANSWERS),
    "triplet": Case(Triplet(2.0), triplet(2.0), TRIPLETS, LABELS),
}


@with_weights
@pytest.mark.parametrize("case", TOGETHER.values(), ids=TOGETHER)
def test_a_loss_of_embeddings_given_together_follows_the_equation(case: Case, weight):
    case.check(weight)
    case.check_each()


def masks(labels):
    same = labels[:, None] == labels[None, :]
    return same & ~np.eye(len(labels), dtype=bool), ~same


def hard(margin):
    def oracle(d, labels):
        each, slopes = np.zeros(B), np.zeros((B, B))
        alike, unlike = masks(labels)
        for i in np.flatnonzero(alike.any(1) & unlike.any(1)):
            j = max(np.flatnonzero(alike[i]), key=lambda j: d[i, j])
            k = min(np.flatnonzero(unlike[i]), key=lambda k: d[i, k])
            if d[i, j] - d[i, k] + margin > 0:
                each[i] = d[i, j] - d[i, k] + margin
                slopes[i, j] += 1
                slopes[i, k] -= 1
        return each, slopes, (alike.any(1) & unlike.any(1)) * 1.0

    return oracle


def semi_hard(margin):
    def oracle(d, labels):
        each, slopes = np.zeros(B), np.zeros((B, B))
        alike, unlike = masks(labels)
        for i in np.flatnonzero(alike.any(1) & unlike.any(1)):
            likes, unlikes = np.flatnonzero(alike[i]), np.flatnonzero(unlike[i])
            for j in likes:
                beyond = [k for k in unlikes if d[i, k] > d[i, j]]
                distance = lambda k: d[i, k]  # noqa: E731, B023
                k = min(beyond, key=distance) if beyond else max(unlikes, key=distance)
                lack = d[i, j] - d[i, k] + margin
                if lack > 0:
                    each[i] += lack / len(likes)
                    slopes[i, j] += 1 / len(likes)
                    slopes[i, k] -= 1 / len(likes)
        return each, slopes, (alike.any(1) & unlike.any(1)) * 1.0

    return oracle


def circle(margin, scale):
    def oracle(s, labels):
        each, slopes = np.zeros(B), np.zeros((B, B))
        alike, unlike = masks(labels)
        for i in np.flatnonzero(alike.any(1) & unlike.any(1)):
            push = np.maximum(0, s[i] + margin) * (s[i] - margin) * scale
            pull = -np.maximum(0, 1 + margin - s[i]) * (s[i] - 1 + margin) * scale
            from_unlike = np.exp(push[unlike[i]]).sum()
            from_like = np.exp(pull[alike[i]]).sum()
            each[i] = np.log1p(from_unlike * from_like)
            firing = from_unlike * from_like / (1 + from_unlike * from_like)
            by_push = np.where(unlike[i], np.exp(push) / from_unlike, 0) * firing
            by_pull = np.where(alike[i], np.exp(pull) / from_like, 0) * firing
            slopes[i] = by_push * np.where(s[i] > -margin, 2 * scale * s[i], 0)
            slopes[i] += by_pull * np.where(s[i] < 1 + margin, 2 * scale * (s[i] - 1), 0)
        return each, slopes, (alike.any(1) & unlike.any(1)) * 1.0

    return oracle


def multi_similarity(base, like_scale, unlike_scale):
    def oracle(s, labels):
        alike, unlike = masks(labels)
        pull = np.where(alike, np.exp(-like_scale * (s - base)), 0)
        push = np.where(unlike, np.exp(unlike_scale * (s - base)), 0)
        pulls, pushes = 1 + pull.sum(1), 1 + push.sum(1)
        each = np.log(pulls) / like_scale + np.log(pushes) / unlike_scale
        slopes = push / pushes[:, None] - pull / pulls[:, None]
        return each, slopes, (alike.any(1) & unlike.any(1)) * 1.0

    return oracle


def distances(x):
    gap = x[:, None] - x[None, :]
    d = size(gap)
    return d, gap / np.where(d > 0, d, 1)[..., None]


def cosines(x):
    """s_ij, and its slope by x_i."""
    unit = x / size(x)[:, None]
    s = unit @ unit.T
    return s, (unit[None, :] - s[..., None] * unit[:, None]) / size(x)[:, None, None]


LABELLED = {
    "hard": (MinedTriplet(2.0, mining="hard"), hard(2.0), distances),
    "semi-hard": (MinedTriplet(1.5), semi_hard(1.5), distances),
    "circle": (Circle(0.3, 4.0), circle(0.3, 4.0), cosines),
    "multi-similarity": (MultiSimilarity(0.4, 3.0, 10.0), multi_similarity(0.4, 3, 10), cosines),
}


@with_weights
@pytest.mark.parametrize(("loss", "oracle", "measure"), LABELLED.values(), ids=LABELLED)
def test_a_loss_that_compares_by_labels_follows_the_equation(loss, oracle, measure, weight):
    s, s_by_x = measure(EMBEDDINGS)
    each, slopes, counts = oracle(s, LABELS)
    share = counts * (1 if weight is None else weight)
    share = share / share.sum()
    by_s = share[:, None] * slopes
    # x_i moves s_ij and s_ji alike.
    expected = ((by_s + by_s.T)[..., None] * s_by_x).sum(1)

    value, gradient = value_and_gradient(loss, EMBEDDINGS, LABELS, weight)

    close(value, (share * each).sum())
    close(gradient, expected)
    given = loss.each(torch.as_tensor(EMBEDDINGS), torch.as_tensor(LABELS)).numpy()
    close(counts * given, counts * each)
    assert counts[3] == 0


def unit_slopes(views, by_unit):
    """From slopes by unit vectors to slopes by the vectors: (g − (g·û)·û) / ‖x‖."""
    length = size(views)[..., None]
    unit = views / length
    return (by_unit - (by_unit * unit).sum(-1, keepdims=True) * unit) / length


@with_weights
def test_the_two_ways_of_info_nce_follow_the_equation(weight):
    temperature = 0.4
    share = np.ones(B) / B if weight is None else weight / weight.sum()
    unit = PAIRS / size(PAIRS)[..., None]
    s = unit[:, 0] @ unit[:, 1].T / temperature
    each = -0.5 * (np.diag(log_softmax(s)) + np.diag(log_softmax(s.T)))
    by_s = 0.5 * share[:, None] * (softmax(s) - np.eye(B))
    by_s += (0.5 * share[:, None] * (softmax(s.T) - np.eye(B))).T
    by_unit = np.stack([by_s @ unit[:, 1], by_s.T @ unit[:, 0]], 1) / temperature

    value, gradient = value_and_gradient(InfoNCE(temperature), PAIRS, ANSWERS, weight)

    close(value, (share * each).sum())
    close(gradient, unit_slopes(PAIRS, by_unit))


@with_weights
def test_nt_xent_follows_the_equation(weight):
    temperature = 0.4
    share = np.ones(B) / B if weight is None else weight / weight.sum()
    views = np.concatenate([PAIRS[:, 0], PAIRS[:, 1]])
    unit = views / size(views)[:, None]
    s = unit @ unit.T / temperature
    apart = np.exp(s) * ~np.eye(2 * B, dtype=bool)
    p = apart / apart.sum(1, keepdims=True)
    other = (np.arange(2 * B) + B) % (2 * B)
    each = -np.log(p[np.arange(2 * B), other]).reshape(2, B).mean(0)
    by_s = 0.5 * np.tile(share, 2)[:, None] * (p - np.eye(2 * B)[other])
    by_unit = (by_s + by_s.T) @ unit / temperature

    value, gradient = value_and_gradient(NTXent(temperature), PAIRS, ANSWERS, weight)

    close(value, (share * each).sum())
    slopes = unit_slopes(views, by_unit)
    close(gradient, np.stack([slopes[:B], slopes[B:]], 1))
