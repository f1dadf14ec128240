"""Pictures that are there more than once: equal byte for byte, or nearly so.

Near copies are the same photograph stored again, smaller, or brighter. Each picture, grey, is
averaged to 16 × 16 and standardised; its sixteen largest principal components are searched for
neighbours; and a pair counts where the pictures correlate, in all their channels at 32 × 32:

    ρ(x, y) = ⟨x − x̄, y − ȳ⟩ / (‖x − x̄‖ ‖y − ȳ‖) ≥ 0.998

Of the 70,000 pictures of Fashion-MNIST that names some fifty pairs, the same garment photographed
again; of MNIST none. At 0.995 there are shirts among them that only a print tells apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranvier.data.image.averages import Floats, averaged, grey, standardised
from ranvier.data.image.bring import Bytes

Places = NDArray[np.int64]

SAME = 0.998

_THUMBNAIL, _COMPARED = 16, 32
_COMPONENTS = 16
_SAMPLE = 4_096
_NEIGHBOURS = 6
# Two standardised vectors of correlation ρ are sqrt(2 (1 − ρ)) apart; averaging to 16 × 16 moves
# that a little.
_RADIUS = 0.08
# Pictures that vary by less than this are blank, and any two of them would correlate by chance.
_BLANK = 2.0
_BLOCK = 512
# Where near copies chain up to so large a part of all pictures, as the frames of a film do, no
# split could keep them together.
_LARGEST_GROUP, _SMALL_GROUP = 0.1, 50


@dataclass(frozen=True, eq=False)
class Twins:
    """Copies among pictures.

    `group` is the same number for copies of each other, the place of the first of them; `pairs`
    are places of two copies, the earlier one first, and `is_exact` says whether every byte is
    equal.

    Shapes:
        group: [N]; pairs: [P, 2]; is_exact: [P]
    """

    group: Places
    pairs: Places
    is_exact: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pairs)


def find_twins(arrays: Sequence[Bytes]) -> Twins:
    """The copies among the pictures of several arrays of one form, numbered through.

    Shapes: arrays: [N_i, H, W, C] each.
    """
    arrays = [array for array in arrays if len(array)]
    count = sum(map(len, arrays))
    exact = _exact_pairs(arrays)
    near = _near_pairs(arrays, exact) if count > 1 else np.empty((0, 2), dtype=np.int64)
    pairs = np.concatenate([exact, near])
    is_exact = np.arange(len(pairs)) < len(exact)
    group = _groups(pairs, count)
    if len(near) and np.bincount(group).max() > max(_SMALL_GROUP, _LARGEST_GROUP * count):
        group = _groups(exact, count)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return Twins(group, pairs[order], is_exact[order])


def _blocks(arrays: Sequence[Bytes]) -> Iterator[Bytes]:
    for array in arrays:
        for start in range(0, len(array), _BLOCK):
            yield array[start : start + _BLOCK]


def _rows(arrays: Sequence[Bytes], places: Places) -> Bytes:
    """The pictures at these places of all the arrays one after another."""
    starts = np.cumsum([0, *map(len, arrays)])
    result = np.empty((len(places), *arrays[0].shape[1:]), dtype=np.uint8)
    for array, start in zip(arrays, starts):
        here = (places >= start) & (places < start + len(array))
        result[here] = array[places[here] - start]
    return result


def _exact_pairs(arrays: Sequence[Bytes]) -> Places:
    """Every picture whose bytes came before, with the first that had them."""
    first: dict[bytes, int] = {}
    pairs: list[tuple[int, int]] = []
    place = 0
    for block in _blocks(arrays):
        for picture in block:
            digest = hashlib.sha256(np.ascontiguousarray(picture).data).digest()
            known = first.setdefault(digest, place)
            if known != place:
                pairs.append((known, place))
            place += 1
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _near_pairs(arrays: Sequence[Bytes], exact: Places) -> Places:
    """Pairs that correlate, among pictures that are no exact copies of earlier ones."""
    from scipy.spatial import cKDTree

    components, deviation = _components(arrays)
    is_first = np.ones(len(components), dtype=bool)
    is_first[exact[:, 1]] = False
    places = np.flatnonzero(is_first & (deviation > _BLANK))
    if len(places) < 2:
        return np.empty((0, 2), dtype=np.int64)
    components = components[places]
    neighbours = min(_NEIGHBOURS, len(places))
    distance, found = cKDTree(components).query(
        components, k=neighbours, distance_upper_bound=_RADIUS
    )
    row, column = np.nonzero(np.isfinite(distance.reshape(len(places), neighbours)))
    other = found.reshape(len(places), neighbours)[row, column]
    candidates = np.sort(np.stack([places[row], places[other]], axis=1), axis=1)
    candidates = np.unique(candidates[candidates[:, 0] < candidates[:, 1]], axis=0)
    if not len(candidates):
        return candidates
    kept = [
        part[_correlation(arrays, part) >= SAME]
        for part in np.split(candidates, range(_BLOCK, len(candidates), _BLOCK))
    ]
    return np.concatenate(kept)


def _components(arrays: Sequence[Bytes]) -> tuple[NDArray[np.float64], Floats]:
    """Each grey thumbnail, with mean 0 and length 1, along the directions in which a sample of them
    varies most, and how much it varied before.

    Shapes: -> [N, 16], [N].
    """
    count = sum(map(len, arrays))
    sample = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))
    parts = np.split(sample, range(_BLOCK, len(sample), _BLOCK))
    rows = np.concatenate([_thumbnails(_rows(arrays, part))[0] for part in parts])
    centered = rows - rows.mean(axis=0)
    _, directions = np.linalg.eigh(centered.T @ centered)
    main = directions[:, ::-1][:, :_COMPONENTS]
    found = [(thumbnails @ main, each) for thumbnails, each in map(_thumbnails, _blocks(arrays))]
    components = np.concatenate([each for each, _ in found]).astype(np.float64)
    return components, np.concatenate([each for _, each in found])


def _thumbnails(block: Bytes) -> tuple[Floats, Floats]:
    return standardised(averaged(grey(block), _THUMBNAIL))


def _correlation(arrays: Sequence[Bytes], pairs: Places) -> Floats:
    """How the two pictures of each pair correlate over all their pixels and channels."""
    one, other = (
        standardised(averaged(_rows(arrays, places).astype(np.float32), _COMPARED))[0]
        for places in pairs.T
    )
    return (one * other).sum(axis=1)


def _groups(pairs: Places, count: int) -> Places:
    """For each of `count` things the first of those that pairs link it to."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, component = connected_components(links, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)
