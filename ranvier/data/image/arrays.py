"""Arrays of pictures and labels, by what they are called or by their shapes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import DataError, SourceError
from ranvier.data.image.array_labels import labels_from
from ranvier.data.image.join_arrays import joined
from ranvier.data.image.listing import (
    PARTS,
    TEST,
    TO_SPLIT,
    VALIDATION,
    Label,
    Listing,
    Problem,
)
from ranvier.data.image.suffixes import PART_NAMES, shown
from ranvier.runs.settings import TrainSettings

Role = Literal["images", "labels"]

_ROLES: dict[str, Role] = {
    **dict.fromkeys(
        ("x", "image", "images", "img", "imgs", "picture", "pictures", "data", "pixels"), "images"
    ),
    **dict.fromkeys(
        ("y", "label", "labels", "target", "targets", "class", "classes", "truth"), "labels"
    ),
}


@dataclass(frozen=True)
class Named:
    """What an array is called, and how it is read when it is asked for."""

    name: str
    read: Callable[[], NDArray[Any]]


@dataclass
class _Part:
    images: Named | None = None
    labels: Named | None = None


@dataclass(frozen=True)
class _Read:
    pixels: NDArray[Any]
    labels: list[Label] | None
    is_turned: bool


def role_of(name: str, settings: TrainSettings) -> tuple[Role, int] | None:
    """Whether an array of this name holds pictures or labels, and of which part.

    >>> role_of("x_train", TrainSettings()), role_of("test/labels", TrainSettings())
    (('images', 0), ('labels', 2))
    >>> role_of("weights", TrainSettings())
    """
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    roles = {_ROLES[word] for word in words if word in _ROLES}
    parts = {PART_NAMES[word] for word in words if word in PART_NAMES}
    if settings.target is not None and name == settings.target:
        return "labels", TO_SPLIT
    if len(roles) != 1 or len(parts) > 1 or len(words) > 3:
        return None
    return roles.pop(), parts.pop() if parts else TO_SPLIT


def list_arrays(
    arrays: Sequence[Named],
    source: str,
    settings: TrainSettings,
    *,
    for_prediction: bool = False,
    kind: str = "arrays",
) -> Listing:
    """The pictures in arrays `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, and their labels.

    Names such as `x_train`, `test_images`, `labels` or `y` say what an array holds; where none
    does, the only array of pictures' shape and the only one as long are taken.

    Raises:
        DataError: no pictures, labels of another number, or shapes that do not fit; all at once.
    """
    parts, problems = _assigned(arrays, settings)
    read: dict[int, _Read] = {}
    errors: list[str] = []
    for part, found in sorted((parts or _by_shape(arrays)).items()):
        if found.images is None or (not for_prediction and found.labels is None):
            words, is_error = _half(part, found, for_prediction=for_prediction)
            if is_error:
                errors.append(words)
            else:
                problems.append(Problem(PARTS.get(part, "arrays"), "incomplete part", words))
            continue
        try:
            read[part] = _read(found.images, found.labels, settings)
        except SourceError:
            raise
        except DataError as error:
            errors.append(str(error))
    errors += _unlike(read)
    if not read and not errors:
        errors.append(_no_pictures(arrays))
    if errors:
        prefix = f"{source}: "
        raise DataError("\n".join(prefix + error.removeprefix(prefix) for error in errors))
    return _listing(read, source, kind, problems)


def _read(images: Named, labels: Named | None, settings: TrainSettings) -> _Read:
    pixels, is_turned = pictures_of(images.read(), shown(images.name))
    if labels is None:
        return _Read(pixels, None, is_turned)
    own = labels_from(labels.read(), shown(labels.name), len(pixels), settings)
    return _Read(pixels, own, is_turned)


def _listing(
    read: Mapping[int, _Read], source: str, kind: str, problems: Sequence[Problem]
) -> Listing:
    parts = np.concatenate(
        [np.full(len(each.pixels), part, dtype=np.int8) for part, each in read.items()]
    )
    labels = [label for each in read.values() for label in each.labels or ()]
    facts: dict[str, Any] = {"kind": kind}
    if any(each.is_turned for each in read.values()):
        facts["axes"] = "channels came first and were put last"
    return Listing(
        source=source,
        names=tuple(f"picture {number}" for number in range(1, len(parts) + 1)),
        paths=None,
        pixels=joined([each.pixels for each in read.values()]),
        labels=tuple(labels) if len(labels) == len(parts) else None,
        parts=None if (parts == TO_SPLIT).all() else parts,
        problems=tuple(problems),
        facts=facts,
    )


def _assigned(
    arrays: Sequence[Named], settings: TrainSettings
) -> tuple[dict[int, _Part], list[Problem]]:
    """The arrays by part and role, and a problem for each whose name says neither."""
    parts: dict[int, _Part] = {}
    odd = []
    for array in arrays:
        place = role_of(array.name, settings)
        if place is None or getattr(parts.setdefault(place[1], _Part()), place[0]) is not None:
            odd.append(array)
        else:
            setattr(parts[place[1]], place[0], array)
    if not any(part.images for part in parts.values()):
        return {}, []
    detail = "its name says neither pictures nor labels that are not there already; not used"
    return parts, [
        Problem(shown(array.name), "other array", detail, is_left_out=False) for array in odd
    ]


def _by_shape(arrays: Sequence[Named]) -> dict[int, _Part]:
    """The one array of pictures and the one of labels, told by their axes; none where unclear."""
    shapes = [(array, array.read().shape) for array in arrays]
    pictures = [each for each in shapes if len(each[1]) in (3, 4)]
    if len(pictures) != 1:
        return {}
    images, shape = pictures[0]
    others = [array for array, other in shapes if len(other) in (1, 2) and other[0] == shape[0]]
    return {TO_SPLIT: _Part(images, others[0] if len(others) == 1 else None)}


def _half(part: int, found: _Part, *, for_prediction: bool) -> tuple[str, bool]:
    """What a part lacks, and whether that makes training impossible."""
    what = f"the {PARTS[part]} part" if part in PARTS else "the source"
    if found.images is None:
        name = shown(found.labels.name) if found.labels else ""
        return f"{what} has labels ({name}) and no pictures; add them", not for_prediction
    words = f"{what} has pictures ({shown(found.images.name)}) and no labels"
    if part in (VALIDATION, TEST):
        return f"{words}; it was left out", False
    return (
        f"{words}; expected one for each picture to learn from. Give them as 'labels' or 'y', or "
        "as the pair (X, y)",
        True,
    )


def pictures_of(array: NDArray[Any], name: str) -> tuple[NDArray[Any], bool]:
    """The array with its channels last, and whether they came first.

    Raises:
        DataError: for another shape or kind of numbers.
    """
    shape = array.shape
    wanted = "expected [N, height, width], with 1 to 4 channels as a last axis where it has colour"
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name}: values of type {array.dtype}; {wanted}, as numbers.")
    if 0 in shape:
        raise DataError(f"{name}: shape {shape}, which holds no picture; {wanted}.")
    if len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 2, 3, 4)):
        return array, False
    if len(shape) == 4 and shape[1] in (1, 3, 4):
        return np.moveaxis(array, 1, 3), True
    hint = ""
    if len(shape) == 2 and (side := math.isqrt(shape[1])) ** 2 == shape[1] and side > 1:
        hint = f" If rows are square pictures, array.reshape(-1, {side}, {side}) is what is wanted."
    raise DataError(f"{name}: shape {shape}; {wanted}. Move or add axes.{hint}")


def _unlike(read: Mapping[int, _Read]) -> list[str]:
    shapes = {each.pixels.shape[1:] for each in read.values()}
    if len(shapes) <= 1:
        return []
    listed = " and ".join(str(shape) for shape in sorted(shapes))
    return [f"parts with pictures of shapes {listed}; expected one for all. Bring them into one."]


def _no_pictures(arrays: Sequence[Named]) -> str:
    listed = ", ".join(f"{shown(array.name)!r}" for array in arrays[:8]) or "nothing"
    return (
        f"arrays {listed}: none of them is known for pictures; expected images and labels, or "
        "x_train, y_train, x_test, y_test. Rename them."
    )


def named(arrays: Mapping[Any, Any]) -> list[Named]:
    """Arrays in memory by their names; the pair (X, y) under a part's name counts as two."""
    found = []
    for key, value in arrays.items():
        if isinstance(value, tuple | list) and len(value) == 2 and is_array(value[0]):
            found.append(in_memory(f"{key}/images", value[0]))
            found.append(in_memory(f"{key}/labels", value[1]))
        else:
            found.append(in_memory(str(key), value))
    return found


def in_memory(name: str, value: Any) -> Named:
    """An array that is there already, converted once it is asked for."""
    return Named(name, lambda: as_numpy(value))


def is_array(value: Any) -> bool:
    """Whether `value` is an array of NumPy, a tensor of torch or the like."""
    return hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__getitem__")


def as_numpy(value: Any) -> NDArray[Any]:
    """An array of NumPy over the same numbers where that can be; torch is not imported."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        return np.asarray(value.numpy())
    return np.asarray(value)
