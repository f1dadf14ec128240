"""Several views of one picture, and what a network says of them on average.

B pictures, H height, W width, C channels, V views, P outputs per picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.core.errors import ConfigError, ShapeError, suggestion
from ranvier.core.task import TaskKind

NAMES = ("flip", "flip_vertical", "shift")


@dataclass(frozen=True)
class Views:
    """The views of a picture that an answer is averaged over: it, mirrored, and moved a little.

    `flip` mirrors left and right, `flip_vertical` top and bottom; `shift` also moves the picture by
    so many pixels along both diagonals, with its edges repeated. All of them are combined.

    >>> views = Views.from_names("flip, shift")
    >>> views, views.count
    (Views(flip=True, flip_vertical=False, shift=1), 10)

    Reference: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional
    Neural Networks (2012), 4.1.
    """

    flip: bool = False
    flip_vertical: bool = False
    shift: int = 0

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise ConfigError(
                f"Views: shift={self.shift}; expected a number of pixels of at least 0."
            )

    @classmethod
    def from_names(cls, names: str | None) -> Views:
        """The views of a list such as `flip,shift`; a shift is of 1 pixel, `shift2` is of 2.

        `none`, or nothing, is the picture alone.

        Raises:
            ConfigError: for a name that is not known; the nearest is offered.
        """
        given: dict[str, int] = {}
        for name in filter(None, (each.strip() for each in (names or "").split(","))):
            word = name.rstrip("0123456789")
            amount = name[len(word) :]
            if name == "none":
                continue
            if word not in NAMES or (amount and word != "shift"):
                raise ConfigError(
                    f"views {names!r}: unknown view {name!r}. {suggestion(word, NAMES)}"
                )
            given[word] = int(amount or 1)
        return cls(bool(given.get("flip")), bool(given.get("flip_vertical")), given.get("shift", 0))

    @property
    def names(self) -> str:
        """As `from_names` reads them; `none` where there is the picture alone."""
        shift = f"shift{self.shift if self.shift > 1 else ''}"
        chosen = zip((self.flip, self.flip_vertical, self.shift), (*NAMES[:2], shift), strict=True)
        return ",".join(name for is_there, name in chosen if is_there) or "none"

    @property
    def count(self) -> int:
        """How many there are, the picture as it is included."""
        return (1 + self.flip) * (1 + self.flip_vertical) * (5 if self.shift else 1)

    def of(self, inputs: Tensor) -> Iterator[Tensor]:
        """Every view of pictures [B, H, W, C], of bytes or of numbers; as they are first."""
        if inputs.dim() != 4:
            raise ShapeError(
                f"views: got inputs of shape {tuple(inputs.shape)}; expected pictures "
                "[B, height, width, channels]. Leave views out for other data."
            )
        moves = [(0, 0)]
        if self.shift:
            moves += [(y, x) for y in (-self.shift, self.shift) for x in (-self.shift, self.shift)]
        flips: list[list[int]] = [[], *[[2]] * self.flip]
        flips += [[1, *flip] for flip in flips] if self.flip_vertical else []
        for down, right in moves:
            moved = _moved(_moved(inputs, 1, down), 2, right)
            for axes in flips:
                yield moved.flip(axes) if axes else moved

    def around(self, module: nn.Module, kind: TaskKind) -> nn.Module:
        """The network that answers with the average over these views; itself if there is one."""
        return module if self.count == 1 else AveragedViews(module, self, kind)


class AveragedViews(nn.Module):
    """A network's answers, averaged over views of its pictures, as outputs of the same kind.

        one class        log 1/V Σ_v softmax(z_v)
        any, or a score  logit 1/V Σ_v σ(z_v)
        a number         1/V Σ_v z_v

    so that whoever reads the network's outputs reads the mean probabilities from these, each
    member's of an ensemble by itself. It holds nothing but the network: its tensors stand under
    `module.` in the state. The views go through the network one after another, in the memory of
    one.

    Shapes: [B, H, W, C] -> what the network gives, [B, P] or [B, K, P].
    """

    def __init__(self, module: nn.Module, views: Views, kind: TaskKind) -> None:
        super().__init__()
        self.module = module
        self.views = views
        self.kind = kind
        # What evaluates this puts the network back into the mode that it finds here.
        self.train(module.training)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = torch.stack([self.module(view) for view in self.views.of(inputs)])
        if self.kind == "regression":
            return outputs.mean(0)
        if self.kind == "multilabel" or outputs.shape[-1] == 1:
            return _log_mean(F.logsigmoid(outputs)) - _log_mean(F.logsigmoid(-outputs))
        return _log_mean(F.log_softmax(outputs, -1))


def _log_mean(logarithms: Tensor) -> Tensor:
    return logarithms.logsumexp(0) - math.log(len(logarithms))


def _moved(inputs: Tensor, axis: int, by: int) -> Tensor:
    """The pictures moved along an axis, the edge repeated where they leave it."""
    if not by:
        return inputs
    size = inputs.shape[axis]
    places = (torch.arange(size, device=inputs.device) - by).clamp(0, size - 1)
    return inputs.index_select(axis, places)
