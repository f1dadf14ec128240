"""Which pictures are trained on, which choose the epoch, and which are the test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranvier.core.errors import ConfigError, DataError
from ranvier.core.task import Task
from ranvier.data.image.listing import PARTS, TEST, TO_SPLIT, TRAIN, VALIDATION, Listing
from ranvier.data.split import Fractions, Split, fractions_of, split_at_random
from ranvier.runs.settings import TrainSettings


def divide_pictures(
    listing: Listing,
    truth: NDArray[Any],
    task: Task,
    settings: TrainSettings,
    *,
    twins: NDArray[Any] | None = None,
) -> Split:
    """The parts, as positions in the listing: the source's own, and those drawn from the rest.

    Pictures of one number in `twins` (near-duplicates) or in the listing's groups are drawn
    together.

    Raises:
        DataError: for too few pictures, or a class without any to train on.
        ConfigError: for a part that is given twice.
    """
    given = np.full(len(listing), TO_SPLIT) if listing.parts is None else listing.parts.astype(int)
    _check_given(given, listing, settings)
    asked = fractions_of(settings)
    fractions = Fractions(
        0.0 if (given == VALIDATION).any() else asked.validation,
        0.0 if (given == TEST).any() else asked.test,
    )
    pool = np.flatnonzero((given == TRAIN) | (given == TO_SPLIT))
    part = given.copy()
    part[pool] = TRAIN
    unit = _units(twins, listing.groups, len(listing))
    if fractions.num_parts > 1:
        _check_units(unit, pool, fractions, listing.source)
        drawn = split_at_random(
            len(pool),
            fractions,
            seed=settings.seed,
            classes=_strata(truth[pool], task),
            unit=None if unit is None else unit[pool],
            noun="pictures",
        )
        part[pool[drawn.validation]] = VALIDATION
        part[pool[drawn.test]] = TEST
    _check_classes(part, truth, task, listing.source)
    together = unit is not None and len(np.unique(unit)) < len(unit)
    return _as_split(part, _how(given, fractions, task, settings, together))


def _as_split(part: NDArray[Any], how: str) -> Split:
    train, validation, test = (np.flatnonzero(part == one) for one in (TRAIN, VALIDATION, TEST))
    counts = (
        f"{len(train):,} pictures to train, {len(validation):,} to validate, {len(test):,} to test"
    )
    return Split(train, validation, test, f"{counts}: {how}")


def _check_given(given: NDArray[Any], listing: Listing, settings: TrainSettings) -> None:
    for number, own in ((VALIDATION, settings.validation), (TEST, settings.test)):
        if own is not None and (given == number).any():
            name = PARTS[number]
            raise ConfigError(
                f"--{name} {own}: {listing.source} has a {name} part of its own; expected one of "
                f"the two. Leave --{name} out, or give the part to train on alone as SOURCE."
            )
    if not ((given == TRAIN) | (given == TO_SPLIT)).any():
        raise DataError(
            f"{listing.source}: no picture is in the part to train on; expected some. Add them."
        )


def _units(
    twins: NDArray[Any] | None, groups: NDArray[Any] | None, count: int
) -> NDArray[np.int64] | None:
    """One number for all that must stay together, by either of the two or through both."""
    known = [
        np.unique(each, return_inverse=True)[1] for each in (twins, groups) if each is not None
    ]
    if not known:
        return None
    unit = np.arange(count)
    while True:
        before = unit
        for each in known:
            least = np.full(int(each.max()) + 1, count)
            np.minimum.at(least, each, unit)
            unit = least[each]
        if (unit == before).all():
            return unit.astype(np.int64)


def _check_units(
    unit: NDArray[np.int64] | None, pool: NDArray[Any], fractions: Fractions, source: str
) -> None:
    if unit is None or len(pool) < fractions.num_parts:
        return
    count = len(np.unique(unit[pool]))
    if count < fractions.num_parts:
        raise DataError(
            f"{source}: {len(pool):,} pictures that belong together, as near-duplicates or by "
            f"--group, in {count:,} lots; expected at least {fractions.num_parts}, one for each "
            "part of the split. Bring other pictures, give the parts as folders 'train', "
            "'validation' and 'test', or hold out fewer (test_fraction=0)."
        )


def _strata(truth: NDArray[Any], task: Task) -> NDArray[np.int64] | None:
    """What is drawn by: the class, or of several the rarest that holds, that none gets lost."""
    if task.is_classification:
        return truth.astype(np.int64)
    if not task.is_multilabel:
        return None
    counts = truth.sum(axis=0)
    rarity = np.where(truth.astype(bool), counts, len(truth) + 1)
    rarest = rarity.argmin(axis=1)
    return np.where(truth.any(axis=1), rarest, truth.shape[1]).astype(np.int64)


def _check_classes(part: NDArray[Any], truth: NDArray[Any], task: Task, source: str) -> None:
    if task.kind == "regression":
        return
    learned = truth[part == TRAIN]
    if task.is_multilabel:
        counts = learned.sum(axis=0)
    else:
        counts = np.bincount(learned, minlength=task.outputs)
    unseen = [repr(task.classes[place]) for place in np.flatnonzero(counts == 0)]
    if unseen:
        raise DataError(
            f"{source}: no picture to train on is of class {', '.join(unseen[:5])}"
            f"{f' and {len(unseen) - 5} more' if len(unseen) > 5 else ''}; expected every class "
            "among them. Add some, remove the class from the other parts, or split in another way."
        )


def _how(
    given: NDArray[Any],
    fractions: Fractions,
    task: Task,
    settings: TrainSettings,
    together: bool,
) -> str:
    own = [PARTS[part] for part in (VALIDATION, TEST) if (given == part).any()]
    drawn = [
        name
        for name, share in (("validation", fractions.validation), ("test", fractions.test))
        if share
    ]
    told = []
    if own:
        told.append(f"{' and '.join(own)} as the source has {'them' if len(own) > 1 else 'it'}")
    if drawn:
        by_class = "" if task.kind == "regression" else ", class by class"
        alike = ", pictures that belong together kept so" if together else ""
        which = f"{' and '.join(drawn)} " if own else ""
        told.append(f"{which}drawn at random{by_class}{alike} (seed {settings.seed})")
    return "; ".join(told) or "all of them"
