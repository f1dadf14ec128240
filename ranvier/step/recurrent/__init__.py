"""Recurrent layers on kernels of our own: a place in one product, each weight's gradient in few."""

from ranvier.step.recurrent.functions import FUSED, has_fused_kernels

__all__ = ["FUSED", "has_fused_kernels"]
