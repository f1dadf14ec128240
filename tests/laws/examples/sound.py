"""Sound as a picture."""

from ranvier.spec import MFCC, MelSpectrogram, Spectrogram
from tests.laws.examples.example import Example

EXAMPLES = [
    Example(Spectrogram(8, hop=3), (20,)),
    Example(Spectrogram(8, fft=16, taper="hamming", power=1, center=True), (2, 20)),
    Example(Spectrogram(8, taper="ones", log=True), (20,)),
    Example(MelSpectrogram(16, rate=1000, mels=4), (40,)),
    Example(MelSpectrogram(16, rate=4000, mels=4, scale="slaney", log=True, center=True), (40,)),
    Example(MFCC(16, rate=1000, mels=6, coefficients=4, low=20, high=400), (40,)),
]
