"""From an output of any size to a positive number, and logarithms of the gamma function.

All of it stays finite for any finite output, where the plain exponential would overflow, and keeps
its digits where the plain difference of two logarithms of the gamma function would lose them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# exp(30) is 10¹³: more than a mean or a rate is, and its square still fits float32.
TANGENT_FROM = 30.0
# torch's default of 20 is wrong by 2·10⁻⁹ where it switches; at 40 nothing is lost in float64.
SOFTPLUS_THRESHOLD = 40.0
STIRLING_FROM = 16.0
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def tangent_exponential(x: Tensor) -> Tensor:
    """exp(x) up to x = 30, and the tangent at 30 beyond it."""
    near = x.clamp(max=TANGENT_FROM)
    return near.exp() * (1 + (x - near))


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) to the last digit."""
    return F.softplus(x, threshold=SOFTPLUS_THRESHOLD)


def stirling_remainder(x: Tensor) -> Tensor:
    """What Stirling's formula leaves of log Γ(x): R(x) = log Γ(x) − (x − ½)·log x + x − ½·log 2π.

    From its series 1/12x − 1/360x³ + 1/1260x⁵ − … where x is large, since the terms it is the
    difference of are then large and nearly alike.
    """
    small, large = x.clamp(max=STIRLING_FROM), x.clamp(min=STIRLING_FROM)
    direct = torch.lgamma(small) - (small - 0.5) * small.log() + small - HALF_LOG_TWO_PI
    inverse = large.reciprocal()
    square = inverse * inverse
    series = 1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360)))
    series = inverse * (1 / 12 - square * (1 / 360 - square * series))
    return torch.where(x < STIRLING_FROM, direct, series)


def log_gamma_ratio(x: Tensor, step: Tensor | float) -> Tensor:
    """log Γ(x + step) − log Γ(x), without the cancellation of two large numbers."""
    beyond = x + step
    growth = step * x.log() + (beyond - 0.5) * torch.log1p(step / x) - step
    return growth + stirling_remainder(beyond) - stirling_remainder(x)
