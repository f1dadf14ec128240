"""What every method of explanation is, what it gives, and which ones there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ranvier.core.registry import Registry
from ranvier.explain.subject import Subject


@dataclass(frozen=True, eq=False)
class Scores:
    """What a method found: `values` for each pixel, or for each of its channels.

    `error` is how far the values are from adding up to what they should, where they should;
    `layer` is the path of the layer that was looked at, where there is one.

    Shapes: values: [B, H, W] or [B, H, W, C]; error: [B]
    """

    values: Tensor
    error: Tensor | None = None
    layer: str | None = None


class Method(ABC):
    """A frozen dataclass of options that says which pixels a network's answer rests on.

    `is_signed` says whether its values also speak against the target, `reading` how a map of it is
    read, in a sentence or two.
    """

    kind: ClassVar[str]
    is_signed: ClassVar[bool]
    reading: ClassVar[str]

    @abstractmethod
    def scores(self, subject: Subject, pixels_BHWC: Tensor, targets_B: Tensor) -> Scores:
        """What the pixels say about the score of each picture's target."""


METHODS: Registry[type[Method]] = Registry("method of explanation")
