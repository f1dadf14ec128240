"""What convolutions, pooling and arrangements refuse, and how they start, cost and read."""

from __future__ import annotations

import pytest

from ranvier.core.errors import NetworkError, ShapeError, UnknownNameError
from ranvier.spec import (
    LAYERS,
    Activation,
    AdaptiveAveragePool,
    AttentionPool,
    AveragePool,
    BatchNorm,
    Bilinear,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    DepthwiseConv,
    EinsumDense,
    EmbeddingBag,
    Flatten,
    Fold,
    GlobalAveragePool,
    Lambda,
    Masking,
    MaxPool,
    Network,
    Pad,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    RepeatVector,
    Reshape,
    Select,
    SeparableConv,
    Slice,
    Take,
    Unfold,
    Upsample,
    trace,
)

MISFITS = [
    (
        Conv(8, 5),
        (4, 9, 3),
        "got an input of shape (4, 9, 3); expected at least (5, 5) places and the features: the "
        "window spans (5, 5). Make the window smaller, pad with padding='same', or reduce the "
        "places less before.",
    ),
    (
        Conv(8, (3, 3)),
        (28, 28),
        "got an input of shape (28, 28); expected (height, width, features). Put "
        "Reshape((28, 28, 1)) before it to give every place one feature.",
    ),
    (
        Conv(8, 3),
        (784,),
        "got an input of shape (784,); expected (length, features) or (height, width, features) or "
        "(depth, height, width, features). Put Reshape((784, 1)) before it to give every place one "
        "feature.",
    ),
    (
        Conv(8, (3,)),
        (28, 28, 1),
        "got an input of shape (28, 28, 1); expected (length, features). Lay the input out so with "
        "a Reshape, the features last.",
    ),
    (
        Conv(8, 3, groups=4),
        (9, 6),
        "got an input of shape (9, 6); expected features that are a multiple of groups=4. Change "
        "the groups here or the width of a layer before.",
    ),
    (
        Conv(8, 3, padding="causal"),
        (9, 9, 2),
        "got an input of shape (9, 9, 2); expected (length, features): only one axis can be time. "
        "Use padding='same', or a Reshape to one axis before it.",
    ),
    (
        Conv(8, 9, padding="same", padding_mode="reflect"),
        (4, 2),
        "got an input of shape (4, 2); expected at least (5,) places, to pad 4 of them in mode "
        "'reflect'. Pad fewer places, or in mode 'replicate', which one place is enough for.",
    ),
    (
        ConvTranspose(8, 2, padding=2),
        (3, 2),
        "got an input of shape (3, 2); expected more places: with padding=2 none is left of them. "
        "Pad less, or use padding='same'.",
    ),
    (
        ConvTranspose(8, 2, groups=4),
        (3, 2),
        "got an input of shape (3, 2); expected features that are a multiple of groups=4. Change "
        "the groups here or the width of a layer before.",
    ),
    (
        DepthwiseConv(5),
        (3, 2),
        "got an input of shape (3, 2); expected at least (5,) places and the features: the window "
        "spans (5,). Make the window smaller, pad with padding='same', or reduce the places less "
        "before.",
    ),
    (
        MaxPool(3, dilation=2),
        (4, 2),
        "got an input of shape (4, 2); expected at least (5,) places and the features: the window "
        "spans (5,). Make the window smaller, pad with padding='same', or reduce the places less "
        "before.",
    ),
    (
        AdaptiveAveragePool((2, 2)),
        (9, 3),
        "got an input of shape (9, 3); expected (height, width, features). Put Reshape((9, 3, 1)) "
        "before it to give every place one feature.",
    ),
    (
        GlobalAveragePool(),
        (8,),
        "got an input of shape (8,); expected (length, features), (height, width, features) or "
        "more axes, the features last. Take it away: there are no places to pool over.",
    ),
    (
        Pad(3, mode="circular"),
        (2, 4),
        "got an input of shape (2, 4); expected at least (3,) places, to pad 3 of them in mode "
        "'circular'. Pad fewer places, or in mode 'replicate', which one place is enough for.",
    ),
    (
        Crop(2),
        (4, 4),
        "got an input of shape (4, 4); expected (length, features) with at least (5,) places. Crop "
        "less, or reduce the places less before.",
    ),
    (
        Upsample(2, mode="cubic"),
        (4, 4),
        "got an input of shape (4, 4); expected (height, width, features) for mode 'cubic'. Use "
        "mode='linear'.",
    ),
    (
        Upsample(0.1),
        (4, 4),
        "got an input of shape (4, 4); expected places enough for one to be left. Give a larger "
        "scale.",
    ),
    (
        PixelShuffle(2),
        (4, 4, 6),
        "got an input of shape (4, 4, 6); expected features that are a multiple of 2² = 4. Give "
        "the layer before a multiple of 4 filters.",
    ),
    (
        PixelUnshuffle(2),
        (4, 5, 6),
        "got an input of shape (4, 5, 6); expected a height and a width that are multiples of 2. "
        "Pad or Crop before it.",
    ),
    (
        Reshape((3, -1)),
        (4, 4),
        "got an input of shape (4, 4); expected a multiple of 3 numbers, for (3, -1). It holds 16: "
        "choose sizes that multiply to that, or -1 for one of them.",
    ),
    (
        Permute((1, 0)),
        (4, 4, 2),
        "got an input of shape (4, 4, 2); expected 2 axes, as many as the order (1, 0) names. Name "
        "3 axes, from 0.",
    ),
    (
        RepeatVector(3),
        (4, 4),
        "got an input of shape (4, 4); expected (features,). Put a Flatten or a pooling over all "
        "places before it.",
    ),
    (
        Flatten(2),
        (4, 4),
        "got an input of shape (4, 4); expected more than 2 axes, as axis 2 is the first to become "
        "one. Start at an earlier axis.",
    ),
    (
        Slice(5, axis=1),
        (9, 4),
        "got an input of shape (9, 4); expected places [5:] along axis 1. Stay within the places "
        "that come.",
    ),
    (
        Slice(1, axis=2),
        (9, 4),
        "got an input of shape (9, 4); expected an axis 2. Name one of the 2 axes, from 0.",
    ),
    (
        Select(9),
        (9, 4),
        "got an input of shape (9, 4); expected a place 9 along axis 0. Name one of the 9 places, "
        "from 0, or from -1 at the end.",
    ),
    (
        Masking(),
        (9,),
        "got an input of shape (9,); expected (length, features). Use PaddingMask for codes, which "
        "have no features.",
    ),
    (
        EinsumDense("btc,cd->btd", (None, 5)),
        (9,),
        "got an input of shape (9,); expected (t, c), an axis for each letter. Name the axes that "
        "come.",
    ),
    (
        EinsumDense("btc,cd->btd", (7, 5)),
        (9, 3),
        "got an input of shape (9, 3); expected (t, c) with t = 7. Write None for an axis that "
        "comes.",
    ),
    (
        Bilinear(3),
        (9, 3),
        "got an input of shape (9, 3); expected two inputs that differ in their features alone. "
        "Take both by name before it, as Take('left', 'right').",
    ),
    (
        EmbeddingBag(9, 3),
        (9, 3),
        "got an input of shape (9, 3); expected (length,), a row of codes. Give it codes alone.",
    ),
    (
        Unfold(2),
        (4, 4, 4, 2),
        "got an input of shape (4, 4, 4, 2); expected (length, features) or (height, width, "
        "features). Use it on a slice of two axes, or a Reshape before it.",
    ),
    (
        Fold((6, 6), 2),
        (4, 5, 8),
        "got an input of shape (4, 5, 8); expected (5, 5, features · 4), what an Unfold makes of "
        "(6, 6) places. Give it the kernel, stride, padding and dilation of the Unfold.",
    ),
    (
        Lambda("mean", axis=2),
        (9, 3),
        "got an input of shape (9, 3); expected an axis 2. Name one of the 2 axes, from 0.",
    ),
]


