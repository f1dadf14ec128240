"""Where in pictures the network looked, laid over them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ranvier.apps.image.gallery.errors import Heat
from ranvier.core.errors import NetworkError
from ranvier.explain import attribute, overlay
from ranvier.step import Head

# The second needs no layer that holds a map of the picture.
METHODS = ("grad_cam", "integrated_gradients")


def heat_of(module: nn.Module, head: Head) -> Heat:
    """What lays over pictures what speaks for an output of this network; None where nothing can."""

    def heat(
        pictures_BHWC: NDArray[np.uint8], outputs_B: NDArray[np.int64]
    ) -> NDArray[np.uint8] | None:
        for method in METHODS:
            try:
                found = attribute(
                    module,
                    torch.from_numpy(pictures_BHWC),
                    method=method,
                    targets=torch.from_numpy(outputs_B),
                    is_pair=head.single_logit,
                )
            except NetworkError:
                continue
            return overlay(pictures_BHWC, found.heat.cpu().numpy())
        return None

    return heat
