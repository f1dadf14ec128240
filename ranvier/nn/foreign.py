"""Modules written elsewhere: described by watching one call, then trained as any other."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import Shape
from ranvier.nn.build import build
from ranvier.nn.modules import MODULES, Children
from ranvier.spec import Description, Foreign, Network, Node
from ranvier.spec.layer import Inputs, input_shapes


class Wrapped:
    """An `nn.Module` of the user's own, with what a described network can do.

    `network(input)` is its description: a table, a drawing, and JSON of what it consists of.
    `rv.train` takes the module wrapped or bare; it trains a copy, and the module stays as it is.

    >>> module = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> wrapped = wrap(module)
    >>> wrapped.network(3).output_shape(3), wrapped.describe(3).parameters
    ((2,), 50)
    """

    def __init__(self, module: nn.Module, example: tuple[Tensor, ...] | None) -> None:
        self.module = module
        self.example = example

    def network(self, input: Inputs | None = None) -> Network:
        """The description, for an input of this shape, or for the example.

        Raises:
            NetworkError: if the module cannot be called with such an input.
        """
        return Network(_watched(self.module, self._inputs(input)))

    def describe(self, input: Inputs | None = None) -> Description:
        """The table of every module inside. FLOPs are of matrix products and convolutions.

        Raises:
            NetworkError: if the module cannot be called with such an input.
        """
        return self.network(input).describe()

    def draw(self, input: Inputs | None = None) -> str:
        """The module as a self-contained SVG, the modules inside in the order of their calls.

        Raises:
            NetworkError: if the module cannot be called with such an input.
        """
        return self.network(input).draw()

    def _inputs(self, input: Inputs | None) -> tuple[Tensor, ...]:
        if self.example is not None:
            return self.example
        if input is None:
            raise NetworkError(
                "rv.wrap: no input is known; expected a shape without the batch axis, or an "
                "example. Call describe(16), or rv.wrap(module, example=tensor)."
            )
        weight = next(self.module.parameters(), torch.zeros(()))
        dtype = weight.dtype if weight.is_floating_point() else torch.float32
        # Two rows, since a batch of one is what some modules refuse.
        return tuple(
            torch.zeros(2, *shape, dtype=dtype, device=weight.device)
            for shape in input_shapes(input)
        )

    def __repr__(self) -> str:
        return f"rv.wrap({type(self.module).__name__})"


def wrap(module: nn.Module, example: Tensor | tuple[Tensor, ...] | None = None) -> Wrapped:
    """Describe, draw and train a module that was not built here.

    `example` is a batch for it, several tensors for several inputs; it is needed where zeros of the
    right shape will not do, as for a module that takes whole numbers.

    Raises:
        NetworkError: for anything but an `nn.Module`.
    """
    if not isinstance(module, nn.Module):
        raise NetworkError(
            f"rv.wrap: got {type(module).__name__}; expected an nn.Module. A description needs no "
            "wrapping."
        )
    return Wrapped(module, (example,) if isinstance(example, Tensor) else example)


@dataclass
class _Call:
    """What was seen of a module's calls; `operations` holds those of the modules inside."""

    takes: tuple[Shape, ...]
    before: int
    gives: tuple[Shape, ...] = ()
    operations: int = 0
    inside: list[str] = field(default_factory=list)


class _Watch:
    """Hooks on every module that write down its calls while they last."""

    def __init__(self, module: nn.Module, rows: int) -> None:
        self.rows = rows
        self.names = {each: name for name, each in module.named_modules()}
        self.calls: dict[str, _Call] = {}
        self.open: list[str] = []
        self.counter = FlopCounterMode(display=False)

    def enter(self, module: nn.Module, inputs: Any, named: Any) -> None:
        name = self.names[module]
        took = tuple(tuple(each.shape[1:]) for each in _tensors((inputs, named)))
        call = self.calls.setdefault(name, _Call(took, 0))
        call.before = self.counter.get_total_flops()
        if self.open and name not in self.calls[self.open[-1]].inside:
            self.calls[self.open[-1]].inside.append(name)
        self.open.append(name)

    def leave(self, module: nn.Module, _: Any, output: Any) -> None:
        call = self.calls[self.open.pop()]
        call.gives = tuple(tuple(each.shape[1:]) for each in _tensors(output))
        call.operations += self.counter.get_total_flops() - call.before

    def run(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        training = {each: each.training for each in self.names}
        handles: list[Any] = []
        for each in self.names:
            handles.append(each.register_forward_pre_hook(self.enter, with_kwargs=True))
            handles.append(each.register_forward_hook(self.leave))
        fast = torch.backends.mha.get_fastpath_enabled()
        try:
            module.eval()
            # torch's fused path for attention in evaluation is one operation of unknown cost.
            torch.backends.mha.set_fastpath_enabled(False)
            with torch.no_grad(), self.counter:
                module(*inputs)
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for handle in handles:
                handle.remove()
            for each, was in training.items():
                each.training = was


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor) and leaf.dim()]


