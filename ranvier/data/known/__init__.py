"""Real data sets by name: one entry and one converter each, fetched when first asked for."""

from __future__ import annotations

from ranvier.data.known.cache import get, get_parts, is_cached
from ranvier.data.known.catalogue import (
    catalogue,
    data_set,
    is_known,
    is_known_pictures,
    target_of,
)
from ranvier.data.known.entry import DataSet

__all__ = [
    "DataSet",
    "catalogue",
    "data_set",
    "get",
    "get_parts",
    "is_cached",
    "is_known",
    "is_known_pictures",
    "target_of",
]
