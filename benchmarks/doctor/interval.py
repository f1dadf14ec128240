"""How sure a share is that was counted on so many runs."""

from __future__ import annotations

from statistics import NormalDist

CONFIDENCE = 0.95


def wilson(count: int, total: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval of a share p̂ of `count` in `total` n, with q̂ = 1 − p̂.

    (p̂ + z²/2n ± z √(p̂q̂/n + z²/4n²)) / (1 + z²/n)

    >>> [round(end, 4) for end in wilson(0, 100)]
    [0.0, 0.037]

    Reference: Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = count / total
    middle = p + z**2 / (2 * total)
    half = z * (p * (1 - p) / total + z**2 / (4 * total**2)) ** 0.5
    scale = 1 + z**2 / total
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
