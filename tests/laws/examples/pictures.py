"""Pictures of another size, and changed at random in training."""

import torch
from torch import Tensor

from ranvier.spec import (
    CenterCrop,
    RandAugment,
    RandomAffine,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomGrayscale,
    RandomHue,
    RandomPosterize,
    RandomRotation,
    RandomSaturation,
    RandomSolarize,
    RandomTranslation,
    RandomZoom,
    Resizing,
    TrivialAugment,
)
from tests.laws.examples.example import ROWS, Example


def pictures(shape: tuple[int, ...]) -> Tensor:
    return torch.rand(ROWS, *shape, generator=torch.Generator().manual_seed(1))


EXAMPLES = [
    *(
        Example(Resizing(4, 5, method=method), (6, 4, 2))
        for method in ("nearest", "bilinear", "bicubic", "area")
    ),
    Example(Resizing(4, 4, aspect="crop"), (6, 4, 2)),
    Example(Resizing(4, 4, aspect="pad"), (6, 4, 2)),
    Example(CenterCrop(2, 3), (5, 4, 2)),
    *(
        Example(layer, (4, 5, 3), pictures)
        for layer in (
            RandomFlip(),
            RandomFlip("both"),
            RandomCrop(3, 4, padding=1),
            RandomCrop(4, 5, padding=2, fill="reflect"),
            RandomAffine(rotation=20, translation=0.1, zoom=0.2, shear=10),
            RandomRotation(45, fill="zero"),
            RandomTranslation(0.3, fill="edge"),
            RandomZoom(0.3),
            RandomErasing(0.5),
            RandomBrightness(0.2),
            RandomContrast(0.2),
            RandomSaturation(0.5),
            RandomHue(0.1),
            RandomGrayscale(0.5),
            RandomSolarize(0.5),
            RandomPosterize(0.5, bits=3),
            TrivialAugment(),
            RandAugment(2, magnitude=0.5),
        )
    ),
]
