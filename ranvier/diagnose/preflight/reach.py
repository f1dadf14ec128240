"""Which tensors a loss depends on, read from the graph that autograd keeps of its computation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ranvier.diagnose.preflight.calls import first_tensor
from ranvier.diagnose.untouched import untouched

ROWS = 8
# A loss stands only so many operations above what the network gives, and no product among them.
NEAR_THE_LOSS = 6
_PRODUCTS = ("Addmm", "Mm", "Bmm", "Convolution", "LogSoftmax", "NativeLayerNorm")


@dataclass(frozen=True)
class Reached:
    """The paths of parameters that a loss depends on, and names of tensors nobody registered."""

    reached: frozenset[str]
    unregistered: tuple[str, ...]


def reached(
    module: nn.Module,
    loss: Callable[..., Tensor] | None,
    inputs: Tensor,
    targets: Tensor,
    *,
    optimized: Iterable[Tensor] = (),
) -> Reached | None:
    """What the loss of a few rows depends on, or the outputs where no loss is given.

    In training mode, in which alone some parts of a network run; None where nothing leads back to
    any tensor at all, as where the network is run without gradients on purpose.
    """
    with untouched(module), torch.inference_mode(False), torch.enable_grad():
        module.train()
        outputs = module(inputs[:ROWS])
        value = first_tensor(outputs) if loss is None else loss(outputs, targets[:ROWS])
    found = {id(leaf): leaf for leaf in leaves(value)}
    known = {id(p) for p in [*module.parameters(), *optimized, *_own_parameters(loss)]}
    if not found and not any(p.requires_grad for p in module.parameters()):
        return None
    strangers = [leaf for key, leaf in found.items() if key not in known]
    names = _names(module, strangers)
    paths = [path for path, parameter in module.named_parameters() if id(parameter) in found]
    return Reached(frozenset(paths), tuple(names))


def _own_parameters(loss: Any) -> Iterator[Tensor]:
    if isinstance(loss, nn.Module):
        yield from loss.parameters()


def leaves(value: Any) -> Iterator[Tensor]:
    """The tensors in which the graph behind a value ends, each once."""
    if not isinstance(value, Tensor):
        return
    if value.grad_fn is None:
        if value.requires_grad:
            yield value
        return
    seen: set[Any] = set()
    waiting: list[Any] = [value.grad_fn]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            yield variable
        waiting += [parent for parent, _ in node.next_functions if parent is not None]


def _names(module: nn.Module, tensors: Collection[Tensor]) -> list[str]:
    """Where in the network's own attributes these lie; their shapes where they are not found."""
    if not tensors:
        return []
    places = {
        id(tensor): f"{path}.{name}" if path else name
        for path, each in module.named_modules()
        for attribute, value in each.__dict__.items()
        if attribute not in ("_parameters", "_buffers", "_modules")
        for name, tensor in _held(attribute, value)
    }
    return [places.get(id(each), f"a tensor of shape {tuple(each.shape)}") for each in tensors]


def _held(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors that an attribute holds: itself, in a list or mapping, or in layers in there."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, nn.Module):
        for inner, parameter in value.named_parameters():
            yield f"{name}.{inner}", parameter
    elif isinstance(value, list | tuple):
        for place, each in enumerate(value):
            yield from _held(f"{name}[{place}]", each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _held(f"{name}[{key!r}]", each)


def pairs_every_row(loss: Any) -> bool | None:
    """Whether the loss of a batch compared every output with every target.

    Near the loss, a table `[N, N]` that was made of `[N, 1]` or `[N]` by repeating it. Read from
    the graph, which says so even after the backward pass. None where there is no graph.
    """
    if not isinstance(loss, Tensor) or loss.grad_fn is None:
        return None
    level: list[Any] = [loss.grad_fn]
    for _ in range(NEAR_THE_LOSS):
        parents = [
            (node, parent)
            for node in level
            if not node.name().startswith(_PRODUCTS)
            for parent, _ in node.next_functions
            if parent
        ]
        if any(_repeats(node, parent) for node, parent in parents):
            return True
        level = [parent for _, parent in parents]
    return False


def _repeats(node: Any, parent: Any) -> bool:
    whole, part = _shape(node), _shape(parent)
    if len(whole) != 2 or whole[0] != whole[1] or whole[0] < 2:
        return False
    # A bias of as many units as rows is repeated too, but it is a leaf.
    return part in ((whole[0], 1), (whole[0],)) and not hasattr(parent, "variable")


def _shape(node: Any) -> tuple[int, ...]:
    described = getattr(node, "_input_metadata", ())
    return tuple(described[0].shape) if described else ()


# Nodes of the graph that are activations, by the name that the rest of the doctor has for them.
_ACTIVATIONS = {
    "SigmoidBackward0": "sigmoid",
    "SoftmaxBackward0": "softmax",
    "LogSoftmaxBackward0": "log_softmax",
    "TanhBackward0": "tanh",
    "ReluBackward0": "relu",
}
# A loss and what a loop does before it take no more operations than this.
DEEPEST, MOST_NODES = 12, 200


def activations_between(value: Any, outputs: Any) -> list[str] | None:
    """The activations in the graph on the way from a loss down to the node `outputs`.

    None where no way leads there.
    """
    if not isinstance(value, Tensor) or value.grad_fn is None or outputs is None:
        return None
    waiting: list[tuple[Any, list[str]]] = [(value.grad_fn, [])]
    for _ in range(MOST_NODES):
        if not waiting:
            return None
        node, met = waiting.pop(0)
        if node is outputs:
            return [_ACTIVATIONS[name] for name in met if name in _ACTIVATIONS]
        if len(met) < DEEPEST:
            names = [*met, node.name()]
            waiting += [(parent, names) for parent, _ in node.next_functions if parent is not None]
    return None


def own_activations(loss: Callable[..., Tensor], outputs: Tensor, targets: Tensor) -> list[str]:
    """The activations that a loss applies itself; none of one that fails."""
    with torch.inference_mode(False), torch.enable_grad():
        given = outputs.detach().clone().requires_grad_() * 1
        try:
            return activations_between(loss(given, targets), given.grad_fn) or []
        except Exception:  # somebody else's loss: anything may come
            return []
