"""Rows whose label a network doubts, by confident learning."""

from __future__ import annotations

import torch
from torch import Tensor

KNOWN = 0.3


class Suspects:
    """Averages each row's class probabilities over evaluations, and counts labels in doubt.

    With p̂_ik the mean probability of class k for row i and y_i its label, the threshold of a class
    is its mean self-confidence t_k = mean of p̂_ik over the rows with y_i = k. A row is suspected if
    the most probable of the classes with p̂_ik ≥ t_k is not its label. Evaluations count from the
    first one on at which the network knows what it doubts: three tenths of what the commonest class
    leaves are answered right.

    Reference: Northcutt, Jiang and Chuang, Confident learning, JAIR 2021.
    """

    def __init__(self, total_NC: Tensor | None = None, count: int = 0) -> None:
        self._sum = total_NC
        self._count = count

    @property
    def known(self) -> tuple[Tensor | None, int]:
        """The sum of probabilities so far and the number of evaluations in it, to begin with."""
        return self._sum, self._count

    def add(self, probabilities_NC: Tensor, labels_N: Tensor) -> float | None:
        """The share of rows suspected so far; None as long as nothing can be said."""
        p_NC, labels_N = probabilities_NC.detach().double().cpu(), labels_N.detach().long().cpu()
        if self._sum is None or self._sum.shape != p_NC.shape:
            if not knows(p_NC, labels_N):
                return None
            self._sum, self._count = torch.zeros_like(p_NC), 0
        self._sum += p_NC
        self._count += 1
        return suspected_share(self._sum / self._count, labels_N)


def knows(p_NC: Tensor, labels_N: Tensor) -> bool:
    """Whether the answers are right often enough that their doubts say something of the labels."""
    share = float(torch.bincount(labels_N).max()) / len(labels_N)
    right = float((p_NC.argmax(1) == labels_N).double().mean())
    return right - share >= KNOWN * (1 - share)


def suspected_share(p_NC: Tensor, labels_N: Tensor) -> float | None:
    """The share of rows that confident learning suspects."""
    t_C = thresholds(p_NC, labels_N)
    if t_C is None:
        return None
    return float((suggested(p_NC, labels_N, t_C) != labels_N).double().mean())


def thresholds(p_NC: Tensor, labels_N: Tensor) -> Tensor | None:
    """The mean self-confidence of each class, `[C]`; None where fewer than two have rows."""
    counts_C = torch.bincount(labels_N, minlength=p_NC.shape[1])
    if len(counts_C) > p_NC.shape[1] or int((counts_C > 0).sum()) < 2:
        return None
    own_N = p_NC[torch.arange(len(p_NC)), labels_N]
    sums_C = torch.zeros(p_NC.shape[1], dtype=p_NC.dtype).index_add_(0, labels_N, own_N)
    # A class without rows has no threshold and nobody is confident of it.
    return torch.where(counts_C > 0, sums_C / counts_C.clamp(min=1), torch.inf)


def suggested(p_NC: Tensor, labels_N: Tensor, t_C: Tensor) -> Tensor:
    """The most probable class that reaches its threshold, `[N]`; the label where none does."""
    confident_NC = torch.where(p_NC >= t_C, p_NC, -torch.inf)
    is_sure_N = torch.isfinite(confident_NC.amax(1))
    return torch.where(is_sure_N, confident_NC.argmax(1), labels_N)
