"""What the augmentation layers of a network make of pictures, so that people can look at it.

P pictures, D draws of each, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ranvier.apps.image.gallery.thumbnails import thumbnails
from ranvier.apps.image.gallery.words import known_as, label_of
from ranvier.core.random import stream_seed
from ranvier.core.task import Task
from ranvier.data.image import Pictures
from ranvier.nn.layers.augmentation import Augmentation
from ranvier.nn.mixing import mixed

PICTURES, DRAWS = 8, 6
SHEET_BYTES = 350_000


def augmented(
    module: nn.Module,
    task: Task,
    pictures: Pictures,
    *,
    seed: int = 0,
    mixup: float = 0.0,
    cutmix: float = 0.0,
) -> dict[str, Any] | None:
    """A few pictures, several draws of what training makes of each, and mixtures of them.

    None for a network that trains on pictures as they are. The module, its modes and the global
    random state are as before afterwards.
    """
    layers = [each for each in module.modules() if isinstance(each, Augmentation)]
    if not (layers or mixup or cutmix) or not len(pictures):
        return None
    rows = np.linspace(0, len(pictures) - 1, min(PICTURES, len(pictures))).round().astype(int)
    plain_PHWC = np.stack([pictures.pixels[row] for row in rows])
    with _drawing(module, seed):
        draws = _drawn(module, layers, plain_PHWC) if layers else None
        mixtures = _mixed(module, layers, plain_PHWC, mixup=mixup, cutmix=cutmix)
    kinds = list(mixtures)
    wanted = [*plain_PHWC, *(() if draws is None else draws.reshape(-1, *draws.shape[2:]))]
    encoded = iter(thumbnails([*wanted, *(one for kind in kinds for one in mixtures[kind][0])],
                              most_bytes=SHEET_BYTES))  # fmt: skip
    labels = [label_of(task, pictures.truth[row]) for row in rows]
    items: list[dict[str, Any]] = [
        {"png": next(encoded), **known_as(pictures, int(row)), "label": label}
        for row, label in zip(rows, labels, strict=True)
    ]
    for item in items:
        item["draws"] = [] if draws is None else [next(encoded) for _ in range(draws.shape[1])]
    mixed_items = [
        {"kind": kind, "png": next(encoded), "of": [labels[place], labels[other]],
         "share": float(share)}
        for kind in kinds
        for place, (other, share) in enumerate(mixtures[kind][1])
    ]  # fmt: skip
    return {
        "what": "augmented",
        "layers": [repr(each.layer) for each in layers],
        "items": items,
        "mixed": mixed_items,
    }


@contextmanager
def _drawing(module: nn.Module, seed: int) -> Iterator[None]:
    """Draws of their own, and modes that are given back."""
    modes = {each: each.training for each in module.modules()}
    device = device_of(module)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(stream_seed(seed, "gallery", "augmented"))
        try:
            module.eval()
            yield
        finally:
            for each, mode in modes.items():
                each.training = mode


def device_of(module: nn.Module) -> torch.device:
    """Where the network's weights lie."""
    return next((each.device for each in module.parameters()), torch.device("cpu"))


def _drawn(
    module: nn.Module, layers: list[Any], plain_PHWC: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Every picture several times through the layers, [P, D, H, W, C]."""
    pictures = torch.from_numpy(plain_PHWC).repeat_interleave(DRAWS, 0)
    shown = _augmented_bytes(module, layers, pictures)
    return shown.reshape(len(plain_PHWC), DRAWS, *shown.shape[1:])


def _mixed(
    module: nn.Module, layers: list[Any], plain_PHWC: NDArray[np.uint8], *,
    mixup: float, cutmix: float,
) -> dict[str, tuple[NDArray[np.uint8], list[tuple[int, float]]]]:  # fmt: skip
    """By kind: the mixtures [P, H, W, C], and for each with which picture, and its own share."""
    pictures = torch.from_numpy(plain_PHWC)
    found = {}
    for kind, blended, cut in (("mixup", mixup, 0.0), ("cutmix", 0.0, cutmix)):
        if (blended or cut) and len(pictures) > 1:
            mix = mixed(pictures, mixup=blended, cutmix=cut)
            shown = _augmented_bytes(module, layers, mix.inputs)
            found[kind] = shown, [*zip(mix.order.tolist(), mix.share.tolist(), strict=True)]
    return found


def _augmented_bytes(
    module: nn.Module, layers: list[nn.Module], pictures_BHWC: Tensor
) -> NDArray[np.uint8]:
    """What comes out of the last of the layers in training, as the bytes it stands for.

    What made numbers of the bytes is undone by looking at what black and white become of it.
    """
    if not layers:
        return pictures_BHWC.round().clamp(0, 255).byte().numpy()
    ends = torch.tensor([0.0, 255.0]).view(2, 1, 1, 1).expand(2, *pictures_BHWC.shape[1:])
    black_C, white_C = _after(module, layers[-1], ends.to(pictures_BHWC.dtype)).amax((1, 2))
    for layer in layers:
        layer.training = True
    shown = _after(module, layers[-1], pictures_BHWC)
    for layer in layers:
        layer.training = False
    reach_C = torch.where(white_C == black_C, torch.ones_like(white_C), white_C - black_C)
    shares = (shown - black_C) / reach_C
    return (255 * shares).round().clamp(0, 255).byte().cpu().numpy()


def _after(module: nn.Module, layer: nn.Module, pictures: Tensor) -> Tensor:
    """What `layer` gives when the network is run on pictures."""
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    try:
        with torch.no_grad():
            module(pictures.to(device_of(module)))
    finally:
        hook.remove()
    return kept[-1]
