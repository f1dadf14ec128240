"""A class for every place of a picture, a volume or a sequence: segmentation, tagging.

Dimensions: N pictures, P places of one, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ranvier.core.errors import DataError, ShapeError
from ranvier.metrics.metric import Takes
from ranvier.metrics.rows import Exclusive, Floats, confusion_of, counted


@dataclass(frozen=True)
class Masks(Exclusive):
    """confusion [C, C] over all places of all pictures, weights [N] of pictures, above 0.

    Every place counts as one row, so a large picture counts more than a small one.
    """

    takes: ClassVar[Takes] = "masks"
    confusion: Floats
    weights: Floats

    @classmethod
    def of(
        cls,
        truth: ArrayLike,
        predicted: ArrayLike,
        *,
        num_classes: int,
        weights: ArrayLike | None = None,
        ignore: int | None = None,
    ) -> Masks:
        """Rows from the class index of every place; a place whose truth is `ignore` is left out.

        Shapes: truth and predicted [N, ...], whole numbers or booleans; weights [N].

        Raises:
            ShapeError, DataError: arrays that do not belong together, an unknown class.

        >>> Masks.of([[0, 1, 1]], [[0, 1, 0]], num_classes=2).confusion.tolist()
        [[1.0, 0.0], [1.0, 1.0]]
        """
        masks, decided = np.asarray(truth), np.asarray(predicted)
        if masks.ndim == 0 or masks.shape != decided.shape:
            raise ShapeError(
                f"metrics of masks: got a truth of shape {masks.shape} and predictions of shape "
                f"{decided.shape}; expected the same shape [N, ...] for both. "
                "Give one class index per place, not a score per class."
            )
        weights_N, (masks, decided) = counted(weights, masks, decided)
        kept = np.ones(masks.shape, np.bool_) if ignore is None else masks != ignore
        truth_P, predicted_P = (_indices(array[kept], num_classes) for array in (masks, decided))
        weights_P = None
        if weights is not None:
            weights_P = np.repeat(weights_N, kept.sum(axis=tuple(range(1, kept.ndim))))
        return cls(confusion_of(truth_P, predicted_P, num_classes, weights_P), weights_N)

    @property
    def num_classes(self) -> int:
        return len(self.confusion)

    @property
    def is_scorable(self) -> bool:
        return bool(self.confusion.any())


def _indices(array: NDArray[Any], num_classes: int) -> NDArray[np.int64]:
    known = (array >= 0) & (array < num_classes) & (array == np.floor(array))
    if not known.all():
        raise DataError(
            f"metrics of masks: a place has the class {array[~known][0]}; expected a whole number "
            f"from 0 to {num_classes - 1}. Give class indices; `ignore` leaves places out."
        )
    return array.astype(np.int64)
