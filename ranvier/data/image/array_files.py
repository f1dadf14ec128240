"""Files that hold arrays of pictures: NumPy's own, and IDX as MNIST comes in."""

from __future__ import annotations

import os
import re
from collections import Counter
from functools import partial
from pathlib import Path

from ranvier.core.errors import DataError, SourceError
from ranvier.data.image.arrays import Named, list_arrays, role_of
from ranvier.data.image.idx import idx_name, read_idx
from ranvier.data.image.listing import Listing
from ranvier.data.image.npy import npz_names, read_npy, read_npz
from ranvier.data.image.suffixes import PART_NAMES, is_passed_over, suffix
from ranvier.runs.settings import TrainSettings


def is_array_file(name: str) -> bool:
    """Whether a file of this name holds an array of pictures or labels, or several.

    >>> is_array_file("t10k-images-idx3-ubyte.gz"), is_array_file("a.npz"), is_array_file("a.png")
    (True, True, False)
    """
    return suffix(name) in (".npy", ".npz") or idx_name(name) is not None


def list_array_file(
    path: Path, source: str, settings: TrainSettings, *, for_prediction: bool = False
) -> Listing:
    """The pictures in one file; the labels of a file that has none are looked for beside it.

    Raises:
        SourceError: a file that cannot be read.
        DataError: a file that holds no pictures, or no labels to learn from.
    """
    if suffix(path.name) == ".npz":
        arrays = [Named(name, partial(read_npz, path, name)) for name in npz_names(path)]
        kind = "npz"
    else:
        own = _named(path, path.name)
        role = role_of(own.name, settings) or ("images", -1)
        beside = arrays_in_folder(path.parent, settings, inner=False)
        same_part = [each for each in beside if (role_of(each.name, settings) or role) != role]
        partners = [each for each in same_part if _part(each, settings) == role[1]]
        arrays = [Named(role[0], own.read)]
        arrays += [Named(_role(each, settings), each.read) for each in partners[:1]]
        kind = "npy" if suffix(path.name) == ".npy" else "IDX"
    return list_arrays(arrays, source, settings, for_prediction=for_prediction, kind=kind)


def list_array_folder(
    root: Path, source: str, settings: TrainSettings, *, for_prediction: bool = False
) -> Listing | None:
    """The pictures in the arrays of a folder, None where it holds none such.

    They lie in it as `train-images-idx3-ubyte`, `x_train.npy` or `images.npy`, or in its folders
    `train`, `validation` and `test` as `images.npy`.

    Raises:
        SourceError: a file that cannot be read.
        DataError: arrays that do not fit.
    """
    arrays = arrays_in_folder(root, settings)
    roles = [role_of(array.name, settings) for array in arrays]
    if not any(role and role[0] == "images" for role in roles):
        return None
    twice = [place for place, count in Counter(roles).items() if place and count > 1]
    if twice:
        listed = ", ".join(array.name for array, role in zip(arrays, roles) if role in twice)
        raise DataError(
            f"{source}: several arrays for one purpose ({listed}); expected one of pictures and "
            "one of labels for each part. Give one file as SOURCE, or move the others away."
        )
    kind = "arrays in a folder"
    return list_arrays(arrays, source, settings, for_prediction=for_prediction, kind=kind)


def arrays_in_folder(root: Path, settings: TrainSettings, *, inner: bool = True) -> list[Named]:
    """The arrays in the files of `root` and of its folders for parts, by what they are called."""
    found = _files(root)
    if inner:
        try:
            with os.scandir(root) as entries:
                folders = sorted(e.name for e in entries if e.name.casefold() in PART_NAMES)
        except OSError as error:
            raise SourceError(
                f"{root}: the folder cannot be read ({error.strerror or error}). Give yourself "
                "leave to read it."
            ) from error
        for folder in folders:
            found += [f"{folder}/{name}" for name in _files(root / folder)]
    plain = set(found)
    # Where both are there, the one that need not be unpacked.
    chosen = [name for name in found if name.removesuffix(".gz") not in plain - {name}]
    return [_named(root / name, name) for name in chosen]


def _files(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if not is_passed_over(entry.name)
                and is_array_file(entry.name)
                and suffix(entry.name) != ".npz"
                and entry.is_file()
            )
    except OSError:
        return []


def _named(path: Path, name: str) -> Named:
    """The array of a file; of an IDX file's name only the part matters beside images or labels."""
    idx = idx_name(path.name)
    if idx is None:
        return Named(name.removesuffix(path.suffix), partial(read_npy, path))
    words = [*re.split(r"[^a-z0-9]+", idx[0]), *name.split("/")[:-1]]
    parts = [word for word in words if word.casefold() in PART_NAMES]
    return Named("/".join([*parts[:1], idx[1]]), partial(read_idx, path))


def _part(array: Named, settings: TrainSettings) -> int | None:
    role = role_of(array.name, settings)
    return role[1] if role else None


def _role(array: Named, settings: TrainSettings) -> str:
    role = role_of(array.name, settings)
    return role[0] if role else array.name
