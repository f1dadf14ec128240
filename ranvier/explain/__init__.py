"""Seeing why: which pixels the answer of a picture network rests on, as numbers and as pictures."""

from __future__ import annotations

from ranvier.explain.attribution import Attribution, attribute
from ranvier.explain.explanation import Explanation, explain
from ranvier.explain.heat import overlay
from ranvier.explain.method import METHODS, Method
from ranvier.explain.methods import (
    GradCam,
    GradCamPlusPlus,
    InputTimesGradient,
    IntegratedGradients,
    Occlusion,
    Saliency,
    SmoothGrad,
)
from ranvier.explain.save import check_destination

__all__ = [
    "METHODS",
    "Attribution",
    "Explanation",
    "GradCam",
    "GradCamPlusPlus",
    "InputTimesGradient",
    "IntegratedGradients",
    "Method",
    "Occlusion",
    "Saliency",
    "SmoothGrad",
    "attribute",
    "check_destination",
    "explain",
    "overlay",
]
