"""Sound as a picture, by torch's Fourier transform.

T frames, N samples of a window, K frequencies, M filters or coefficients.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ranvier.nn.modules import MODULES, Children
from ranvier.spec import MFCC as MFCCLayer
from ranvier.spec import MelSpectrogram as MelSpectrogramLayer
from ranvier.spec import Node
from ranvier.spec import Spectrogram as SpectrogramLayer

_TAPERS = {
    "hann": torch.hann_window,
    "hamming": torch.hamming_window,
    "blackman": torch.blackman_window,
}


class Spectrogram(nn.Module):
    """|X|^power, through filters where there are any, its logarithm, a cosine transform of that.

    Shapes: [..., samples] -> [..., T, K] or [..., T, M].
    """

    taper_N: Tensor
    filters_KM: Tensor | None
    cosines_MC: Tensor | None

    def __init__(
        self,
        layer: SpectrogramLayer | MelSpectrogramLayer | MFCCLayer,
        *,
        power: float,
        log: bool,
        filters: list[list[float]] | None = None,
        cosines: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.power = power
        self.log = log
        taper_N = _TAPERS.get(layer.taper, torch.ones)(layer.window)
        self.register_buffer("taper_N", taper_N, persistent=False)
        filters_KM = None if filters is None else torch.tensor(filters).t().contiguous()
        self.register_buffer("filters_KM", filters_KM, persistent=False)
        self.register_buffer("cosines_MC", cosines, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        # The transform knows no half precision.
        exact = torch.promote_types(input.dtype, torch.float32)
        energies = self._spectrum(input.to(exact), exact).to(self.taper_N.dtype)
        if self.filters_KM is not None:
            energies = energies @ self.filters_KM
        if self.log:
            energies = energies.clamp_min(self.layer.floor).log()
        return energies if self.cosines_MC is None else energies @ self.cosines_MC

    def _spectrum(self, sound: Tensor, exact: torch.dtype) -> Tensor:
        layer = self.layer
        if layer.center:
            half = layer.window // 2
            # torch mirrors the last axis of what has a batch axis in front.
            rows = sound.reshape(-1, 1, sound.shape[-1])
            rows = F.pad(rows, (half, half), mode="reflect")
            sound = rows.reshape(*sound.shape[:-1], -1)
        frames_TN = sound.unfold(-1, layer.window, layer.step) * self.taper_N.to(exact)
        spectrum_TK = torch.view_as_real(torch.fft.rfft(frames_TN, n=layer.points))
        energies = spectrum_TK.square().sum(-1)
        # The square root of nothing has no slope, which would spoil all gradients.
        if self.power == 2:
            return energies
        return energies.clamp_min(torch.finfo(exact).tiny) ** (self.power / 2)

    def extra_repr(self) -> str:
        return repr(self.layer)


def cosines(mels: int, coefficients: int) -> Tensor:
    """The orthonormal cosine transform (DCT-II) of rows, [M, C]."""
    angles = torch.outer(torch.arange(mels) + 0.5, torch.arange(coefficients)) * (math.pi / mels)
    transform_MC = math.sqrt(2 / mels) * angles.double().cos()
    transform_MC[:, 0] /= math.sqrt(2)
    return transform_MC.to(torch.get_default_dtype())


@MODULES.register("spectrogram")
def _spectrogram(node: Node, _: Children) -> nn.Module:
    layer = node.layer
    assert isinstance(layer, SpectrogramLayer)
    return Spectrogram(layer, power=layer.power, log=layer.log)


@MODULES.register("mel_spectrogram")
def _mel_spectrogram(node: Node, _: Children) -> nn.Module:
    layer = node.layer
    assert isinstance(layer, MelSpectrogramLayer)
    return Spectrogram(layer, power=layer.power, log=layer.log, filters=layer.filters())


@MODULES.register("mfcc")
def _mfcc(node: Node, _: Children) -> nn.Module:
    layer = node.layer
    assert isinstance(layer, MFCCLayer)
    transform = cosines(layer.mels, layer.coefficients)
    return Spectrogram(layer, power=2.0, log=True, filters=layer.filters(), cosines=transform)
