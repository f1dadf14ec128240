"""What stands before every picture network: bytes become numbers, and change in training."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ranvier.core.errors import NetworkError
from ranvier.data.image import PictureEncoder
from ranvier.nn import Wrapped, build, wrap
from ranvier.spec import Layer, Network, Normalization, Rescaling

# A network that begins with one of these makes numbers of bytes by itself.
MAKES_NUMBERS = (Normalization, Rescaling)


def entrance(encoder: PictureEncoder, augmentation: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers that standardise bytes by the training pictures', and those of augmentation."""
    variance = tuple(deviation**2 for deviation in encoder.deviation)
    return (Normalization(encoder.mean, variance), *augmentation)


def behind_entrance(
    given: Network, encoder: PictureEncoder, augmentation: Sequence[Layer]
) -> Network:
    """The caller's network with the entrance before it, unless it makes numbers by itself."""
    if given.layers and isinstance(given.layers[0], MAKES_NUMBERS):
        return given
    return Network(*entrance(encoder, augmentation), *given.layers, name=given.name)


class OwnBehindEntrance(nn.Module):
    """A module of the caller's own, given standardised pictures in the order that it takes.

    Shapes: [B, H, W, C] -> what the module gives for [B, C, H, W] or [B, H, W, C].
    """

    def __init__(
        self,
        module: nn.Module,
        encoder: PictureEncoder,
        augmentation: Sequence[Layer] = (),
    ) -> None:
        super().__init__()
        layers = Network(*entrance(encoder, augmentation))
        self.entrance = build(layers, encoder.form.shape)
        self.module = copy.deepcopy(module)
        self.channels_first = _takes_channels_first(self.module, encoder.form.shape)

    def forward(self, pictures: Tensor) -> Tensor:
        standardised = self.entrance(pictures)
        if self.channels_first:
            standardised = standardised.movedim(-1, 1)
        given: Tensor = self.module(standardised)
        return given


def own_behind_entrance(
    given: Wrapped | nn.Module, encoder: PictureEncoder, augmentation: Sequence[Layer]
) -> tuple[Network, nn.Module]:
    """The description and the module of a network of the caller's own behind the entrance.

    Raises:
        NetworkError: if it takes such pictures in neither order of their axes.
    """
    module = given.module if isinstance(given, Wrapped) else given
    whole = OwnBehindEntrance(module, encoder, augmentation)
    return wrap(whole).network(encoder.form.shape), whole


def _takes_channels_first(module: nn.Module, shape: tuple[int, int, int]) -> bool:
    """Whether the module takes [B, C, H, W], which most do, rather than [B, H, W, C]."""
    height, width, channels = shape
    said = []
    was_training = module.training
    module.eval()
    try:
        for order in ((channels, height, width), shape):
            try:
                with torch.no_grad():
                    module(torch.zeros(2, *order))
            except Exception as error:  # whatever a module written elsewhere may raise
                said.append(f"[2, {', '.join(map(str, order))}]: {error}")
                continue
            return order != shape or channels == height
    finally:
        module.train(was_training)
    raise NetworkError(
        f"{type(module).__name__} takes the pictures in neither order of their axes; it said for "
        f"{'; for '.join(said)}. Give a module for pictures of {height} × {width} with "
        f"{channels} channel{'s' if channels > 1 else ''}, or set size and channels."
    )
