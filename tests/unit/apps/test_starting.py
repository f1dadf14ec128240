"""Weights to start from: of a run, of a described file, of a published one; what fits is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ranvier.apps.starting import Start, fill_, network_from, read_start
from ranvier.core.errors import NetworkError, RunError
from ranvier.core.task import Task
from ranvier.data.image.encode import PictureEncoder, PictureForm
from ranvier.nn import build
from ranvier.runs.documents import write_document
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import save_model
from ranvier.spec import (
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    Network,
    Normalization,
    RandomErasing,
    RandomFlip,
    Rescaling,
)
from ranvier.spec.architectures import resnet

TASK = Task("classification", "class", ("cat", "dog", "fox"))
NUMBERS = Normalization((10.0,), (4.0,))
BODY = (Conv(4, 3, bias=False), BatchNorm(), GlobalAveragePool(), Dense(3))
NETWORK = Network(NUMBERS, RandomFlip(), *BODY, name="own")
SHAPE = (8, 8, 1)


def save_run(path: Path, network: Network = NETWORK, *, kind: str | None = None) -> RunFolder:
    run = RunFolder.create(path)
    write_document(run.run, {"application": "image"})
    encoder = PictureEncoder(TASK, PictureForm(8, 8, 1, "pad"), (10.0,), (2.0,)).to_json()
    module = build(network, SHAPE, seed=3)
    with torch.no_grad():
        for buffer in module.buffers():
            buffer.add_(1)
    tensors = dict(module.state_dict())
    save_model(run, tensors, network.to_json(), {**encoder, "kind": kind or "pictures"})
    return run


def started(start: Start, *, outputs: int = 2, channels: int = 1, **options: Any) -> Any:
    network = network_from(start, outputs=outputs, channels=channels, numbers=Rescaling(1 / 255))
    module = build(network, (8, 8, channels), seed=9)
    drawn = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    return network, module.state_dict(), drawn, fill_(module, start, **options)


def test_a_run_gives_its_layers_its_numbers_and_its_form(tmp_path: Path) -> None:
    save_run(tmp_path / "run")
    start = read_start(tmp_path / "run")
    assert start.form == PictureForm(8, 8, 1, "pad")
    assert start.size == (8, 8)
    augmentation = (RandomErasing(0.5), RandomFlip("vertical"))
    network = network_from(
        start, outputs=2, channels=1, numbers=Rescaling(1.0), augmentation=augmentation
    )
    assert network == Network(NUMBERS, *augmentation, *BODY[:-1], Dense(2), name="own")


def test_weights_and_statistics_come_over_though_their_names_move(tmp_path: Path) -> None:
    model = save_run(tmp_path / "run")
    theirs = read_start(model.path).tensors
    start = read_start(tmp_path / "run")
    network = network_from(start, outputs=2, channels=1, numbers=Rescaling(1.0))
    module = build(network, SHAPE, seed=9)
    drawn = module.state_dict()["dense_4.weight"].clone()
    words = fill_(module, start)
    ours = module.state_dict()
    # One layer fewer stands before them: conv_2 became conv_1.
    assert torch.equal(ours["conv_1.weight"], theirs["conv_2.weight"])
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        assert torch.equal(ours[f"batch_norm_2.{name}"], theirs[f"batch_norm_3.{name}"])
    assert torch.equal(ours["dense_4.weight"], drawn)
    assert words == f"6 of 8 tensors from {tmp_path / 'run'}; the head is new (dense_4)"


def test_the_same_question_keeps_the_head_and_another_does_not(tmp_path: Path) -> None:
    start = read_start(save_run(tmp_path / "run").path)
    assert start.suits(TASK)
    assert not start.suits(Task("classification", "class", ("cat", "fox", "dog")))
    assert not start.suits(Task("multilabel", "class", TASK.classes))
    _, ours, _, words = started(start, outputs=3, keeps_head=True)
    assert torch.equal(ours["dense_4.weight"], start.tensors["dense_5.weight"])
    assert words == f"8 of 8 tensors from {start.source}"


def test_the_weights_file_inside_a_run_is_that_run(tmp_path: Path) -> None:
    save_run(tmp_path / "run")
    start = read_start(tmp_path / "run" / "model" / "weights.safetensors")
    assert start.source == str(tmp_path / "run")
    assert start.form is not None


def test_grey_weights_are_shared_out_among_colours(tmp_path: Path) -> None:
    start = read_start(save_run(tmp_path / "run").path)
    network, ours, _, words = started(start, channels=3)
    theirs = start.tensors["conv_2.weight"]
    torch.testing.assert_close(ours["conv_1.weight"].sum(1, keepdim=True), theirs)
    assert network.layers[0] == Normalization((10.0,) * 3, (4.0,) * 3)
    assert "the 1 channels of conv_1.weight became 3" in words


def test_colour_weights_add_up_for_grey_pictures(tmp_path: Path) -> None:
    module = build(resnet(18), (64, 64, 3), seed=1)
    save_file(as_torchvision(module.state_dict()), tmp_path / "resnet.safetensors")
    start = read_start(tmp_path / "resnet.safetensors")
    network = network_from(start, outputs=5, channels=1, numbers=Rescaling(1.0))
    ours = build(network, (32, 32, 1))
    words = fill_(ours, start)
    filled, given = ours.state_dict(), module.state_dict()
    stem = given["stem.conv_0.weight"].sum(1, keepdim=True)
    torch.testing.assert_close(filled["stem.conv_0.weight"], stem)
    assert "120 of 122 tensors" in words
    assert "the head is new (dense_7)" in words
    assert "the 3 channels of stem.conv_0.weight became 1" in words


def as_torchvision(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our ResNet-18's weights under the names that torchvision has, in its order of layers."""
    names = ["conv1", "bn1"]
    for stage in range(1, 5):
        for i in range(2):
            block = f"layer{stage}.{i}."
            names += [f"{block}{layer}" for layer in ("conv1", "bn1", "conv2", "bn2")]
            if stage > 1 and i == 0:
                names += [f"{block}downsample.0", f"{block}downsample.1"]
    ours = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    known = dict(zip(ours, [*names, "fc"], strict=True))
    return {
        f"{known[layer]}.{what}": tensor.contiguous()
        for name, tensor in state.items()
        for layer, _, what in [name.rpartition(".")]
    }


