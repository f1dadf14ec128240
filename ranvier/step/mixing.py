"""A batch whose rows are mixed with each other before an update sees them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.core.errors import ConfigError
from ranvier.losses import BinaryLoss, ClassLoss, Loss
from ranvier.losses.loss import one_where_zero
from ranvier.losses.placewise import PlacewiseLoss
from ranvier.nn.mixing import Mix, mixed
from ranvier.step.head import Head
from ranvier.step.objective import Batch


@dataclass(frozen=True)
class Mixing:
    """Mixup and cutmix of the rows of an update, by the alphas of their Beta distributions.

        x_b ← λ x_b + (1 − λ) x_p,  w_b ← W = λ w_b + (1 − λ) w_p
        y_b ← (λ w_b y_b + (1 − λ) w_p y_p) / W

    A loss that is linear in the target, as those of classes are, is then that of both
    rows as they weigh, λ w_b ℓ(z, y_b) + (1 − λ) w_p ℓ(z, y_p), and a squared error has its
    gradient. Where both alphas are above 0, a coin takes one of the two for every batch. A class
    becomes probabilities `[B, C]`, or the probability of the second where the network gives one
    score; several classes and numbers are mixed as they are.

    Reference: Zhang et al. 2018, arXiv:1710.09412; Yun et al. 2019, arXiv:1905.04899.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mixup", "cutmix"):
            alpha = getattr(self, name)
            if not 0 <= alpha < float("inf"):
                raise ConfigError(
                    f"{name}={alpha:g}: expected a number of at least 0, such as 0.2; 0 for not."
                )

    def __bool__(self) -> bool:
        return bool(self.mixup or self.cutmix)

    def require_fit(self, loss: Loss, head: Head) -> None:
        """Refuse a loss that takes no target between two others.

        Raises:
            ConfigError: saying what such a loss wants.
        """
        if not self or _takes_between(loss, head):
            return
        given = " and ".join(name for name in ("mixup", "cutmix") if getattr(self, name))
        why = (
            f"its option ignore={loss.ignore} looks for a class number"
            if isinstance(loss, ClassLoss) and loss.ignore is not None
            else "it takes each row's target whole"
        )
        raise ConfigError(
            f"loss {loss.kind}: {given} gives rows that are partly of one class and partly of "
            f"another, and {why}. Leave {given} out, or take another loss, such as "
            f"{'cross_entropy' if head.task.is_classification else 'mean_squared_error'}."
        )

    def __call__(
        self, batch: Batch, head: Head, *, generator: torch.Generator | None = None
    ) -> Batch:
        """The batch, mixed; drawn from torch's own generator unless another comes.

        Raises:
            ShapeError, ConfigError: for inputs that cannot be mixed so.
        """
        if not self:
            return batch
        inputs, targets, weights = batch
        mix = mixed(inputs, mixup=self.mixup, cutmix=self.cutmix, generator=generator)
        soft = _between(targets, head)
        if weights is None:
            return Batch(mix.inputs, mix.of(soft))
        total = mix.of(weights)
        return Batch(mix.inputs, mix.of(soft, _weighed(mix, weights, total)), total)


def _weighed(mix: Mix, weights: Tensor, total: Tensor) -> Tensor:
    """What of a mixed row's weight is the row's own, λ w / W; where nothing weighs, λ."""
    return torch.where(total > 0, mix.share * weights / one_where_zero(total), mix.share)


def _between(targets: Tensor, head: Head) -> Tensor:
    """Targets in a form that has something between any two."""
    if not head.task.is_classification or head.single_logit:
        return targets if targets.is_floating_point() else targets.float()
    if targets.ndim > 1:
        return targets
    none = torch.zeros(len(targets), head.task.outputs, device=targets.device)
    return none.scatter(1, targets.unsqueeze(1), 1.0)


def _takes_between(loss: Loss, head: Head) -> bool:
    if head.task.is_classification:
        is_soft = isinstance(loss, ClassLoss) and loss.ignore is None
        return is_soft or isinstance(loss, BinaryLoss)
    return isinstance(loss, PlacewiseLoss)
