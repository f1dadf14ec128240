"""How much a network's probabilities must be sharpened or softened to mean what they say.

N pictures, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

EXPONENTS = torch.logspace(-2, 2, 33, base=2.0, dtype=torch.float64)
NOISES = torch.logspace(-3, -0.5, 16, dtype=torch.float64)
MOST_ROWS = 4096


def sharpened(p_NC: Tensor, exponent: float) -> Tensor:
    """p^b / Σ p^b: of an exponent above 1 surer, below 1 less sure."""
    return torch.softmax(exponent * p_NC.clamp(min=1e-300).log(), dim=1)


def best_exponent(p_NC: Tensor, labels_N: Tensor) -> float:
    """The exponent b under which the labels are likeliest, if some share ε of them is drawn blindly

        max over b and ε of  Σ_i log((1 − ε) p_i(y_i)^b / Σ_k p_i(k)^b + ε / C)

    Without ε, a few wrong labels would make any network look too sure of itself. Label smoothing
    and mixed pictures leave b above 1, long training below it.

    Reference: Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (1 / b there).
    """
    rows = torch.linspace(0, len(p_NC) - 1, min(len(p_NC), MOST_ROWS)).round().long().unique()
    p_NC, labels_N1 = p_NC[rows], labels_N[rows].unsqueeze(1)
    likelihoods = []
    for exponent in EXPONENTS.tolist():
        own_N1 = sharpened(p_NC, exponent).gather(1, labels_N1)
        under_noise = torch.log((1 - NOISES) * own_N1 + NOISES / p_NC.shape[1])
        likelihoods.append(under_noise.mean(0).max())
    return float(EXPONENTS[int(torch.stack(likelihoods).argmax())])
