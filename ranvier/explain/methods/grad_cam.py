"""Where in the last map of a network the answer comes from.

B pictures, h × w places of the map, C features.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ranvier.core.errors import NetworkError
from ranvier.explain.layers import MapLayer, map_layer, watching
from ranvier.explain.method import METHODS, Method, Scores
from ranvier.explain.subject import Subject


@dataclass(frozen=True)
class MapMethod(Method):
    """A weighted sum of the features of one layer, place by place, what is below zero left out.

    `layer` is a path such as `residual_2.conv_1`; None takes the last layer that holds a map of the
    picture. The map is coarse, and is laid over the picture with linear interpolation.
    """

    is_signed: ClassVar[bool] = False
    layer: str | None = None

    @abstractmethod
    def weights(self, map_BhwC: Tensor, gradient_BhwC: Tensor) -> Tensor:
        """How much each feature counts: broadcasts against the map."""

    def scores(self, subject: Subject, pixels_BHWC: Tensor, targets_B: Tensor) -> Scores:
        found = map_layer(subject, pixels_BHWC[:1], targets_B[:1], self.layer)
        coarse = [
            self._of(subject, found, *block) for block in subject.blocks(pixels_BHWC, targets_B)
        ]
        values_BHW = F.interpolate(
            torch.cat(coarse).unsqueeze(1), pixels_BHWC.shape[1:3], mode="bilinear"
        ).squeeze(1)
        return Scores(values_BHW, layer=found.path)

    def _of(
        self, subject: Subject, found: MapLayer, pixels_BHWC: Tensor, targets_B: Tensor
    ) -> Tensor:
        module = subject.module.get_submodule(found.path)
        # Pixels ask for a gradient so that the map has one where the weights are frozen.
        with watching({found.path: module}) as watched:
            score_B = subject.score(pixels_BHWC.detach().requires_grad_(), targets_B)
        output = watched.outputs[found.path]
        (gradient,) = (
            torch.autograd.grad(score_B.sum(), output, allow_unused=True)
            if score_B.requires_grad and output.requires_grad
            else (None,)
        )
        if gradient is None:
            raise NetworkError(
                f"layer {found.path!r}: the answer has no gradient with respect to it; expected a "
                "layer on the way from the pixels to the answer. Name another one."
            )
        map_BhwC, gradient_BhwC = found.grid.read(output.detach()), found.grid.read(gradient)
        return (self.weights(map_BhwC, gradient_BhwC) * map_BhwC).sum(-1).relu()


@METHODS.register("grad_cam", other_spellings=("gradcam", "cam"))
@dataclass(frozen=True)
class GradCam(MapMethod):
    """Which places of the last map speak for the target.

        s = relu(Σ_c α_c A_c),   α_c = mean over the places of ∂f/∂A_c

    Reference: Selvaraju et al. 2017, arXiv:1610.02391.
    """

    kind: ClassVar[str] = "grad_cam"
    reading: ClassVar[str] = (
        "Warm places are those whose features speak for the answer. The map is as coarse as the "
        "layer that it is taken from, and it leaves out what speaks against the answer."
    )

    def weights(self, map_BhwC: Tensor, gradient_BhwC: Tensor) -> Tensor:
        return gradient_BhwC.mean((1, 2), keepdim=True)


@METHODS.register("grad_cam_plus_plus", other_spellings=("grad_cam++",))
@dataclass(frozen=True)
class GradCamPlusPlus(MapMethod):
    """Grad-CAM that gives several things of one class their share, however small.

        s = relu(Σ_c w_c A_c),   w_c = Σ_places a_c relu(g_c),
        a_c = g_c² / (2 g_c² + Σ_places A_c g_c³),   g_c = ∂f/∂A_c

    This is the paper's form for a score exp(f) of a network that is linear between its kinks; the
    factor exp(f), the same for the whole picture, is left out.

    Reference: Chattopadhay et al. 2018, arXiv:1710.11063.
    """

    kind: ClassVar[str] = "grad_cam_plus_plus"
    reading: ClassVar[str] = (
        "Warm places are those whose features speak for the answer, each of several things of a "
        "class with its share. The map is as coarse as the layer that it is taken from."
    )

    def weights(self, map_BhwC: Tensor, gradient_BhwC: Tensor) -> Tensor:
        square = gradient_BhwC**2
        whole = 2 * square + (map_BhwC * gradient_BhwC**3).sum((1, 2), keepdim=True)
        share = torch.where(whole != 0, square / torch.where(whole != 0, whole, 1.0), 0.0)
        return (share * gradient_BhwC.relu()).sum((1, 2), keepdim=True)
