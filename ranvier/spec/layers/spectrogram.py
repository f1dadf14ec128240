"""Sound as a picture: how strong which frequency is, frame by frame.

X_tk = Σ_n w_n x_{t·hop + n} e^(−2πi k n / fft),  n < window,  k ≤ fft / 2
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar, Literal

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.spec.fields import Count, Flag, Name, Positive, optional, real, whole, word
from ranvier.spec.layer import Family, Layer
from ranvier.spec.trace import Misfit

Taper = Annotated[
    Literal["hann", "hamming", "blackman", "ones"], word("hann", "hamming", "blackman", "ones")
]
Scale = Literal["htk", "slaney"]
AtLeastZero = Annotated[float, real("a number of at least 0", lambda value: value >= 0)]


class _Frames:
    """What the kinds share: windows of a sound, each turned into frequencies."""

    family: ClassVar[Family] = "map"

    name: Name
    window: int
    hop: int | None
    fft: int | None
    center: bool

    def check_frames(self) -> None:
        """Refuse a transform that is shorter than the window."""
        if self.fft is not None and self.fft < self.window:
            raise NetworkError(
                f"{self.name or type(self).__name__}.fft: got {self.fft} for a window of "
                f"{self.window}; expected at least the window. Leave it out, or make it longer."
            )

    @property
    def step(self) -> int:
        """Samples from one window to the next."""
        return self.hop or max(1, self.window // 4)

    @property
    def points(self) -> int:
        """Points of the transform."""
        return self.fft or self.window

    def outputs(self) -> int:
        """Numbers per frame."""
        return self.points // 2 + 1

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        samples = shape[-1] if shape else 0
        room = 2 * (self.window // 2) if self.center else 0
        # The border is mirrored, for which as many samples must be there.
        if samples + room < self.window or (self.center and samples <= self.window // 2):
            least = self.window // 2 + 1 if self.center else self.window
            raise Misfit(
                f"(..., samples) with at least {least} samples",
                "Give longer sounds, or a shorter window.",
                output=(*shape[:-1], 1, self.outputs()),
            )
        frames = 1 + (samples + room - self.window) // self.step
        return (*shape[:-1], frames, self.outputs())

    def flops(self, *inputs: Shape) -> int:
        frames = math.prod(self.infer(*inputs)[:-1])
        return frames * 5 * self.points * max(1, self.points.bit_length() - 1)

    def label(self) -> str:
        return f"{type(self).__name__} {self.window}"


def _log(text: str, log: bool) -> str:
    return f"ln(max({text}, floor))" if log else text


@dataclass(frozen=True)
class Spectrogram(_Frames, Layer, other_spellings=("stft_spectrogram", "stft")):
    """The strength of every frequency in every window of a sound.

        a⁽ˡ⁾_tk = |X_tk|^power,  X_tk = Σ_n w_n x_{t·hop + n} e^(−2πi k n / fft)

    A quarter of the window is the `hop` unless given, the window's length is `fft`. `power` 1 gives
    amplitudes, 2 energies; `log` their natural logarithm, from `floor` on. With `center` the sound
    is mirrored at its ends by half a window, so that frame t is about sample t · hop.

    >>> Spectrogram(400, hop=160).output_shape(16000)
    (98, 201)

    Shapes: [..., samples] -> [..., frames, fft / 2 + 1].

    Reference: Allen & Rabiner 1977, A unified approach to short-time Fourier analysis.
    """

    window: Annotated[int, whole(2)]
    _: KW_ONLY
    hop: Annotated[int | None, optional(whole(1))] = None
    fft: Annotated[int | None, optional(whole(2))] = None
    taper: Taper = "hann"
    power: Positive = 2.0
    log: Flag = False
    floor: Positive = 1e-10
    center: Flag = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_frames()

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        text = _log(f"|X|^{self.power:g}", self.log)
        return f"a{here} = {text}, X = STFT(a{(sources or ('⁽ˡ⁻¹⁾',))[0]})"


class _Mel(_Frames):
    """What looks at a sound as an ear does: low frequencies more finely."""

    mels: int
    rate: float
    low: float
    high: float | None
    scale: Scale

    def check_mel(self) -> None:
        """Refuse a range that the rate does not allow."""
        self.check_frames()
        if not self.low < self.highest <= self.rate / 2:
            raise NetworkError(
                f"{self.name or type(self).__name__}: got frequencies from {self.low:g} to "
                f"{self.highest:g} at {self.rate:g} samples a second; expected low below high, and "
                "high at most half the rate."
            )

    @property
    def highest(self) -> float:
        """The frequency where the last filter ends."""
        return self.rate / 2 if self.high is None else self.high

    def filters(self) -> list[list[float]]:
        """The weight of every frequency in every filter, [mels][frequencies].

        A triangle from the corner before over its own to the corner after, corners equally far
        apart in mel. HTK's sides are straight over mel and all 1 high; Slaney's are straight over
        hertz and have the same area.
        """
        bottom, top = mel(self.low, self.scale), mel(self.highest, self.scale)
        steps = self.mels + 1
        corners = [bottom + (top - bottom) * i / steps for i in range(steps + 1)]
        places = [self.rate * k / self.points for k in range(self.points // 2 + 1)]
        if self.scale == "htk":
            places = [mel(frequency, "htk") for frequency in places]
        else:
            corners = [slaney_hertz(corner) for corner in corners]
        filters = []
        for left, middle, right in zip(corners, corners[1:], corners[2:], strict=False):
            height = 1.0 if self.scale == "htk" else 2 / (right - left)
            rising = [(place - left) / (middle - left) for place in places]
            falling = [(right - place) / (right - middle) for place in places]
            sides = zip(rising, falling, strict=True)
            filters.append([height * max(0.0, min(up, down)) for up, down in sides])
        return filters


# Slaney: straight up to 1000 Hz, 15 mel, then 27 mel for every factor of 6.4.
_STRAIGHT = 200 / 3
_BEND = 1000.0
_LOG_STEP = math.log(6.4) / 27


def mel(frequency: float, scale: Scale) -> float:
    """How high a frequency sounds.

        htk      2595 log₁₀(1 + f / 700)
        slaney   f · 3/200 up to 1000 Hz, then 15 + 27 log_6.4(f / 1000)

    >>> round(mel(1000.0, "htk"), 2), round(mel(500.0, "slaney"), 2)
    (999.99, 7.5)
    """
    if scale == "htk":
        return 2595.0 * math.log10(1.0 + frequency / 700.0)
    if frequency < _BEND:
        return frequency / _STRAIGHT
    return _BEND / _STRAIGHT + math.log(frequency / _BEND) / _LOG_STEP


def slaney_hertz(height: float) -> float:
    """The frequency that sounds so high: Slaney's `mel` turned round.

    >>> round(slaney_hertz(7.5)), round(slaney_hertz(mel(5000.0, "slaney")))
    (500, 5000)
    """
    bend = _BEND / _STRAIGHT
    if height < bend:
        return _STRAIGHT * height
    return _BEND * math.exp(_LOG_STEP * (height - bend))


@dataclass(frozen=True)
class MelSpectrogram(_Mel, Layer):
    """The spectrogram through `mels` overlapping filters, as far apart as an ear hears them.

        a⁽ˡ⁾_tm = Σ_k F_mk |X_tk|^power

    The filters go from `low` to `high`, or to half the `rate` of samples a second. `scale` says
    which mel: "htk" with triangles of height 1, or "slaney" with triangles of equal area (see
    `filters`).

    >>> MelSpectrogram(400, rate=16000, mels=80, hop=160, log=True).output_shape(16000)
    (98, 80)

    Shapes: [..., samples] -> [..., frames, mels].

    Reference: Stevens, Volkmann & Newman 1937; Young et al., The HTK Book; Slaney 1998, Auditory
    Toolbox.
    """

    window: Annotated[int, whole(2)]
    _: KW_ONLY
    rate: Positive
    mels: Count = 80
    low: AtLeastZero = 0.0
    high: Annotated[float | None, optional(real("a number above 0", lambda v: v > 0))] = None
    scale: Annotated[Scale, word("htk", "slaney")] = "htk"
    hop: Annotated[int | None, optional(whole(1))] = None
    fft: Annotated[int | None, optional(whole(2))] = None
    taper: Taper = "hann"
    power: Positive = 2.0
    log: Flag = False
    floor: Positive = 1e-10
    center: Flag = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_mel()

    def outputs(self) -> int:
        return self.mels

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        text = _log(f"F |X|^{self.power:g}", self.log)
        return f"a{here} = {text}, X = STFT(a{(sources or ('⁽ˡ⁻¹⁾',))[0]})"


@dataclass(frozen=True)
class MFCC(_Mel, Layer):
    """The shape of the mel spectrum in a few numbers, whatever the pitch.

        a⁽ˡ⁾_tc = √(2/M) Σ_m ln(max(Σ_k F_mk |X_tk|², floor)) cos(π c (m + ½) / M),  1/√M for c = 0

    which is the orthonormal cosine transform of the logarithm of `MelSpectrogram`.

    >>> MFCC(400, rate=16000, coefficients=13, hop=160).output_shape(16000)
    (98, 13)

    Shapes: [..., samples] -> [..., frames, coefficients].

    Reference: Davis & Mermelstein 1980.
    """

    window: Annotated[int, whole(2)]
    _: KW_ONLY
    rate: Positive
    coefficients: Count = 13
    mels: Count = 40
    low: AtLeastZero = 0.0
    high: Annotated[float | None, optional(real("a number above 0", lambda v: v > 0))] = None
    scale: Annotated[Scale, word("htk", "slaney")] = "htk"
    hop: Annotated[int | None, optional(whole(1))] = None
    fft: Annotated[int | None, optional(whole(2))] = None
    taper: Taper = "hann"
    floor: Positive = 1e-10
    center: Flag = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_mel()
        if self.coefficients > self.mels:
            raise NetworkError(
                f"{self.name or 'MFCC'}.coefficients: got {self.coefficients} of {self.mels} mels; "
                "expected at most as many. Ask for fewer, or give more mels."
            )

    def outputs(self) -> int:
        return self.coefficients

    def equation(self, here: str = "⁽ˡ⁾", *sources: str) -> str:
        return f"a{here} = DCT ln(F |X|²), X = STFT(a{(sources or ('⁽ˡ⁻¹⁾',))[0]})"
