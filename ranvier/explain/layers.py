"""Which layer Grad-CAM looks at, and its output while a picture goes through the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.core.errors import NetworkError, UnknownNameError, suggestion
from ranvier.explain.grid import Grid, grids_of, nearest_seen
from ranvier.explain.subject import Subject

# On a map of fewer places nothing can be pointed at.
FEWEST_PLACES = 36


@dataclass(frozen=True)
class MapLayer:
    """A layer by its path, and how its output is read as a map of the picture."""

    path: str
    grid: Grid


@dataclass
class Watched:
    """Outputs of modules by path, in the order in which they were last given."""

    outputs: dict[str, Tensor] = field(default_factory=dict)


@contextmanager
def watching(modules: Mapping[str, nn.Module]) -> Iterator[Watched]:
    """The outputs of these modules, as they were before anything was done to them in place."""
    watched = Watched()

    def keep(path: str) -> Any:
        def hook(_: nn.Module, inputs: Any, output: Any) -> Any:
            if not isinstance(output, Tensor):
                return output
            watched.outputs.pop(path, None)
            watched.outputs[path] = output
            # What comes next may write into what it gets, as an in-place ReLU does.
            return output.clone()

        return hook

    handles = [module.register_forward_hook(keep(path)) for path, module in modules.items()]
    try:
        yield watched
    finally:
        for handle in handles:
            handle.remove()


def map_layer(
    subject: Subject, pixels_1HWC: Tensor, target_1: Tensor, path: str | None
) -> MapLayer:
    """The layer of this path, or the last one that holds a map of the picture.

    That is the output nearest to the answer which still has the places of the last layer that has
    weights: after its activation and the sum of a residual block, before pooling. Maps of fewer
    than 6 × 6 places, as the last of small pictures are, are passed over where there are finer
    ones: they point nowhere. So is a layer whose places the answer does not hang on, such as the
    end of a transformer that reads its class token alone.

    Raises:
        UnknownNameError: for a path that the network does not have.
        NetworkError: if no layer, or not this one, holds a map of the picture.
    """
    modules = {name: each for name, each in subject.module.named_modules() if name}
    if path is not None and path not in modules:
        raise UnknownNameError(f"layer {path!r}: {suggestion(path, modules)}")
    asked = pixels_1HWC.detach().requires_grad_()
    with watching(modules if path is None else {path: modules[path]}) as watched:
        score_1 = subject.score(asked, target_1)
    height, width = pixels_1HWC.shape[1:3]
    fitting = {
        name: (grids, output)
        for name, output in watched.outputs.items()
        if output.is_floating_point() and (grids := grids_of(output.shape, height, width))
    }
    if path is not None:
        if path not in fitting:
            raise NetworkError(_no_map(path, watched.outputs.get(path)))
        chosen = path
    else:
        chosen = _last(subject.module, score_1, fitting)
    grids, output = fitting[chosen]
    return MapLayer(chosen, nearest_seen(grids, output, asked))


def _last(
    module: nn.Module, score_1: Tensor, fitting: Mapping[str, tuple[list[Grid], Tensor]]
) -> str:
    """The last layer with a map that the score hangs on."""
    learned = _after_weights(module, fitting)
    if not learned:
        raise NetworkError(
            f"{type(module).__name__}: no layer holds a map of the picture, as that of a "
            "convolution does, so there is none for grad_cam to look at. Use integrated_gradients "
            "or occlusion, which need none."
        )
    outputs = [fitting[name][1] for name in learned]
    gradients = torch.autograd.grad(
        score_1.sum(), outputs, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    used = [
        name
        for name, gradient in zip(learned, gradients, strict=True)
        if any(grid.read(gradient).any() for grid in fitting[name][0])
    ] or learned
    places = {name: max(grid.places for grid in fitting[name][0]) for name in used}
    weighty = [n for n in used if _has_weights(module.get_submodule(n), recurse=False)] or used
    telling = [name for name in weighty if places[name] >= FEWEST_PLACES] or weighty
    finest = places[telling[-1]]
    return [name for name in used if places[name] == finest][-1]


def _after_weights(module: nn.Module, names: Mapping[str, Any]) -> list[str]:
    """Those that come with or after the first weights; what comes before only prepares pixels."""
    ordered = list(names)
    first = next(
        (
            index
            for index, name in enumerate(ordered)
            if _has_weights(module.get_submodule(name), recurse=True)
        ),
        len(ordered),
    )
    return ordered[first:]


def _has_weights(module: nn.Module, *, recurse: bool) -> bool:
    return next(module.parameters(recurse=recurse), None) is not None


def _no_map(path: str, output: Tensor | None) -> str:
    came = "gives no tensor in a call" if output is None else f"gives {tuple(output.shape)}"
    return (
        f"layer {path!r}: {came}; expected a map of the picture, [B, h, w, C], [B, C, h, w] or a "
        "row of patches [B, T, C]. Name a convolution or a block before the pooling."
    )
