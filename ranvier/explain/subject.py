"""The network that is explained: held still while it is asked, and left as it was.

B pictures, H × W pixels, C channels, K outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ranvier.core.errors import NetworkError

# What a block of pictures holds at most; a block of these and a ResNet-50 take about 1 GiB.
PIXELS = 2**18
MOST_ROWS = 64


@contextmanager
def still(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode with gradients on; each part's own mode comes back after it.

    Gradients are only ever asked for with respect to pixels and activations, so that no parameter
    gets one.
    """
    training = {each: each.training for each in module.modules()}
    try:
        module.eval()
        with torch.enable_grad():
            yield
    finally:
        for each, was in training.items():
            each.training = was


def rows_at_a_time(height: int, width: int) -> int:
    """How many pictures of this size go through the network at once.

    >>> rows_at_a_time(28, 28), rows_at_a_time(224, 224), rows_at_a_time(4000, 3000)
    (64, 5, 1)
    """
    return max(1, min(MOST_ROWS, PIXELS // (height * width)))


@dataclass(frozen=True, eq=False)
class Subject:
    """A network of pictures, asked for the number that is explained, so many `rows` at a time.

    That number is the network's output for the target class, as it gives it: a logit, unless the
    network itself ends in a softmax. `is_pair` says that there are two classes, so that a network
    with one output z answers for both: z speaks for the second, −z for the first.
    """

    module: nn.Module
    rows: int
    is_pair: bool = False

    def outputs(self, pixels_BHWC: Tensor) -> Tensor:
        """What the network gives, `[B, K]`, K = 1 for a number.

        Raises:
            NetworkError: if it does not take pictures, or does not give a row of numbers for each.
        """
        name = type(self.module).__name__
        try:
            given = self.module(pixels_BHWC)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise NetworkError(
                f"{name}: called with pictures {tuple(pixels_BHWC.shape)}, it said: {error}. "
                "Expected a network that takes pictures [B, H, W, C]; give pictures in the size "
                "that it was made for, or let its forward move the channels."
            ) from error
        if not isinstance(given, Tensor) or given.dim() not in (1, 2) or not given.shape[0]:
            shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
            raise NetworkError(
                f"{name}: gives {shape} for pictures {tuple(pixels_BHWC.shape)}; expected an "
                "output per class [B, classes], or one number [B]. Explain the part of the network "
                "that gives those."
            )
        output_BK = given.unsqueeze(1) if given.dim() == 1 else given
        if self.is_pair and output_BK.shape[1] == 1:
            return torch.cat([-output_BK, output_BK], dim=1)
        return output_BK

    def score(self, pixels_BHWC: Tensor, targets_B: Tensor) -> Tensor:
        """The number that is explained, one a picture: `[B]`."""
        return self.outputs(pixels_BHWC).gather(1, targets_B.unsqueeze(1)).squeeze(1)

    def scores(self, pixels_BHWC: Tensor, targets_B: Tensor) -> Tensor:
        """`score` of any number of pictures, without a gradient."""
        with torch.no_grad():
            blocks = self.blocks(pixels_BHWC, targets_B)
            return torch.cat([self.score(pixels, targets) for pixels, targets in blocks])

    def gradient(self, pixels_BHWC: Tensor, targets_B: Tensor) -> Tensor:
        """∂score/∂pixel of any number of pictures: `[B, H, W, C]`.

        Raises:
            NetworkError: if the network cannot be differentiated with respect to its pixels.
        """
        return torch.cat([self._gradient(*block) for block in self.blocks(pixels_BHWC, targets_B)])

    def _gradient(self, pixels_BHWC: Tensor, targets_B: Tensor) -> Tensor:
        asked = pixels_BHWC.detach().requires_grad_()
        score_B = self.score(asked, targets_B)
        if not score_B.requires_grad:
            raise NetworkError(self._without_gradient())
        (found,) = torch.autograd.grad(score_B.sum(), asked, allow_unused=True)
        if found is None:
            raise NetworkError(self._without_gradient())
        return found

    def _without_gradient(self) -> str:
        return (
            f"{type(self.module).__name__}: its output has no gradient with respect to the pixels; "
            "expected operations on floating-point numbers all the way. Use occlusion, which needs "
            "no gradient."
        )

    def blocks(self, pixels_BHWC: Tensor, targets_B: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """The pictures in so many rows at a time, so that memory does not grow with them."""
        yield from zip(pixels_BHWC.split(self.rows), targets_B.split(self.rows), strict=True)