def test_published_weights_are_recognised_and_expect_the_numbers_of_imagenet(
    tmp_path: Path,
) -> None:
    state = as_torchvision(build(resnet(18, classes=7), (64, 64, 3)).state_dict())
    del state["fc.weight"], state["fc.bias"]  # a backbone alone will do
    save_file(state, tmp_path / "a.safetensors")
    start = read_start(tmp_path / "a.safetensors")
    assert start.source.endswith("a.safetensors (torchvision's ResNet-18)")
    assert start.size is None and start.form is None
    assert isinstance(start.numbers, Normalization)
    assert start.numbers.mean == pytest.approx([123.675, 116.28, 103.53])
    assert start.numbers.deviations() == pytest.approx([58.395, 57.12, 57.375])


def test_a_file_with_its_description_beside_it_is_of_that_network(tmp_path: Path) -> None:
    save_file(dict(build(NETWORK, SHAPE, seed=5).state_dict()), tmp_path / "mine.safetensors")
    (tmp_path / "network.json").write_text(NETWORK.to_json())
    start = read_start(tmp_path / "mine.safetensors")
    _, ours, _, words = started(start)
    assert torch.equal(ours["conv_1.weight"], start.tensors["conv_2.weight"])
    assert words.startswith("6 of 8 tensors")


def test_of_a_network_that_is_given_what_fits_is_taken_and_the_rest_said(tmp_path: Path) -> None:
    save_file(dict(build(NETWORK, SHAPE, seed=5).state_dict()), tmp_path / "mine.safetensors")
    other = Network(NUMBERS, RandomFlip(), *BODY[:2], Conv(6, 3), GlobalAveragePool(), Dense(2))
    start = read_start(tmp_path / "mine.safetensors", network=other)
    _, ours, drawn, words = started(start)
    assert torch.equal(ours["conv_1.weight"], start.tensors["conv_2.weight"])
    assert torch.equal(ours["conv_3.weight"], drawn["conv_3.weight"])
    assert words.endswith("2 start as they were drawn, first conv_3.weight")


def lacking(path: Path) -> None:
    tensors = dict(build(NETWORK, SHAPE).state_dict())
    del tensors["conv_2.weight"]
    save_file(tensors, path / "weights.safetensors")
    (path / "network.json").write_text(NETWORK.to_json())


def of_other_form(path: Path) -> None:
    tensors = dict(build(NETWORK, SHAPE).state_dict())
    save_file({**tensors, "conv_2.weight": torch.zeros(5, 1, 3, 3)}, path / "weights.safetensors")
    (path / "network.json").write_text(NETWORK.to_json())


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lacking, "conv_1.weight: nothing fills it"),
        (of_other_form, r"conv_1.weight: got a tensor of \(5, 1, 3, 3\); expected \(4, 1, 3, 3\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(
    tmp_path: Path, make: Callable[[Path], None], wanted: str
) -> None:
    make(tmp_path)
    with pytest.raises(NetworkError, match=wanted):
        started(read_start(tmp_path / "weights.safetensors"))


def test_a_network_that_ends_in_no_dense_layer_is_refused(tmp_path: Path) -> None:
    network = Network(NUMBERS, Conv(2, 8), Flatten())
    start = read_start(save_run(tmp_path / "run", network).path)
    with pytest.raises(NetworkError, match="ends in Flatten; expected a Dense after other layers"):
        started(start)


def test_a_head_inside_a_row_of_layers_is_found(tmp_path: Path) -> None:
    network = Network(NUMBERS, Conv(4, 3), [GlobalAveragePool(), Dense(3)])
    start = read_start(save_run(tmp_path / "run", network).path)
    described, ours, drawn, words = started(start)
    assert described.output_shape((8, 8, 1)) == (2,)
    assert torch.equal(ours["sequence_2.dense_1.weight"], drawn["sequence_2.dense_1.weight"])
    assert words.endswith("the head is new (sequence_2.dense_1)")


def test_what_cannot_be_read_is_refused_with_the_way(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"pickled file.*weights_only=True"):
        read_start(tmp_path / "model.pt")
    with pytest.raises(RunError, match=r"there is no .*nothing. Give the folder of a run"):
        read_start(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="this is not a run"):
        read_start(tmp_path / "empty")
    save_file({"a.weight": torch.zeros(2)}, tmp_path / "strange.safetensors")
    with pytest.raises(NetworkError, match=r"nothing says what network.*\(a.weight …\)"):
        read_start(tmp_path / "strange.safetensors")
    save_file({"a.weight": torch.tensor([1.0, float("nan")])}, tmp_path / "lost.safetensors")
    with pytest.raises(NetworkError, match="a.weight holds numbers that are not finite"):
        read_start(tmp_path / "lost.safetensors", network=NETWORK)
    save_run(tmp_path / "table", kind="table")
    with pytest.raises(NetworkError, match="was not trained on pictures"):
        read_start(tmp_path / "table")
