"""The methods of explanation, a file for each idea."""

from __future__ import annotations

from ranvier.explain.methods.grad_cam import GradCam, GradCamPlusPlus
from ranvier.explain.methods.integrated_gradients import IntegratedGradients
from ranvier.explain.methods.occlusion import Occlusion
from ranvier.explain.methods.saliency import InputTimesGradient, Saliency
from ranvier.explain.methods.smooth_grad import SmoothGrad

__all__ = [
    "GradCam",
    "GradCamPlusPlus",
    "InputTimesGradient",
    "IntegratedGradients",
    "Occlusion",
    "Saliency",
    "SmoothGrad",
]