def _watched(module: nn.Module, inputs: tuple[Tensor, ...]) -> Foreign:
    """The module's description, from one call in evaluation mode."""
    watch = _Watch(module, len(inputs[0]))
    try:
        watch.run(module, inputs)
    except Exception as error:
        shapes = " and ".join(str(tuple(each.shape)) for each in inputs)
        raise NetworkError(
            f"{type(module).__name__}: called with zeros of shape {shapes}, it said: {error}. "
            "Give the shape that it takes, or a batch for it: rv.wrap(module, example=tensor)."
        ) from error
    if not watch.calls[""].gives:
        raise NetworkError(
            f"{type(module).__name__}: got no tensor back from a batch of {watch.rows}; expected "
            "[batch, ...]. Let forward return a tensor."
        )
    return _described(module, "", "module", watch)


def _described(module: nn.Module, name: str, called: str, watch: _Watch) -> Foreign:
    call = watch.calls[name]
    prefix = f"{name}." if name else ""
    # A module that an inner one calls on behalf of an outer one stands where it is called.
    inside = [each for each in call.inside if watch.calls[each].gives]
    weights = {
        weight: tuple(tensor.shape)
        for weight, tensor in module.get_submodule(name).named_parameters()
        if not any(f"{prefix}{weight}".startswith(f"{each}.") for each in inside)
    }
    below = sum(watch.calls[each].operations for each in inside)
    return Foreign(
        type(module.get_submodule(name)).__name__,
        takes_shapes=call.takes or call.gives,
        gives_shapes=call.gives,
        called=called,
        weights=tuple(weights.items()),
        operations=max(0, call.operations - below) // watch.rows,
        inside=tuple(_described(module, each, each.removeprefix(prefix), watch) for each in inside),
    )


def build_or_copy(
    network: Network, input: Inputs, module: nn.Module | None, *, seed: int = 0
) -> nn.Module:
    """The network as a module: built, or a copy of the caller's own where that is described.

    Raises:
        NetworkError: for a network written elsewhere, if its module is not given or another one.
        ShapeError: for all layers that do not fit what they get, at once.
    """
    foreign = network.layers[0]
    if module is None and isinstance(foreign, Foreign):
        raise NetworkError(_not_built("network", foreign))
    if module is None:
        return build(network, input, seed=seed)
    if not isinstance(foreign, Foreign):
        raise NetworkError(
            f"module: got {type(module).__name__}, but this network was built from its "
            "description. Leave the module out."
        )
    wanted = dict(_all_weights(foreign, ""))
    has = {name: tuple(each.shape) for name, each in module.named_parameters()}
    if wanted != has:
        names = sorted({*wanted.items()} ^ {*has.items()})
        listed = ", ".join(f"{name} {shape}" for name, shape in names[:5])
        raise NetworkError(
            f"module: {type(module).__name__} has other weights than the {foreign.module} that is "
            f"described; they differ in {listed}. Give a module of the same architecture."
        )
    return copy.deepcopy(module)


def _all_weights(foreign: Foreign, prefix: str) -> list[tuple[str, Shape]]:
    found = [(prefix + name, shape) for name, shape in foreign.weights]
    for each in foreign.inside:
        assert isinstance(each, Foreign)
        found += _all_weights(each, f"{prefix}{each.called}.")
    return found


def _not_built(where: str, foreign: Foreign) -> str:
    return (
        f"{where}: {foreign.module} was written elsewhere and cannot be built from its "
        f"description. Give the module, as in rv.load(run, module={foreign.module}(...))."
    )


@MODULES.register("foreign")
def _refuse(node: Node, _: Children) -> nn.Module:
    assert isinstance(node.layer, Foreign)
    raise NetworkError(_not_built(node.path or "network", node.layer))