@pytest.mark.parametrize(
    ("layer", "shape", "message"), MISFITS, ids=[f"{each[0]}" for each in MISFITS]
)
def test_a_wrong_input_is_refused_with_the_shape_that_fits_and_a_mend(layer, shape, message):
    with pytest.raises(ShapeError) as caught:
        Network(layer).describe(input=shape)
    kind = type(layer).__name__
    assert str(caught.value) == f"{layer.kind}_0: {kind} {message}"


def test_a_separable_convolution_names_the_part_that_does_not_fit():
    with pytest.raises(ShapeError, match=r"separable_conv_0.depthwise: DepthwiseConv got an input"):
        Network(SeparableConv(4, 5)).describe(input=(3, 2))


@pytest.mark.parametrize("layer", [GlobalAveragePool(mask="mask"), AttentionPool(mask="mask")])
def test_a_mask_of_other_places_is_refused(layer):
    network = Network(Take("rows"), layer, inputs=("rows", "mask"))
    with pytest.raises(ShapeError) as caught:
        network.describe(input=[(9, 4), (8,)])
    assert str(caught.value) == (
        f"{layer.kind}_1: {type(layer).__name__} got (9, 4) and a mask of shape (8,); expected a "
        "mask of shape (9,), a number for each place. Make the mask of what has as many places, "
        "such as the codes or Masking()."
    )


