"""Pictures, augmentation and spectrograms: how layers refuse what cannot be."""

from __future__ import annotations

import pytest

from ranvier.core.errors import NetworkError, ShapeError
from ranvier.spec import (
    LAYERS,
    MFCC,
    CenterCrop,
    MelSpectrogram,
    RandAugment,
    RandomAffine,
    RandomBrightness,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomGrayscale,
    RandomHue,
    RandomRotation,
    RandomSaturation,
    RandomTranslation,
    RandomZoom,
    Resizing,
    Spectrogram,
    TrivialAugment,
)
from tests.laws.examples.pictures import EXAMPLES

PICTURE_KINDS = {example.layer.kind: example.layer for example in EXAMPLES}


@pytest.mark.parametrize("kind", PICTURE_KINDS)
def test_what_is_no_picture_is_refused_with_what_fits(kind):
    layer = PICTURE_KINDS[kind]
    with pytest.raises(ShapeError) as caught:
        layer.output_shape((28, 28))
    assert str(caught.value) == (
        f"network: {type(layer).__name__} got an input of shape (28, 28); expected "
        "(height, width, channels). Reshape what comes into pictures, the channels last; grey ones "
        "have one channel."
    )


@pytest.mark.parametrize(
    "layer",
    [RandomSaturation(0.1), RandomHue(0.1), RandomGrayscale(0.1), TrivialAugment(), RandAugment()],
    ids=repr,
)
def test_what_changes_colours_wants_three_of_them(layer):
    with pytest.raises(ShapeError, match=r"expected \(height, width, 3\): red, green, blue. Leave"):
        layer.output_shape((8, 8, 1))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            CenterCrop(8, 4),
            (7, 9, 3),
            "network: CenterCrop got an input of shape (7, 9, 3); expected (height, width, "
            "channels) of at least 8 × 4. Crop less, or put a Resizing before it.",
        ),
        (
            RandomCrop(8, 8, padding=1),
            (5, 9, 3),
            "network: RandomCrop got an input of shape (5, 9, 3); expected (height, width, "
            "channels) of at least 6 × 6. Crop less, pad more, or put a Resizing before it.",
        ),
        (
            RandomCrop(3, 3, padding=3, fill="reflect"),
            (3, 9, 3),
            "network: RandomCrop got an input of shape (3, 9, 3); expected (height, width, "
            "channels) of at least 4 × 4: a picture's mirror image is no wider than the picture. "
            'Pad less, or fill with "edge".',
        ),
        (
            Spectrogram(400),
            (399,),
            "network: Spectrogram got an input of shape (399,); expected (..., samples) with at "
            "least 400 samples. Give longer sounds, or a shorter window.",
        ),
        (
            MelSpectrogram(400, rate=8000, center=True),
            (200,),
            "network: MelSpectrogram got an input of shape (200,); expected (..., samples) with at "
            "least 201 samples. Give longer sounds, or a shorter window.",
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_refused_with_its_path(layer, shape, message):
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(shape)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Resizing(3, 3, method="linear"),
            "Resizing.method: got 'linear'; expected one of 'nearest', 'bilinear', 'bicubic', "
            "'area'. Did you mean 'bilinear'?",
        ),
        (
            lambda: RandomFlip("left"),
            "RandomFlip.direction: got 'left'; expected one of 'horizontal', 'vertical', 'both'. "
            "Known: 'horizontal', 'vertical', 'both'.",
        ),
        (
            lambda: RandomBrightness(0.1, limits=(1, 0)),
            "RandomBrightness.limits: got (1, 0); expected two rising numbers, such as (0, 1).",
        ),
        (
            lambda: RandomErasing(0.5, area=(0.5, 1.5)),
            "RandomErasing.area: got (0.5, 1.5); expected two rising shares, such as (0.02, 0.33).",
        ),
        (
            lambda: RandomErasing(0.5, ratio=(0, 2)),
            "RandomErasing.ratio: got (0, 2); expected two rising numbers above 0, such as "
            "(0.3, 3.3).",
        ),
        (
            lambda: RandomZoom(1.0),
            "RandomZoom.zoom: got 1.0; expected a number from 0 up to, but not, 1.",
        ),
        (
            lambda: RandomAffine(shear=90),
            "RandomAffine.shear: got 90; expected degrees from 0 up to, but not, 90.",
        ),
        (
            lambda: RandomHue(0.6),
            "RandomHue.amount: got 0.6; expected a number from 0 to 0.5.",
        ),
        (
            lambda: Spectrogram(400, fft=256),
            "Spectrogram.fft: got 256 for a window of 400; expected at least the window. Leave it "
            "out, or make it longer.",
        ),
        (
            lambda: MelSpectrogram(400, rate=8000, high=5000),
            "MelSpectrogram: got frequencies from 0 to 5000 at 8000 samples a second; expected low "
            "below high, and high at most half the rate.",
        ),
        (
            lambda: MFCC(400, rate=8000, mels=10),
            "MFCC.coefficients: got 13 of 10 mels; expected at most as many. Ask for fewer, or give "
            "more mels.",
        ),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_written(make, message):
    with pytest.raises(NetworkError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("shape", "layer", "output"),
    [
        ((16000,), Spectrogram(400, hop=160), (98, 201)),
        ((16000,), Spectrogram(400, hop=160, center=True), (101, 201)),
        ((2, 16000), MelSpectrogram(400, rate=16000, mels=64, hop=160, fft=512), (2, 98, 64)),
        ((48, 60, 3), Resizing(32, 32, aspect="pad"), (32, 32, 3)),
    ],
)
def test_shapes_are_inferred(shape, layer, output):
    assert layer.output_shape(shape) == output


@pytest.mark.parametrize("kind", [RandomRotation, RandomTranslation, RandomZoom])
def test_how_far_a_picture_is_moved_must_be_said(kind):
    assert len(kind.required_fields()) == 1
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        kind()


def test_every_kind_of_picture_layer_draws_its_meaning():
    for layer in PICTURE_KINDS.values():
        assert layer.equation("⁽²⁾", "⁽¹⁾").startswith("a⁽²⁾ = ")
        assert LAYERS[layer.kind] is type(layer)
