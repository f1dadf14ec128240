"""Recurrent layers as kernels of our own, and torch's as a captured update can call them."""

from ranvier.step.capture.workspaces import with_saved_workspaces
from ranvier.step.recurrent.functions import (
    FUSED,
    RecurrentKernels,
    has_fused_kernels,
    recurrent_kernels,
)

__all__ = [
    "FUSED",
    "RecurrentKernels",
    "has_fused_kernels",
    "recurrent_kernels",
]