def test_a_selection_by_a_mask_of_other_places_is_refused():
    network = Network(Take("rows"), Select(-1, mask="mask"), inputs=("rows", "mask"))
    with pytest.raises(ShapeError) as caught:
        network.describe(input=[(9, 4), (8,)])
    assert str(caught.value) == (
        "select_1: Select got (9, 4), a mask of shape (8,) and axis=0; expected a mask of shape "
        "(9,) and axis=0. Make the mask of what has as many places, such as the codes or Masking()."
    )


def test_five_misfits_of_one_network_are_reported_at_once():
    network = Network(
        Conv(8, 30),
        MaxPool((2,)),
        Conv(9, 3, padding="same", groups=3),
        Reshape((7, -1)),
        Permute((1, 0, 2)),
    )
    with pytest.raises(ShapeError) as caught:
        network.describe(input=(28, 28, 1))
    paths = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert paths == ["conv_0", "max_pool_1", "conv_2", "reshape_3", "permute_4"]


REFUSED = [
    (
        lambda: Conv(6, 3, groups=4),
        "Conv.filters: got 6 with groups=4; expected a multiple of the groups. Give it 2 · 4 = 8 "
        "filters.",
    ),
    (
        lambda: Conv(6, (3, 3), stride=(2,)),
        "Conv: got tuples for different numbers of axes: kernel has 2, stride has 1; expected one "
        "number for each axis of space in all of them.",
    ),
    (
        lambda: Conv(6, 3, padding="causal", padding_mode="reflect"),
        "Conv.padding_mode: got 'reflect' with causal padding; expected 'zeros', as the past "
        "before a sequence is unknown. Leave it out.",
    ),
    (
        lambda: Conv(6, 3, padding="smae"),
        "Conv.padding: got 'smae'; expected 'same', 'valid', 'causal', or a whole number of "
        "places, or one for each axis. Did you mean 'same'?",
    ),
    (
        lambda: Conv(6, (3, 3, 3, 3)),
        "Conv.kernel: got (3, 3, 3, 3); expected a whole number of at least 1, or a tuple of one "
        "to 3: one for each axis.",
    ),
    (
        lambda: ConvTranspose(6, 3, groups=4),
        "ConvTranspose.filters: got 6 with groups=4; expected a multiple of the groups.",
    ),
    (
        lambda: ConvTranspose(6, 3, stride=2, output_padding=2),
        "ConvTranspose.output_padding: got 2; expected less than the stride or the dilation, so at "
        "most 1: more places could never have come in.",
    ),
    (
        lambda: MaxPool(3, padding=2),
        "MaxPool.padding: got 2 around a window of 3; expected at most half the window, 1. Pad "
        "less or use padding='same'.",
    ),
    (
        lambda: Upsample(),
        "Upsample: got scale=None and size=None; expected one of them. Give the scale, such as 2, "
        "or the size that is wanted.",
    ),
    (
        lambda: Upsample(1e300),
        "Upsample.scale: got 1e+300; expected a number above 0 and at most 1,000,000, or a tuple "
        "of one to 3: one for each axis, or None.",
    ),
    (
        lambda: Upsample(2, align_corners=True),
        "Upsample.align_corners: got true with mode 'nearest'; expected it with 'linear' or "
        "'cubic' alone. Leave it out.",
    ),
    (
        lambda: Upsample(2, mode="bilinear"),
        "Upsample.mode: got 'bilinear'; expected one of 'nearest', 'linear', 'cubic', 'area'. Did "
        "you mean 'linear'?",
    ),
    (
        lambda: Permute((1, 2)),
        "Permute.order: got (1, 2); expected every axis of a sample once, from 0: (0, 1) in some "
        "order. The batch axis is not counted.",
    ),
    (
        lambda: Reshape((-1, -1)),
        "Reshape.shape: got (-1, -1); expected sizes of at least 1, of which one may be -1 for "
        "what is left.",
    ),
    (
        lambda: EmbeddingBag(3, 4, padding=3),
        "EmbeddingBag.padding: got 3; expected one of the codes, 0 to 2.",
    ),
    (
        lambda: Fold(6, 2),
        "Fold.places: got 6; expected a number for each axis, such as (6, 6) for a picture.",
    ),
    (
        lambda: Pad(((1, 2, 3),)),
        "Pad.amount: got ((1, 2, 3),); expected a whole number of places, or for each axis a "
        "number or a pair (before, after), such as ((1, 0), 2). Number 1 is (1, 2, 3); give a whole "
        "number, or a pair (before, after).",
    ),
    (
        lambda: EinsumDense("btc,cd->btd", 5),
        "EinsumDense.output: got (5,) for the axes t, d; expected one size for each, without the "
        "batch's.",
    ),
    (
        lambda: EinsumDense("btc,cd->btd", (None, None)),
        "EinsumDense.output: got None for 'd', which does not come in; expected its size.",
    ),
    (
        lambda: EinsumDense("btc,cd->btd", (None, 5), bias_axes="c"),
        "EinsumDense.bias_axes: got 'c'; expected letters of 'td'. 'c' is none of them.",
    ),
    (
        lambda: EinsumDense("btc,cd->tbd", (None, 5)),
        "EinsumDense.subscripts: got 'btc,cd->tbd'; expected subscripts as of einsum, "
        "'input,weight->output'. The first letter is the batch's: let it stand first on both sides.",
    ),
    (
        lambda: EinsumDense("btc,cde->btd", (None, 5)),
        "EinsumDense.subscripts: got 'btc,cde->btd'; expected subscripts as of einsum, "
        "'input,weight->output'. 'e' is an axis of the weight alone: leave it out.",
    ),
    (
        lambda: Lambda(lambda z: z),
        None,
    ),
    (lambda: Lambda("scale", by=2), "function scale: unknown parameter 'by'. Known: 'factor'."),
    (
        lambda: Lambda("mean", axis=0.5),
        "function mean.axis: got 0.5; expected a whole number of at least -64 and at most 64.",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_cannot_be_is_refused_where_it_is_written(make, message):
    with pytest.raises(NetworkError) as caught:
        make()
    if message is None:
        assert "Enter your own in FUNCTIONS and give its name." in str(caught.value)
    else:
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("elsewhere", "here"),
    [
        ("conv2d", "conv"),
        ("conv2d_transpose", "conv_transpose"),
        ("conv_transpose2d", "conv_transpose"),
        ("max_pooling2d", "max_pool"),
        ("avg_pool1d", "average_pool"),
        ("zero_padding2d", "pad"),
        ("reflection_pad2d", "pad"),
        ("cropping1d", "crop"),
        ("up_sampling2d", "upsample"),
        ("global_average_pooling1d", "global_average_pool"),
        ("lp_pool2d", "power_pool"),
    ],
)
def test_names_from_elsewhere_are_answered_with_ours(elsewhere, here):
    with pytest.raises(UnknownNameError, match=f"Here it is called '{here}'"):
        LAYERS[elsewhere]


def test_an_unknown_function_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown function 'sqare'. Did you mean 'square'?"):
        Lambda("sqare")


def test_the_number_of_axes_follows_from_the_input():
    conv = Conv(8, 3, padding="same", stride=2)
    shapes = [conv.output_shape((*places, 2)) for places in ((9,), (9, 8), (9, 8, 7))]
    assert shapes == [(5, 8), (5, 4, 8), (5, 4, 4, 8)]


def test_weights_start_as_suits_the_activation_and_with_the_fans_of_one_place():
    network = Network(Conv(8, 3, groups=2), BatchNorm(), Activation("relu"))
    weight = trace(network, (9, 9, 4)).children[0].parameters["weight"]
    assert weight.initializer.function == "he_uniform"
    assert (weight.shape, weight.fan_in, weight.fan_out) == ((8, 2, 3, 3), 2 * 9, 8 * 9)


def test_a_depthwise_convolution_starts_with_the_fan_of_one_feature():
    weight = DepthwiseConv(5, multiplier=2).parameters((9, 9, 4))["weight"]
    assert (weight.shape, weight.fan_in) == ((8, 1, 5, 5), 25)


def test_a_transposed_convolution_counts_the_places_that_reach_one():
    weight = ConvTranspose(6, 4, stride=2).parameters((9, 9, 8))["weight"]
    assert (weight.shape, weight.fan_in, weight.fan_out) == ((8, 6, 4, 4), 8 * 4, 6 * 16)


@pytest.mark.parametrize(
    ("layer", "shape", "flops"),
    [
        (Conv(8, 3, padding="same"), (10, 10, 4), 100 * 8 * (2 * 9 * 4 + 1)),
        (Conv(8, 3, groups=2, bias=False), (10, 4), 8 * 8 * 2 * 3 * 2),
        (Conv(8, 1, activation="relu"), (10, 4), 10 * 8 * (2 * 4 + 1 + 1)),
        (DepthwiseConv(3, bias=False), (10, 10, 4), 64 * 4 * 2 * 9),
        (ConvTranspose(8, 2, stride=2, bias=False), (5, 5, 4), 25 * 4 * 8 * 4 * 2),
        (MaxPool(2), (10, 10, 4), 25 * 4 * 4),
        (GlobalAveragePool(), (10, 10, 4), 400),
        (EinsumDense("btc,chd->bthd", (None, 2, 3), bias_axes="hd"), (5, 4), 5 * 6 * (2 * 4 + 1)),
        (Bilinear(3), None, 3 * (2 * 4 * 5 + 2 * 5 + 1)),
    ],
    ids=str,
)
def test_a_multiply_add_counts_as_two_operations(layer, shape, flops):
    shapes = [(4,), (5,)] if shape is None else [shape]
    assert layer.flops(*shapes) == flops


def test_a_convolution_of_alexnet_s_first_layer_has_its_known_size():
    node = trace(Conv(96, 11, stride=4), (227, 227, 3))
    assert node.output == (55, 55, 96)
    assert node.num_parameters == 34_944


def test_a_drawing_says_the_kernel_and_what_is_not_usual():
    layer = Conv(64, (3, 5), stride=2, groups=2, activation="relu")
    assert layer.label() == "Conv 64 · kernel 3×5 · stride 2 · 2 groups · relu"
    assert layer.equation("²", "¹") == "z² = W² ∗ a¹ + b², a² = relu(z²)"
    assert AveragePool(3, stride=2).label() == "AveragePool 3 · stride 2"
    assert Pad(((1, 0), 2)).label() == "Pad 1+0×2 · constant"


def test_a_dense_layer_and_a_convolution_read_the_same_way():
    assert Dense(8, activation="tanh").label() == "Dense 8 · tanh"
