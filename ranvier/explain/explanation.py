"""Pictures with what a network says of them and the pixels that this rests on.

N pictures, H × W pixels, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ranvier.core.errors import DataError
from ranvier.explain.attribution import Attribution, attribute
from ranvier.explain.heat import overlay
from ranvier.explain.method import Method
from ranvier.explain.save import save
from ranvier.explain.targets import Class, target_of

TOP = 3


@dataclass(frozen=True)
class Told:
    """What is said of one picture: its prediction, how sure it is, and the class explained.

    `top` names the likeliest classes with their probabilities. A number has neither probability nor
    classes, and explains itself.
    """

    name: str
    prediction: Class | None
    probability: float | None
    explained: Class | None
    output: float
    top: tuple[tuple[Class, float], ...]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a network says what it says of some pictures, to look at and to save.

    `probabilities` `[N, K]` are of `classes`, `values` `[N]` the predicted numbers of a network
    that has none; either may be unknown. `source` is where the pictures come from, in words, and
    `left_out` how many more there were that were not asked for. `top` is how many classes are named
    beside a picture.

    Shapes: pictures: [N, H, W, C]
    """

    pictures: NDArray[np.uint8]
    names: tuple[str, ...]
    attribution: Attribution
    classes: tuple[Class, ...] = ()
    probabilities: NDArray[np.floating] | None = None
    values: NDArray[np.floating] | None = None
    source: str = ""
    left_out: int = 0
    top: int = TOP

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def heat(self) -> NDArray[np.floating]:
        """One number a pixel, `[N, H, W]`: how much it has to do with the answer."""
        return self.attribution.heat.float().cpu().numpy()

    @cached_property
    def overlays(self) -> NDArray[np.uint8]:
        """The pictures in grey under their heat, `[N, H, W, 3]`."""
        return overlay(self.pictures, self.heat)

    def told(self) -> tuple[Told, ...]:
        """What is said of each picture, in order."""
        return tuple(self._told(row) for row in range(len(self)))

    def to_json(self) -> dict[str, Any]:
        """All but the pictures and the maps, as plain JSON values."""
        attribution = self.attribution
        return {
            "method": attribution.method.kind,
            "layer": attribution.layer,
            "pictures": [
                {
                    "name": told.name,
                    "prediction": told.prediction,
                    "probability": told.probability,
                    "explained": told.explained,
                    "output": told.output,
                    "top": [{"class": each, "probability": share} for each, share in told.top],
                    "center": _center(np.abs(self.heat[row])),
                    "error": None if attribution.error is None else float(attribution.error[row]),
                }
                for row, told in enumerate(self.told())
            ],
            "left_out": self.left_out,
        }

    def save(self, path: str | Path) -> Path:
        """Write a page (.html), a sheet (.png), or a folder: the page and a PNG of each picture.

        Raises:
            ConfigError: for another kind of file, or where nothing can be written.
        """
        return save(self, Path(path))

    def _told(self, row: int) -> Told:
        name, output = self.names[row], float(self.attribution.outputs[row])
        explained = self._class_of(int(self.attribution.targets[row]))
        if self.probabilities is None:
            value = None if self.values is None else float(self.values[row])
            return Told(name, value, None, explained, output, ())
        shares = self.probabilities[row]
        order = np.argsort(-shares, kind="stable")[: max(1, self.top)]
        top = tuple((self._label(int(index)), float(shares[index])) for index in order)
        return Told(name, top[0][0], top[0][1], explained, output, top)

    def _class_of(self, index: int) -> Class | None:
        is_number = self.probabilities is None and not self.classes
        return None if is_number and self.values is not None else self._label(index)

    def _label(self, index: int) -> Class:
        return self.classes[index] if self.classes else index


def explain(
    module: nn.Module,
    pictures: NDArray[np.uint8],
    *,
    names: Sequence[str] | None = None,
    classes: Sequence[Class] = (),
    probabilities: NDArray[np.floating] | None = None,
    values: NDArray[np.floating] | None = None,
    method: str | Mapping[str, Any] | Method = "grad_cam",
    target: Class | None = None,
    layer: str | None = None,
    source: str = "",
    left_out: int = 0,
) -> Explanation:
    """Explain what `module` says of pictures of bytes, each its own likeliest class or `target`.

    `module` takes the bytes; where `classes` are two and it gives one number, that is the logit of
    the second. `probabilities` or `values` are what it predicts, as its model reads them.

    Shapes: pictures: [N, H, W, C]; probabilities: [N, K]; values: [N]

    Raises:
        ConfigError: for options of the method that cannot be.
        DataError: for what are no pictures of bytes.
        NetworkError: if the module is no network of pictures, or the method does not fit it.
        UnknownNameError: for a class, a method or a layer that there is not.
    """
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or 0 in pictures.shape:
        raise DataError(
            f"pictures: got {pictures.dtype} {pictures.shape}; expected bytes [N, H, W, C], at "
            "least one picture."
        )
    known = tuple(names) if names is not None else _counted(len(pictures))
    if len(known) != len(pictures):
        raise DataError(f"names: got {len(known)} for {len(pictures)} pictures; expected one each.")
    found = attribute(
        module,
        torch.from_numpy(np.array(pictures)),  # Mapped files are not writable, which torch minds.
        method=method,
        targets=_targets(target_of(target, classes), probabilities, values),
        layer=layer,
        is_pair=len(classes) == 2,
    )
    return Explanation(
        pictures=np.asarray(pictures),
        names=known,
        attribution=found,
        classes=tuple(classes),
        probabilities=probabilities,
        values=values,
        source=source,
        left_out=left_out,
    )


def _targets(
    target: int | None,
    probabilities: NDArray[np.floating] | None,
    values: NDArray[np.floating] | None,
) -> torch.Tensor | int | None:
    """The outputs to explain: the one that is named, the likeliest classes, the first number."""
    if target is not None:
        return target
    if probabilities is not None:
        return torch.from_numpy(probabilities.argmax(1))
    return None if values is None else 0


def _counted(count: int) -> tuple[str, ...]:
    return tuple(f"picture {number}" for number in range(1, count + 1))


def _center(size_HW: NDArray[np.floating]) -> tuple[float, float] | None:
    """Row and column, in pixels, of the middle of the heat; None where there is none."""
    total = float(size_HW.sum(dtype=np.float64))
    if not total > 0:
        return None
    rows, columns = (size_HW.sum(axis=1 - axis, dtype=np.float64) for axis in (0, 1))
    return (
        float(rows @ np.arange(len(rows)) / total),
        float(columns @ np.arange(len(columns)) / total),
    )
