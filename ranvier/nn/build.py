"""From a description to modules: one builder for every layer, by name, pure in the seed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn

from ranvier.core.errors import NetworkError
from ranvier.core.registry import Registry
from ranvier.core.shapes import Shape
from ranvier.nn.initializers import fill_
from ranvier.spec import Layer, Node, trace
from ranvier.spec.layer import input_shape

Children = OrderedDict[str, nn.Module]
Maker = Callable[[Node, Children], nn.Module]

MODULES: Registry[Maker] = Registry("module")
"""Our own modules by kind of layer: called with the layer in its place and the modules inside."""


def build(network: Layer, shape: int | Shape | list[int], *, seed: int = 0) -> nn.Module:
    """The plain `nn.Module` that computes `network` on `[batch, *shape]`.

    Names of modules and parameters follow the description's paths: `residual_2.dense_1.bias`. The
    weights are a function of the seed, the path and the shape alone, so a layer that is put in
    or taken out elsewhere leaves them as they are; the global random state is not touched.

    The module carries `.description` (what it was built from) and `.input_shape`.

    Raises:
        ShapeError: for all layers that do not fit what they get, at once.
    """
    node = trace(network, input_shape(shape))
    # torch's constructors draw weights of their own, which ours replace.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        module = _module(node)
    _initialise(module, node, seed)
    vars(module).update(description=network, input_shape=node.inputs[0])
    return module


def _module(node: Node) -> nn.Module:
    children: Children = OrderedDict((child.name, _module(child)) for child in node.children)
    declared = node.layer.torch_module(*node.inputs)
    try:
        if declared is not None:
            return getattr(nn, declared.name)(**declared.arguments)
        return MODULES[node.layer.kind](node, children)
    except KeyError as error:
        if isinstance(error, NetworkError) or "already exists" not in str(error):
            raise
        raise NetworkError(
            f"{node.path or 'network'}: torch keeps one of the names {', '.join(children)} for "
            "itself. Give that layer another name."
        ) from error


def _initialise(module: nn.Module, node: Node, seed: int) -> None:
    """Fill every parameter as its description says."""
    parameters = dict(module.named_parameters())
    for inner in node.walk():
        for name, described in inner.parameters.items():
            path = f"{inner.path}.{name}" if inner.path else name
            parameter = parameters.pop(path)
            assert tuple(parameter.shape) == described.shape, f"{path}: {tuple(parameter.shape)}"
            fill_(parameter, described, seed=seed, path=path)
    assert not parameters, f"not described: {', '.join(parameters)}"
