"""Ways to compute the same update that change bits: number format, kernels, layout, threads."""

from ranvier.step.variants.apply import varied
from ranvier.step.variants.variant import (
    ATTENTIONS,
    LAYOUTS,
    NUMBER_FORMATS,
    RECURRENTS,
    Variant,
)

__all__ = ["ATTENTIONS", "LAYOUTS", "NUMBER_FORMATS", "RECURRENTS", "Variant", "varied"]
