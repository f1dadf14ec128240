"""Which pixels the answer of a network rests on: the one way into every method.

B pictures, H × W pixels, C channels, K outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.core.errors import ConfigError, DataError, NetworkError
from ranvier.core.kinds import from_spec
from ranvier.explain.method import METHODS, Method
from ranvier.explain.subject import Subject, rows_at_a_time, still


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each pixel has to do with one output of a network.

    `scores` holds a number for each pixel, or for each of its channels, as `method` defines it;
    `targets` are the outputs that were explained, and `outputs` their values at the pictures.
    `error` is how far the scores are from adding up to what they should, where the method has such
    a sum; `layer` is the layer that was looked at, where there is one.

    Shapes: scores: [B, H, W] or [B, H, W, C]; targets, outputs, error: [B]
    """

    method: Method
    scores: Tensor
    targets: Tensor
    outputs: Tensor
    error: Tensor | None = None
    layer: str | None = None

    @property
    def heat(self) -> Tensor:
        """One number a pixel, `[B, H, W]`: the sum of its channels, or the largest of sizes."""
        if self.scores.dim() == 3:
            return self.scores
        return self.scores.sum(-1) if self.method.is_signed else self.scores.amax(-1)


def attribute(
    module: nn.Module,
    pictures: Tensor,
    *,
    method: str | Mapping[str, Any] | Method = "grad_cam",
    targets: Tensor | int | None = None,
    layer: str | None = None,
    is_pair: bool = False,
) -> Attribution:
    """Say which pixels the outputs of `module` for these pictures rest on.

    `pictures` are what the module takes, bytes or numbers; `targets` the outputs to explain, one a
    picture or one for all, the largest of each picture unless told. `method` is a name, a mapping
    `{"kind": "occlusion", "window": 5}`, or a value such as `Occlusion(window=5)`. `layer` is the
    path of the layer that the methods of maps look at. `is_pair` says that there are two classes:
    one output alone is then the logit of the second.

    The module is asked in evaluation mode; its modes and gradients are as before afterwards. The
    same call gives the same numbers.

    >>> module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> found = attribute(module, torch.rand(3, 2, 2, 1), method="saliency", targets=1)
    >>> torch.equal(found.heat[0], module[1].weight[1].abs().view(2, 2))
    True

    Shapes: pictures: [B, H, W, C]

    Raises:
        ConfigError: for options of the method that cannot be, or a target that is no output.
        DataError: for what is no batch of pictures.
        NetworkError: if the module is no network of pictures, or the method does not fit it.
        UnknownNameError: for a method or a layer that there is not.
    """
    chosen = method_with(method, layer)
    with still(module):
        pixels = _numbers(module, pictures)
        subject = Subject(module, rows_at_a_time(*pixels.shape[1:3]), is_pair)
        outputs_BK = _outputs(subject, pixels)
        _check_bytes(subject, pictures, outputs_BK[:1])
        targets_B = _targets(targets, outputs_BK)
        found = chosen.scores(subject, pixels, targets_B)
    values_B = outputs_BK.gather(1, targets_B.unsqueeze(1)).squeeze(1)
    return Attribution(chosen, found.values.detach(), targets_B, values_B, found.error, found.layer)


def method_with(method: str | Mapping[str, Any] | Method, layer: str | None = None) -> Method:
    """The method that is meant, looking at `layer` if that is given.

    Raises:
        ConfigError: if the method has no such options, or looks at no layer.
        UnknownNameError: if there is no such method.
    """
    found = from_spec(METHODS, method)
    if layer is None:
        return found
    having = [kind for kind, each in METHODS.items() if "layer" in _options(each)]
    if found.kind not in having:
        raise ConfigError(
            f"layer {layer!r}: {found.kind} looks at no layer; expected one of "
            f"{', '.join(having)}. Leave the layer out, or choose one of those."
        )
    return dataclasses.replace(found, layer=layer)  # type: ignore[type-var, call-arg]


def _options(method: type[Method]) -> set[str]:
    return {field.name for field in dataclasses.fields(method)}  # type: ignore[arg-type]


def _numbers(module: nn.Module, pictures: Tensor) -> Tensor:
    """The pictures in the module's own kind of number, on its device."""
    if pictures.dim() != 4 or 0 in pictures.shape:
        raise DataError(
            f"pictures: got {tuple(pictures.shape)}; expected a batch of pictures [B, H, W, C] "
            "with none of these zero. Put one picture in a batch of its own: picture[None]."
        )
    kinds = [each for each in (*module.parameters(), *module.buffers()) if each.is_floating_point()]
    dtype = kinds[0].dtype if kinds else torch.get_default_dtype()
    device = kinds[0].device if kinds else pictures.device
    return pictures.detach().to(device, dtype)


def _outputs(subject: Subject, pixels_BHWC: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([subject.outputs(block) for block in pixels_BHWC.split(subject.rows)])


def _check_bytes(subject: Subject, pictures: Tensor, output_1K: Tensor) -> None:
    """Refuse a network that answers bytes otherwise than the same numbers in floating point.

    A gradient with respect to bytes there is not, and one with respect to numbers that the network
    takes for something else would explain another answer.
    """
    if pictures.is_floating_point():
        return
    try:
        with torch.no_grad():
            as_bytes_1K = subject.outputs(pictures[:1].to(output_1K.device))
    except NetworkError:
        return  # It takes floating point alone, so there is nothing that it could mean otherwise.
    if not torch.allclose(as_bytes_1K.to(output_1K.dtype), output_1K, rtol=1e-3, atol=1e-3):
        raise NetworkError(
            f"{type(subject.module).__name__}: answers whole numbers otherwise than the same "
            "numbers in floating point, so no pixel can be changed a little. Give the pictures as "
            "the floating-point numbers that it takes."
        )


def _targets(targets: Tensor | int | None, outputs_BK: Tensor) -> Tensor:
    count = outputs_BK.shape[1]
    if targets is None:
        return outputs_BK.argmax(1)
    given = torch.as_tensor(targets, dtype=torch.long, device=outputs_BK.device)
    if given.dim() > 1 or (given.dim() == 1 and len(given) != len(outputs_BK)):
        raise ConfigError(
            f"targets: got shape {tuple(given.shape)} for {len(outputs_BK)} pictures; expected one "
            "for all, or one a picture."
        )
    if given.min() < 0 or given.max() >= count:
        raise ConfigError(
            f"targets: got {int(given.min() if given.min() < 0 else given.max())}; the network has "
            f"outputs 0 to {count - 1}. Name one of those."
        )
    return given.expand(len(outputs_BK))
