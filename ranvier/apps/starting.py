"""Weights to start from: read, put under a head of the new task, and what became of each said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ranvier.core.errors import NetworkError, RunError
from ranvier.core.task import Task
from ranvier.data.image.encode import PictureEncoder, PictureForm
from ranvier.nn import build, load_weights
from ranvier.nn.published_pictures import IMAGENET_DEVIATION, IMAGENET_MEAN, recognised
from ranvier.nn.weights import read_weights
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import load_model
from ranvier.spec import Dense, Layer, Network, Normalization, Rescaling
from ranvier.spec.joining import Sequence as InARow
from ranvier.spec.layer import place_names
from ranvier.spec.layers.augmentation import Augments

_PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".tar")


@dataclass(frozen=True, eq=False)
class Start:
    """Weights, and what is known of where they come from.

    `tensors` have the names that they have in `network`, which may begin with what made numbers of
    bytes and with augmentation. `numbers` makes of bytes what the weights were trained on, None
    where nobody knows. `form` is what pictures were brought into, None where nobody knows; `size`
    are the sides without which the network is another, None where any will do. `task` is what the
    weights were trained for. Of what is `loose`, a network that somebody brought besides, only what
    fits is taken.
    """

    source: str
    network: Network
    tensors: Mapping[str, Tensor]
    numbers: Layer | None = None
    form: PictureForm | None = None
    size: tuple[int, int] | None = None
    task: Task | None = None
    loose: bool = False

    def suits(self, task: Task) -> bool:
        """Whether the last layer answers the same question, so that it is worth keeping."""
        own = self.task
        return own is not None and (own.kind, own.classes) == (task.kind, task.classes)


def read_start(source: str | Path, *, network: Network | None = None) -> Start:
    """The weights of a run, or of a safetensors file, to start a network for pictures from.

    `network` is what the caller brings to be trained. Without it a file has its description beside
    it (`network.json`), or names its tensors as torchvision or timm do.

    Raises:
        RunError: for a folder that is no run, or one without a trained model.
        NetworkError: for a file that cannot be read or that nothing says the network of, for
            weights that are no finite numbers, or those of a run on other data than pictures.
    """
    path = Path(source)
    if path.name == "weights.safetensors" and (path.parent.parent / "run.json").is_file():
        path = path.parent.parent
    if path.suffix.lower() in _PICKLED:
        raise NetworkError(
            f"start_from: {path} is a pickled file, which may run code when it is read; expected a "
            "run or a .safetensors file. Convert it where you trust it: safetensors.torch."
            "save_file(torch.load(FILE, weights_only=True), 'weights.safetensors')."
        )
    if not path.exists():
        raise RunError(
            f"start_from: there is no {path}. Give the folder of a run, or a .safetensors file."
        )
    start = _of_run(path, network) if path.is_dir() else _of_file(path, network)
    for name, tensor in start.tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise NetworkError(
                f"start_from: {path}: {name} holds numbers that are not finite. These weights are "
                "lost; give others."
            )
    return start


def _of_run(path: Path, network: Network | None) -> Start:
    run = RunFolder.open(path)
    model = load_model(run)
    kind = (model.encoder_json or {}).get("kind")
    if kind != "pictures":
        raise NetworkError(
            f"start_from: {path} was not trained on pictures. Give a run that was, or a "
            ".safetensors file."
        )
    assert model.encoder_json is not None
    encoder = PictureEncoder.from_json(model.encoder_json)
    own = Network.from_json(model.network_json) if model.network_json is not None else network
    if own is None:
        raise NetworkError(
            f"start_from: {path} trained a module of somebody's own, which no description was kept "
            "of. Give the network too, as --network or in Python."
        )
    form = encoder.form
    return Start(
        source=str(path),
        network=own if network is None else network,
        tensors=model.tensors,
        numbers=_numbers(own),
        form=form,
        size=(form.height, form.width),
        task=encoder.task,
        loose=network is not None,
    )


def _of_file(path: Path, network: Network | None) -> Start:
    tensors = read_weights(path)
    beside = path.with_name("network.json")
    own = network
    if own is None and beside.is_file():
        own = Network.from_json(beside.read_text("utf-8"))
    if own is not None:
        loose = network is not None
        return Start(str(path), own, tensors, numbers=_numbers(own), loose=loose)
    published = recognised(tensors)
    if published is None:
        some = ", ".join(list(tensors)[:3]) or "none"
        raise NetworkError(
            f"start_from: {path}: nothing says what network these weights are of; their names "
            f"({some} …) are not those of torchvision's residual networks nor of timm's vision "
            "transformers. Put its description beside it as network.json, or give --network."
        )
    module = build(published.network, published.shape)
    drawn = module.state_dict()
    # A file without the last layer is no worse for it: the head will be a new one.
    given = {**{n: drawn[_name_here(published.names, n)] for n in published.head}, **tensors}
    report = load_weights(module, given, names=published.names)
    if report.unused:
        raise NetworkError(
            f"start_from: {path} looks like {published.words}, but has more: "
            f"{', '.join(report.unused[:5])}. Give what it is as --network."
        )
    mean = tuple(255 * each for each in IMAGENET_MEAN)
    variance = tuple((255 * each) ** 2 for each in IMAGENET_DEVIATION)
    height, width, _ = published.shape
    return Start(
        source=f"{path} ({published.words})",
        network=published.network,
        tensors=module.state_dict(),
        numbers=Normalization(mean, variance),
        size=(height, width) if published.is_of_one_size else None,
    )


def _name_here(names: Mapping[str, object], theirs: str) -> str:
    layer, what = theirs.rsplit(".", 1)
    return str(names[f"{layer}.{{what}}"]).replace("{what}", what)


def network_from(
    start: Start,
    *,
    outputs: int,
    channels: int,
    numbers: Layer,
    augmentation: Sequence[Layer] = (),
) -> Network:
    """The network for a new task on pictures of so many channels.

    First what makes numbers of bytes, as the weights expect them (`numbers` where nobody knows what
    they expect), then the new data's own `augmentation`, then the layers whose weights there are,
    and in place of the last `Dense` one with `outputs`. A network that somebody brought ends as it
    does.

    Raises:
        NetworkError: for a network whose last layer is no `Dense`.
    """
    own = start.network
    trunk = own.layers[len(_before(own)) :]
    first = _of_channels(start.numbers or numbers, channels)
    layers = trunk if start.loose else _under_a_head(trunk, outputs, start.source)
    return Network(first, *augmentation, *layers, name=own.name)


def fill_(module: nn.Module, start: Start, *, keeps_head: bool = False) -> str:
    """Lay the weights onto a module that `network_from` described; what was done comes in words.

    Its last layer keeps the weights that it was drawn, unless it is to be kept.

    Raises:
        NetworkError: for all tensors at once that do not fit or are missing; of weights that are
            `loose`, where none fits.
    """
    own = module.state_dict()
    network = module.description
    assert isinstance(network, Network)
    head, old_head = head_path(network), head_path(start.network)
    names = _renamed(start.network, network)
    plan: dict[str, Tensor] = {}
    notes: list[str] = []
    problems: list[str] = []
    for theirs, tensor in start.tensors.items():
        layer, _, rest = theirs.partition(".")
        name = f"{names.get(layer, layer)}.{rest}" if rest else theirs
        if name not in own or (_is_in(theirs, old_head) and not keeps_head):
            continue
        wanted = own[name].shape
        fitting = tensor if tensor.shape == wanted else _with_channels(tensor, wanted)
        if fitting is None:
            problems.append(f"{name}: got a tensor of {tuple(tensor.shape)}; expected {(*wanted,)}")
            continue
        if fitting is not tensor:
            notes.append(f"the {tensor.shape[1]} channels of {name} became {wanted[1]}")
        plan[name] = fitting
    kept = [] if keeps_head else [name for name in own if _is_in(name, head)]
    missing = [name for name in own if name not in plan and name not in kept]
    _require(start, plan, problems, missing)
    with torch.no_grad():
        for name, tensor in plan.items():
            own[name].copy_(tensor)
    if kept:
        notes.insert(0, f"the head is new ({head})")
    if start.loose and (missing or problems):
        notes.append(f"{len(missing)} start as they were drawn, first {missing[0]}")
    return f"{len(plan)} of {len(own)} tensors from {start.source}; {'; '.join(notes)}".rstrip("; ")


def _require(
    start: Start, plan: Mapping[str, Tensor], problems: list[str], missing: list[str]
) -> None:
    lines = [] if start.loose and plan else [*problems]
    if not start.loose:
        lines += [f"{name}: nothing fills it" for name in missing if not _is_count(name)]
    elif not plan:
        some = ", ".join(list(start.tensors)[:3]) or "none"
        lines.append(f"none of its tensors ({some} …) is one of the network's")
    if lines:
        shown = "\n".join(lines[:10])
        more = f"\nand {len(lines) - 10} more" if len(lines) > 10 else ""
        raise NetworkError(
            f"start_from: the weights of {start.source} do not fit:\n{shown}{more}\n"
            "Give the network that they are of, with names as they are in the file."
        )


def head_path(network: Network) -> str:
    """The path of the last layer, inside the rows of layers that the network ends in."""
    path, layers = [], network.layers
    while True:
        path.append(place_names(layers)[-1])
        last = layers[-1]
        if type(last) is not InARow:
            return ".".join(path)
        layers = last.layers


def _before(network: Network) -> tuple[Layer, ...]:
    """The layers that come before what has weights: numbers of bytes, then augmentation."""
    found: list[Layer] = []
    for layer in network.layers:
        if not isinstance(layer, Normalization | Rescaling | Augments):
            break
        found.append(layer)
    return tuple(found)


def _numbers(network: Network) -> Layer | None:
    """What makes numbers of bytes at the beginning of a network, if anything does."""
    kinds = Normalization | Rescaling
    return next((layer for layer in _before(network) if isinstance(layer, kinds)), None)


def _of_channels(numbers: Layer, channels: int) -> Layer:
    """What makes numbers of bytes, for so many channels: by means over those that it knows."""
    if not isinstance(numbers, Normalization) or len(numbers.mean) == channels:
        return numbers
    mean = sum(numbers.mean) / len(numbers.mean)
    variance = sum(numbers.variance) / len(numbers.variance)
    return replace(numbers, mean=(mean,) * channels, variance=(variance,) * channels)


def _under_a_head(layers: tuple[Layer, ...], outputs: int, source: str) -> tuple[Layer, ...]:
    *trunk, last = layers or (None,)
    if type(last) is InARow:
        inside = _under_a_head(last.layers, outputs, source)
        return (*trunk, InARow(*inside, name=last.name))  # type: ignore[arg-type]
    if not isinstance(last, Dense) or not trunk:
        kind = "nothing" if last is None else type(last).__name__
        raise NetworkError(
            f"start_from: the network of {source} ends in {kind}; expected a Dense after other "
            "layers, in place of which a new one can be put. Give --network."
        )
    return (*trunk, replace(last, units=outputs))  # type: ignore[arg-type]


def _renamed(old: Network, new: Network) -> dict[str, str]:
    """What the layers of one network are called in the other, which may begin with others."""
    before, after = (place_names(each.layers)[len(_before(each)) :] for each in (old, new))
    return dict(zip(before, after, strict=False))


def _is_in(name: str, path: str) -> bool:
    return name.startswith(f"{path}.")


def _is_count(name: str) -> bool:
    # Older files do not count the batches that batch normalisation has seen.
    return name.endswith("num_batches_tracked")


def _with_channels(weight: Tensor, wanted: torch.Size) -> Tensor | None:
    """A convolution's weight [D, C, H, W] for pictures of other channels; None where more differs.

    A grey picture is red, green and blue alike, so that their weights add up; where there are more
    channels than before, each gets its share.
    """
    if weight.ndim != 4 or len(wanted) != 4 or 1 not in (weight.shape[1], wanted[1]):
        return None
    one = weight.sum(1, keepdim=True) / wanted[1]
    return one.expand(-1, wanted[1], -1, -1) if one[:, 0].shape == _plane(wanted) else None


def _plane(shape: torch.Size) -> torch.Size:
    return torch.Size((shape[0], *shape[2:]))
