"""What an agent earned, and for how long.

Dimensions: N episodes, S steps of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranvier.core.errors import ConfigError, DataError
from ranvier.metrics.metric import Takes, metric
from ranvier.metrics.rows import Floats, Rows, checked_weights, weighted_mean


@dataclass(frozen=True)
class Episodes(Rows):
    """rewards [S] of all steps, one episode after the other, their lengths [N], weights [N]."""

    takes: ClassVar[Takes] = "episodes"
    rewards: Floats
    lengths: NDArray[np.int64]
    weights: Floats

    @classmethod
    def of(cls, rewards: Iterable[ArrayLike], *, weights: ArrayLike | None = None) -> Episodes:
        """Rows from the rewards of each episode, step by step.

        Raises:
            ShapeError: not one weight per episode.
            DataError: an episode of no step, or of what is not a line of numbers.

        >>> Episodes.of([[1, 1, 1], [0, 5]]).returns
        array([3., 5.])
        """
        steps = [np.asarray(episode, dtype=np.float64) for episode in rewards]
        for index, episode in enumerate(steps):
            if episode.ndim != 1 or not len(episode):
                raise DataError(
                    f"metrics of episodes: episode {index} has rewards of shape {episode.shape}; "
                    "expected one number per step, and at least one step. "
                    "Leave out an episode that did not begin."
                )
        weights_N = checked_weights(weights, len(steps))
        kept = [episode for episode, weight in zip(steps, weights_N) if weight > 0]
        lengths = np.array([len(episode) for episode in kept], dtype=np.int64)
        return cls(np.concatenate([np.zeros(0), *kept]), lengths, weights_N[weights_N > 0])

    @property
    def numbers(self) -> tuple[Floats, ...]:
        return (self.rewards,)

    @property
    def returns(self) -> Floats:
        """The sum of each episode's rewards, [N]."""
        return self.discounted(1.0)

    def discounted(self, discount: float) -> Floats:
        """Σ_t γᵗ·r_t of each episode, t from 0, [N]."""
        starts = np.cumsum(self.lengths) - self.lengths
        step = np.arange(len(self.rewards)) - np.repeat(starts, self.lengths)
        return np.add.reduceat(self.rewards * discount**step, starts)


@metric(
    "episode_return",
    "episodes",
    better="higher",
    other_spellings=("return", "mean_return", "ep_rew_mean", "reward"),
)
def episode_return(rows: Episodes) -> float:
    """Mean over episodes of the sum of their rewards."""
    return weighted_mean(rows.returns, rows.weights)


@metric("discounted_return", "episodes", better="higher")
def discounted_return(rows: Episodes, *, discount: float = 0.99) -> float:
    """Mean over episodes of Σ_t γᵗ·r_t: a reward counts less the later it comes.

    Raises:
        ConfigError: a discount outside 0 to 1.

    Reference: Sutton and Barto, Reinforcement Learning (2018), 3.3.
    """
    if not 0 <= discount <= 1:
        raise ConfigError(f"discounted_return: got discount = {discount}; expected 0 to 1.")
    return weighted_mean(rows.discounted(discount), rows.weights)


@metric("episode_length", "episodes", better="higher", other_spellings=("length", "ep_len_mean"))
def episode_length(rows: Episodes) -> float:
    """Mean number of steps of an episode.

    Longer is better where every step survived is rewarded, as balancing is; where steps cost, as in
    a maze, it is `episode_return` that says so.
    """
    return weighted_mean(rows.lengths.astype(np.float64), rows.weights)
